-- Statistics, credit, certificate and registry libraries.
create schema statistics;
comment on schema statistics is '统计库：指标与观测值，保留每次发布的版本';

create table statistics.indicator (
    indicator_code text primary key,
    name text not null,
    unit text,
    source_dataset text not null,
    row_hash uuid,
    version_from date not null
);
comment on table statistics.indicator is '统计指标';
comment on column statistics.indicator.indicator_code is '指标代码';
comment on column statistics.indicator.name is '指标名称（无空格、缩进、# 与脚注号）';
comment on column statistics.indicator.unit is '计量单位；同一指标只有一种';
comment on column statistics.indicator.source_dataset is '来源数据集';

create table statistics.observation (
    indicator_code text not null,
    region_code text not null check (length(region_code) = 12),
    object_code text not null,
    frequency text not null check (frequency in ('A', 'Q', 'M', 'D')),
    period text not null,
    measure text not null check (measure in ('period', 'cumulative', 'level', 'growth')),
    value double precision,
    unit text,
    original_value text,
    original_unit text,
    status text not null check (status in ('normal', 'missing', 'trace', 'revised')),
    released_on date not null,
    dataset text not null,
    source_key text not null,
    row_hash uuid,
    version_from date not null,
    primary key (indicator_code, region_code, object_code, frequency, period, measure, released_on)
);
create index on statistics.observation (dataset, source_key);
create index on statistics.observation (region_code, period);
comment on table statistics.observation is '观测值：修订是新的一行，从不覆盖';
comment on column statistics.observation.indicator_code is '指标代码';
comment on column statistics.observation.region_code is '区划代码（12 位）';
comment on column statistics.observation.object_code is '对象代码（气象站号）；无则为空串';
comment on column statistics.observation.frequency is '频度：A 年，Q 季，M 月，D 日';
comment on column statistics.observation.period is '时期：2018、2018-Q1、2018-03、2018-03-01';
comment on column statistics.observation.measure is '数值类型：period 当期，cumulative 累计，level 时点，growth 增长（%）';
comment on column statistics.observation.value is '数值（按 unit）';
comment on column statistics.observation.unit is '计量单位';
comment on column statistics.observation.original_value is '交付的数值文本';
comment on column statistics.observation.original_unit is '交付的计量单位';
comment on column statistics.observation.status is 'normal 正常，missing 无数据，trace 微量，revised 与上一版不同';
comment on column statistics.observation.released_on is '发布日期（交付日期），即版本';
comment on column statistics.observation.dataset is '数据集';
comment on column statistics.observation.source_key is '来源主键';

create view statistics.latest as
select distinct on (indicator_code, region_code, object_code, frequency, period, measure)
    indicator_code, region_code, object_code, frequency, period, measure, value, unit, original_value, original_unit, status, released_on
from statistics.observation
order by indicator_code, region_code, object_code, frequency, period, measure, released_on desc;
comment on view statistics.latest is '每个观测值的最新版本';

create schema credit;
comment on schema credit is '信用库：双公示、名单、评级';

create table credit.permit (
    dataset text not null,
    source_key text not null,
    subject_name text,
    subject_code text,
    entity_id text,
    person_id text,
    decided_on date,
    valid_from date,
    valid_to date,
    displayed_until date,
    xk_xdr_mc text,
    xk_xdr_lb text,
    xk_xdr_shxym text,
    xk_xdr_gszc text,
    xk_xdr_zzjg text,
    xk_xdr_swdj text,
    xk_xdr_sydw text,
    xk_xdr_shzz text,
    xk_frdb text,
    xk_xkws text,
    xk_wsh text,
    xk_xklb text,
    xk_xkzs text,
    xk_xkbh text,
    xk_nr text,
    xk_jdrq date,
    xk_yxqz date,
    xk_yxqzi date,
    xk_xkjg text,
    xk_xkjgdm text,
    xk_zt text,
    xk_lydw text,
    xk_lydwdm text,
    bz text,
    row_hash uuid,
    version_from date not null,
    primary key (dataset, source_key)
);
create index on credit.permit (entity_id);
create index on credit.permit (person_id);
comment on table credit.permit is '行政许可（发改办财金〔2018〕424号）';
comment on column credit.permit.dataset is '数据集';
comment on column credit.permit.source_key is '来源主键';
comment on column credit.permit.subject_name is '主体名称';
comment on column credit.permit.subject_code is '主体代码（自然人的证件号码不存）';
comment on column credit.permit.entity_id is '单位标识';
comment on column credit.permit.person_id is '人口标识';
comment on column credit.permit.decided_on is '决定日期';
comment on column credit.permit.valid_from is '有效期自';
comment on column credit.permit.valid_to is '有效期至；空为长期';
comment on column credit.permit.displayed_until is '公示截止日期';
comment on column credit.permit.xk_xdr_mc is '行政相对人名称';
comment on column credit.permit.xk_xdr_lb is '行政相对人类别';
comment on column credit.permit.xk_xdr_shxym is '统一社会信用代码';
comment on column credit.permit.xk_xdr_gszc is '工商注册号';
comment on column credit.permit.xk_xdr_zzjg is '组织机构代码';
comment on column credit.permit.xk_xdr_swdj is '税务登记号';
comment on column credit.permit.xk_xdr_sydw is '事业单位证书号';
comment on column credit.permit.xk_xdr_shzz is '社会组织登记证号';
comment on column credit.permit.xk_frdb is '法定代表人';
comment on column credit.permit.xk_xkws is '行政许可决定文书名称';
comment on column credit.permit.xk_wsh is '行政许可决定文书号';
comment on column credit.permit.xk_xklb is '许可类别';
comment on column credit.permit.xk_xkzs is '许可证书名称';
comment on column credit.permit.xk_xkbh is '许可编号';
comment on column credit.permit.xk_nr is '许可内容';
comment on column credit.permit.xk_jdrq is '许可决定日期';
comment on column credit.permit.xk_yxqz is '有效期自';
comment on column credit.permit.xk_yxqzi is '有效期至';
comment on column credit.permit.xk_xkjg is '许可机关';
comment on column credit.permit.xk_xkjgdm is '许可机关代码';
comment on column credit.permit.xk_zt is '当前状态';
comment on column credit.permit.xk_lydw is '数据来源单位';
comment on column credit.permit.xk_lydwdm is '数据来源单位代码';
comment on column credit.permit.bz is '备注';
create table credit.permit_history (like credit.permit, version_to date not null);
create index on credit.permit_history (dataset, source_key);
comment on table credit.permit_history is '行政许可（发改办财金〔2018〕424号）：历史版本';

create table credit.penalty (
    dataset text not null,
    source_key text not null,
    subject_name text,
    subject_code text,
    entity_id text,
    person_id text,
    decided_on date,
    valid_to date,
    displayed_until date,
    cf_xdr_mc text,
    cf_xdr_lb text,
    cf_xdr_shxym text,
    cf_xdr_gszc text,
    cf_xdr_zzjg text,
    cf_xdr_swdj text,
    cf_xdr_sydw text,
    cf_xdr_shzz text,
    cf_frdb text,
    cf_wsh text,
    cf_wfxw text,
    cf_sy text,
    cf_yj text,
    cf_cflb text,
    cf_nr text,
    cf_nr_fk numeric(18, 6),
    cf_nr_wfff numeric(18, 6),
    cf_nr_zkdx text,
    cf_jdrq date,
    cf_yxq date,
    cf_gsjzq date,
    cf_cfjg text,
    cf_cfjgdm text,
    cf_sjly text,
    cf_sjlydm text,
    bz text,
    row_hash uuid,
    version_from date not null,
    primary key (dataset, source_key)
);
create index on credit.penalty (entity_id);
create index on credit.penalty (person_id);
comment on table credit.penalty is '行政处罚（发改办财金〔2018〕424号），金额单位万元';
comment on column credit.penalty.dataset is '数据集';
comment on column credit.penalty.source_key is '来源主键';
comment on column credit.penalty.subject_name is '主体名称';
comment on column credit.penalty.subject_code is '主体代码（自然人的证件号码不存）';
comment on column credit.penalty.entity_id is '单位标识';
comment on column credit.penalty.person_id is '人口标识';
comment on column credit.penalty.decided_on is '决定日期';
comment on column credit.penalty.valid_to is '有效期至；空为长期';
comment on column credit.penalty.displayed_until is '公示截止日期';
comment on column credit.penalty.cf_xdr_mc is '行政相对人名称';
comment on column credit.penalty.cf_xdr_lb is '行政相对人类别';
comment on column credit.penalty.cf_xdr_shxym is '统一社会信用代码';
comment on column credit.penalty.cf_xdr_gszc is '工商注册号';
comment on column credit.penalty.cf_xdr_zzjg is '组织机构代码';
comment on column credit.penalty.cf_xdr_swdj is '税务登记号';
comment on column credit.penalty.cf_xdr_sydw is '事业单位证书号';
comment on column credit.penalty.cf_xdr_shzz is '社会组织登记证号';
comment on column credit.penalty.cf_frdb is '法定代表人';
comment on column credit.penalty.cf_wsh is '行政处罚决定书文号';
comment on column credit.penalty.cf_wfxw is '违法行为类型';
comment on column credit.penalty.cf_sy is '违法事实';
comment on column credit.penalty.cf_yj is '处罚依据';
comment on column credit.penalty.cf_cflb is '处罚类别';
comment on column credit.penalty.cf_nr is '处罚内容';
comment on column credit.penalty.cf_nr_fk is '罚款金额（万元）';
comment on column credit.penalty.cf_nr_wfff is '没收违法所得、没收非法财物的金额（万元）';
comment on column credit.penalty.cf_nr_zkdx is '暂扣或吊销证照名称及编号';
comment on column credit.penalty.cf_jdrq is '处罚决定日期';
comment on column credit.penalty.cf_yxq is '处罚有效期';
comment on column credit.penalty.cf_gsjzq is '公示截止期';
comment on column credit.penalty.cf_cfjg is '处罚机关';
comment on column credit.penalty.cf_cfjgdm is '处罚机关代码';
comment on column credit.penalty.cf_sjly is '数据来源单位';
comment on column credit.penalty.cf_sjlydm is '数据来源单位代码';
comment on column credit.penalty.bz is '备注';
create table credit.penalty_history (like credit.penalty, version_to date not null);
create index on credit.penalty_history (dataset, source_key);
comment on table credit.penalty_history is '行政处罚（发改办财金〔2018〕424号），金额单位万元：历史版本';

create table credit.list_entry (
    dataset text not null,
    source_key text not null,
    list text not null check (list in ('red', 'black', 'abnormal', 'dishonest', 'arrears')),
    subject_name text,
    subject_code text,
    entity_id text,
    person_id text,
    reason text,
    decided_by text,
    listed_on date,
    removed_on date,
    valid_to date,
    amount numeric(20, 2),
    document_number text,
    row_hash uuid,
    version_from date not null,
    primary key (dataset, source_key)
);
create index on credit.list_entry (entity_id);
create index on credit.list_entry (person_id);
comment on table credit.list_entry is '名单：红名单、黑名单、经营异常、失信被执行人、欠税';
comment on column credit.list_entry.dataset is '数据集';
comment on column credit.list_entry.source_key is '来源主键';
comment on column credit.list_entry.list is '名单：red 红，black 黑，abnormal 经营异常，dishonest 失信被执行人，arrears 欠税';
comment on column credit.list_entry.subject_name is '主体名称';
comment on column credit.list_entry.subject_code is '主体代码（自然人的证件号码不存）';
comment on column credit.list_entry.entity_id is '单位标识';
comment on column credit.list_entry.person_id is '人口标识';
comment on column credit.list_entry.reason is '列入原因';
comment on column credit.list_entry.decided_by is '认定单位';
comment on column credit.list_entry.listed_on is '列入日期';
comment on column credit.list_entry.removed_on is '移出日期；从全量名单消失者为该次交付日期';
comment on column credit.list_entry.valid_to is '有效期至';
comment on column credit.list_entry.amount is '金额（元）';
comment on column credit.list_entry.document_number is '文号';
create table credit.list_entry_history (like credit.list_entry, version_to date not null);
create index on credit.list_entry_history (dataset, source_key);
comment on table credit.list_entry_history is '名单：历史版本';

create table credit.rating (
    dataset text not null,
    source_key text not null,
    subject_name text,
    subject_code text,
    entity_id text,
    scheme text,
    year text,
    grade text,
    row_hash uuid,
    version_from date not null,
    primary key (dataset, source_key)
);
create index on credit.rating (entity_id);
comment on table credit.rating is '评级';
comment on column credit.rating.dataset is '数据集';
comment on column credit.rating.source_key is '来源主键';
comment on column credit.rating.subject_name is '主体名称';
comment on column credit.rating.subject_code is '主体代码';
comment on column credit.rating.entity_id is '单位标识';
comment on column credit.rating.scheme is '评级方案';
comment on column credit.rating.year is '年度';
comment on column credit.rating.grade is '等级';
create table credit.rating_history (like credit.rating, version_to date not null);
create index on credit.rating_history (dataset, source_key);
comment on table credit.rating_history is '评级：历史版本';

create schema certificate;
comment on schema certificate is '电子证照库';

create table certificate.certificate (
    dataset text not null,
    source_key text not null,
    certificate_id text,
    type_code text,
    type_name text,
    number text,
    holder_name text,
    holder_code text,
    entity_id text,
    person_id text,
    issuer text,
    issued_on date,
    valid_from date,
    valid_to date,
    status text not null check (status in ('valid', 'expired', 'revoked', 'suspended')),
    row_hash uuid,
    version_from date not null,
    primary key (dataset, source_key)
);
create index on certificate.certificate (entity_id);
create index on certificate.certificate (person_id);
comment on table certificate.certificate is '证照：状态按业务日期（先看吊销，再看暂扣，再看过期；有效期至当日仍有效）';
comment on column certificate.certificate.dataset is '数据集';
comment on column certificate.certificate.source_key is '来源主键';
comment on column certificate.certificate.certificate_id is '电子证照标识（GB/T 36904-2018）';
comment on column certificate.certificate.type_code is '证照类型代码';
comment on column certificate.certificate.type_name is '证照类型名称';
comment on column certificate.certificate.number is '证照编号';
comment on column certificate.certificate.holder_name is '持证主体';
comment on column certificate.certificate.holder_code is '持证主体代码（自然人的证件号码不存）';
comment on column certificate.certificate.entity_id is '单位标识';
comment on column certificate.certificate.person_id is '人口标识';
comment on column certificate.certificate.issuer is '颁发机构';
comment on column certificate.certificate.issued_on is '颁发日期';
comment on column certificate.certificate.valid_from is '有效期自';
comment on column certificate.certificate.valid_to is '有效期至；空为长期';
comment on column certificate.certificate.status is '状态：valid 有效，expired 过期，revoked 吊销或注销，suspended 暂扣';
create table certificate.certificate_history (like certificate.certificate, version_to date not null);
create index on certificate.certificate_history (dataset, source_key);
comment on table certificate.certificate_history is '证照：历史版本';

create schema registry;
comment on schema registry is '政务信息系统登记';

create table registry.information_system (
    dataset text not null,
    source_key text not null,
    department text,
    system_name text,
    unit text,
    function text,
    scope text,
    frequency text,
    network text,
    classified text,
    in_cloud text,
    migrate_by text,
    connected_claimed text,
    connected_actual boolean,
    approved_by text,
    approved_on text,
    funding_source text,
    yearly_cost numeric(18, 2),
    status text,
    fundable boolean,
    fundable_reason text,
    row_hash uuid,
    version_from date not null,
    primary key (dataset, source_key)
);
comment on table registry.information_system is '政务信息系统（任务清单附件1）';
comment on column registry.information_system.dataset is '数据集';
comment on column registry.information_system.source_key is '来源主键';
comment on column registry.information_system.department is '部门代码';
comment on column registry.information_system.system_name is '系统名称';
comment on column registry.information_system.unit is '填报单位';
comment on column registry.information_system.function is '系统功能';
comment on column registry.information_system.scope is '使用范围';
comment on column registry.information_system.frequency is '使用频度';
comment on column registry.information_system.network is '网络';
comment on column registry.information_system.classified is '是否涉密';
comment on column registry.information_system.in_cloud is '是否迁移上云';
comment on column registry.information_system.migrate_by is '计划迁移时间';
comment on column registry.information_system.connected_claimed is '是否接入共享平台（部门所填）';
comment on column registry.information_system.connected_actual is '是否接入共享平台（按实际交付）';
comment on column registry.information_system.approved_by is '建设审批部门';
comment on column registry.information_system.approved_on is '审批时间';
comment on column registry.information_system.funding_source is '经费来源';
comment on column registry.information_system.yearly_cost is '年运维经费（元）';
comment on column registry.information_system.status is '状态';
comment on column registry.information_system.fundable is '可否安排经费';
comment on column registry.information_system.fundable_reason is '理由';
create table registry.information_system_history (like registry.information_system, version_to date not null);
create index on registry.information_system_history (dataset, source_key);
comment on table registry.information_system_history is '政务信息系统（任务清单附件1）：历史版本';

-- the same two words of every published table, and the columns of history tables
do $$
declare t record;
begin
    for t in
        select n.nspname, k.relname, a.attname from pg_attribute a join pg_class k on k.oid = a.attrelid join pg_namespace n on n.oid = k.relnamespace
        where n.nspname in ('statistics', 'credit', 'certificate', 'registry') and k.relkind in ('r', 'v') and a.attnum > 0 and not a.attisdropped
            and col_description(k.oid, a.attnum) is null
    loop
        execute format('comment on column %I.%I.%I is %L', t.nspname, t.relname, t.attname, coalesce(
            case t.attname when 'row_hash' then '行指纹' when 'version_from' then '本版本自何业务日期起' when 'version_to' then '本版本至何业务日期止（不含）' end,
            (select col_description(b.oid, c.attnum) from pg_class b join pg_namespace m on m.oid = b.relnamespace join pg_attribute c on c.attrelid = b.oid
             where m.nspname = t.nspname and b.relname in (replace(t.relname, '_history', ''), 'observation') and b.relname <> t.relname and c.attname = t.attname limit 1)));
    end loop;
end $$;
