-- How long credit records are shown, what is shown outward, whose number fitted; certificates on any day; figures that add up.

-- ── 公示期限 ──
create table credit.display_term (
    term text primary key,
    regime text not null,
    document_number text not null,
    article text,
    record_kind text not null check (record_kind in ('permit', 'penalty', 'red', 'black', 'abnormal', 'dishonest', 'arrears')),
    severity text not null check (severity in ('any', 'minor', 'general', 'serious', 'grave')),
    minimum_months integer check (minimum_months >= 0),
    maximum_months integer check (maximum_months >= minimum_months),
    repairable boolean not null,
    shown boolean not null,
    valid_from date,
    valid_to date,
    rank integer not null,
    category text,
    matter text,
    law_source text not null,
    certainty text not null check (certainty in ('confirmed', 'known')),
    row_hash uuid,
    version_from date not null,
    constraint a_term_ends_after_it_begins check (valid_to >= valid_from)
);
comment on table credit.display_term is '公示期限与信用修复规定：按制度、记录种类、失信程度与决定日期；由 schemas/credit_terms.yml 声明';
comment on column credit.display_term.term is '规定的名称（唯一）';
comment on column credit.display_term.regime is '制度';
comment on column credit.display_term.document_number is '文号';
comment on column credit.display_term.article is '条款或要点';
comment on column credit.display_term.record_kind is '记录种类：permit 许可，penalty 处罚，red 红名单，black 黑名单，abnormal 经营异常，dishonest 失信被执行人，arrears 欠税';
comment on column credit.display_term.severity is '失信程度：minor 轻微，general 一般，serious 严重，grave 特定严重（公示期间不予修复），any 不分';
comment on column credit.display_term.minimum_months is '最短公示期（月），满后方可修复；空为无规定';
comment on column credit.display_term.maximum_months is '最长公示期（月），届满自动停止公示；空为无规定';
comment on column credit.display_term.repairable is '最短公示期满后可否修复';
comment on column credit.display_term.shown is '是否公示；否为不予公示';
comment on column credit.display_term.valid_from is '适用于此日及以后作出的决定；空为不限';
comment on column credit.display_term.valid_to is '适用于此日及以前作出的决定；空为不限';
comment on column credit.display_term.rank is '次序：同一种类与日期的，取次序在前而相符的一条';
comment on column credit.display_term.category is '处罚类别须合此正则；空为不限';
comment on column credit.display_term.matter is '违法行为类型、事实、依据须有合此正则者；空为不限';
comment on column credit.display_term.law_source is '依据与说明';
comment on column credit.display_term.certainty is 'confirmed 已与公开文本核对，known 通行说法、未核对原文';
create table credit.display_term_history (like credit.display_term, version_to date not null);
create index on credit.display_term_history (term);
comment on table credit.display_term_history is '公示期限与信用修复规定：历史版本';

alter table credit.permit add column display_term text;
alter table credit.permit_history add column display_term text;
alter table credit.penalty add column severity text, add column display_term text, add column shown boolean not null default true,
    add column repairable_from date, add column repaired_on date, add column cf_zt text, add column cf_cfmc text;
alter table credit.penalty_history add column severity text, add column display_term text, add column shown boolean,
    add column repairable_from date, add column repaired_on date, add column cf_zt text, add column cf_cfmc text;
alter table credit.list_entry add column display_term text, add column shown boolean not null default true, add column displayed_until date,
    add column repairable_from date, add column link_candidates integer, add column link_basis text;
alter table credit.list_entry_history add column display_term text, add column shown boolean, add column displayed_until date,
    add column repairable_from date, add column link_candidates integer, add column link_basis text;
comment on column credit.permit.displayed_until is '公示截止日期：许可有效期至；空为长期';
comment on column credit.permit.display_term is '所适用的公示期限规定（credit.display_term.term）';
comment on column credit.penalty.displayed_until is '公示截止日期（含当日）：决定日期加最长公示期；部门写明的公示截止期更早时从其早';
comment on column credit.penalty.severity is '失信程度：minor 轻微，general 一般，serious 严重，grave 特定严重；由处罚类别、领域与金额推得';
comment on column credit.penalty.display_term is '所适用的公示期限规定（credit.display_term.term）';
comment on column credit.penalty.shown is '按决定时的规定是否公示';
comment on column credit.penalty.repairable_from is '最短公示期满、可以申请修复之日；空为不予修复';
comment on column credit.penalty.repaired_on is '交付中写明已修复或已撤销的，为该次交付日期';
comment on column credit.penalty.cf_zt is '当前状态（2016 版数据标准）：0 正常，1 撤销，2 异议，3 其他';
comment on column credit.penalty.cf_cfmc is '处罚名称（2016 版数据标准）';
comment on column credit.list_entry.display_term is '所适用的公示期限规定（credit.display_term.term）';
comment on column credit.list_entry.shown is '按列入时的规定是否公示';
comment on column credit.list_entry.displayed_until is '公示截止日期（含当日）：有效期至，否则列入日期加最长期限；空为移出为止';
comment on column credit.list_entry.repairable_from is '可以申请修复之日；空为无规定或不予修复';
comment on column credit.list_entry.link_candidates is '号码被遮盖的自然人：人口库中姓名与可见数字都相符的有几人；只有一人时才关联；不适用的为空';
comment on column credit.list_entry.link_basis is '关联的凭据：number 完整号码，masked_unique 遮盖号码只有一人相符，masked_ambiguous 不止一人相符而未关联，masked_none 无人相符，masked_other 凭其他线索关联，entity 单位，none 未关联';

create view match.person_named as select person_id, name, citizen_id from population.person where citizen_id is not null;
comment on view match.person_named is '人口库中有号码的人的姓名与号码：只供数遮盖号码有几人相符';
comment on column match.person_named.person_id is '人口标识';
comment on column match.person_named.name is '姓名';
comment on column match.person_named.citizen_id is '公民身份号码';

-- ── 信用修复的登记 ──
create table credit.repair (
    id bigint generated always as identity primary key,
    dataset text not null,
    source_key text not null,
    repaired_on date not null,
    by text not null check (by <> ''),
    why text not null check (why <> ''),
    recorded_at timestamptz not null default now(),
    withdrawn_at timestamptz,
    withdrawn_by text,
    withdrawn_why text
);
create unique index one_repair_stands on credit.repair (dataset, source_key) where withdrawn_at is null;
comment on table credit.repair is '信用修复决定的登记：登记后该记录自修复之日起不再出现在任何对外视图，记录本身留存；误登的撤回，从不删除';
comment on column credit.repair.id is '编号';
comment on column credit.repair.dataset is '所修复记录的数据集';
comment on column credit.repair.source_key is '所修复记录的来源主键';
comment on column credit.repair.repaired_on is '修复之日';
comment on column credit.repair.by is '谁登记';
comment on column credit.repair.why is '依据（修复决定文号等）';
comment on column credit.repair.recorded_at is '登记时间';
comment on column credit.repair.withdrawn_at is '撤回时间；空为有效';
comment on column credit.repair.withdrawn_by is '谁撤回';
comment on column credit.repair.withdrawn_why is '撤回的理由';

-- ── 对外视图：一律按业务日期 ──
create view credit.business_day as
select coalesce((select published_on from ops.publication where library = 'credit' and state = 'published' order by sequence desc limit 1), current_date) as day;
comment on view credit.business_day is '信用库的业务日期：最近一次发布的日期；对外视图据此';
comment on column credit.business_day.day is '业务日期';

create view credit.repaired as
select r.dataset, r.source_key, r.repaired_on from credit.repair r cross join credit.business_day b
where r.withdrawn_at is null and r.repaired_on <= b.day;
comment on view credit.repaired is '业务日期时已修复的记录';
comment on column credit.repaired.dataset is '数据集';
comment on column credit.repaired.source_key is '来源主键';
comment on column credit.repaired.repaired_on is '修复之日';

create view credit.public_permit as
select p.dataset, p.source_key, p.subject_name, p.subject_code, p.entity_id, p.decided_on, p.valid_from, p.valid_to, p.displayed_until,
    p.xk_xdr_mc, p.xk_xdr_lb, p.xk_xdr_shxym, p.xk_xdr_gszc, p.xk_xdr_zzjg, p.xk_xdr_swdj, p.xk_xdr_sydw, p.xk_xdr_shzz, p.xk_frdb, p.xk_xkws, p.xk_wsh,
    p.xk_xklb, p.xk_xkzs, p.xk_xkbh, p.xk_nr, p.xk_jdrq, p.xk_yxqz, p.xk_yxqzi, p.xk_xkjg, p.xk_xkjgdm, p.xk_zt, p.xk_lydw, p.xk_lydwdm
from credit.permit p cross join credit.business_day b
where p.xk_zt is distinct from '2' and (p.displayed_until is null or p.displayed_until >= b.day) and (p.valid_to is null or p.valid_to >= b.day)
    and (p.decided_on is null or p.decided_on <= b.day);
comment on view credit.public_permit is '对外公示的行政许可：有效、未过期的；自然人的标识与号码不在其中';

create view credit.public_penalty as
select p.dataset, p.source_key, p.subject_name, p.subject_code, p.entity_id, p.decided_on, p.valid_to, p.displayed_until, p.severity,
    p.cf_xdr_mc, p.cf_xdr_lb, p.cf_xdr_shxym, p.cf_xdr_gszc, p.cf_xdr_zzjg, p.cf_xdr_swdj, p.cf_xdr_sydw, p.cf_xdr_shzz, p.cf_frdb, p.cf_wsh, p.cf_wfxw,
    p.cf_sy, p.cf_yj, p.cf_cflb, p.cf_nr, p.cf_nr_fk, p.cf_nr_wfff, p.cf_nr_zkdx, p.cf_jdrq, p.cf_yxq, p.cf_gsjzq, p.cf_cfjg, p.cf_cfjgdm, p.cf_sjly, p.cf_sjlydm
from credit.penalty p cross join credit.business_day b
where p.shown and (p.displayed_until is null or p.displayed_until >= b.day) and (p.decided_on is null or p.decided_on <= b.day)
    and (p.repaired_on is null or p.repaired_on > b.day)
    and not exists (select from credit.repaired r where r.dataset = p.dataset and r.source_key = p.source_key);
comment on view credit.public_penalty is '对外公示的行政处罚：在公示期内、未修复的；自然人的标识与号码不在其中';

create view credit.public_list_entry as
select e.dataset, e.source_key, e.list, e.subject_name, e.subject_code, e.entity_id, e.reason, e.decided_by, e.listed_on, e.valid_to, e.displayed_until, e.amount, e.document_number
from credit.list_entry e cross join credit.business_day b
where e.shown and (e.displayed_until is null or e.displayed_until >= b.day) and (e.valid_to is null or e.valid_to >= b.day)
    and (e.removed_on is null or e.removed_on > b.day) and (e.listed_on is null or e.listed_on <= b.day)
    and not exists (select from credit.repaired r where r.dataset = e.dataset and r.source_key = e.source_key);
comment on view credit.public_list_entry is '对外公示的名单：在列、未到期、未移出、未修复的；自然人的标识与号码不在其中';

create view credit.public_rating as
select r.dataset, r.source_key, r.subject_name, r.subject_code, r.entity_id, r.scheme, r.year, r.grade from credit.rating r where r.grade = 'A';
comment on view credit.public_rating is '对外公示的评级：只公布 A 级';

-- ── 证照 ──
alter table certificate.certificate add column stated text, add column certificate_id_state text, add column version integer, add column superseded_by text, add column superseded_on date;
alter table certificate.certificate_history add column stated text, add column certificate_id_state text, add column version integer, add column superseded_by text, add column superseded_on date;
comment on column certificate.certificate.stated is '交付所说的状态：valid、expired、suspended、revoked、cancelled；空为未说';
comment on column certificate.certificate.certificate_id_state is '电子证照标识的校验（GB/T 36904，MOD 37-36）：ok 通过，invalid 结构或校验位不对，missing 未交付';
comment on column certificate.certificate.version is '标识中的版本号；没有可用标识的为空';
comment on column certificate.certificate.superseded_by is '取代本证的新版证照：数据集|来源主键；空为未被取代';
comment on column certificate.certificate.superseded_on is '被取代之日（新版的颁发日期）';

-- the functions of 0008 list the columns, so they are made anew for tables that gained some
drop function if exists credit.permit_as_of(date);
drop function if exists credit.penalty_as_of(date);
drop function if exists credit.list_entry_as_of(date);
drop function if exists certificate.certificate_as_of(date);
do $$
declare t record;
begin
    for t in
        select n.nspname as schema_name, k.relname as name, obj_description(k.oid, 'pg_class') as said,
            (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
             where a.attrelid = k.oid and a.attnum > 0 and not a.attisdropped) as listed
        from pg_class k join pg_namespace n on n.oid = k.relnamespace
        where k.relkind = 'r' and n.nspname in ('credit', 'certificate')
            and to_regclass(format('%I.%I', n.nspname, k.relname || '_history')) is not null
            and to_regprocedure(format('%I.%I(date)', n.nspname, k.relname || '_as_of')) is null
    loop
        execute format(
            'create function %1$I.%2$I(day date) returns setof %1$I.%3$I language sql stable as $f$
                select %4$s from %1$I.%3$I where version_from <= day
                union all
                select %4$s from %1$I.%5$I where version_from <= day and day < version_to
            $f$', t.schema_name, t.name || '_as_of', t.name, t.listed, t.name || '_history');
        execute format('comment on function %I.%I(date) is %L', t.schema_name, t.name || '_as_of', '某一业务日期的' || split_part(t.said, '：', 1));
    end loop;
end $$;

create function certificate.status_on(day date)
returns table (dataset text, source_key text, certificate_id text, type_name text, number text, entity_id text, person_id text,
    valid_from date, valid_to date, status text, superseded boolean, known_on date)
language sql stable as $f$
    with version as (
        select c.dataset, c.source_key, c.certificate_id, c.type_name, c.number, c.entity_id, c.person_id, c.issued_on, c.valid_from, c.valid_to, c.status, c.stated,
            c.superseded_on, c.version_from, null::date as version_to from certificate.certificate c
        union all
        select h.dataset, h.source_key, h.certificate_id, h.type_name, h.number, h.entity_id, h.person_id, h.issued_on, h.valid_from, h.valid_to, h.status, h.stated,
            h.superseded_on, h.version_from, h.version_to from certificate.certificate_history h
    ),
    -- the version that stood on that day; for days before anything was known, the earliest one
    standing as (
        select distinct on (v.dataset, v.source_key) v.* from version v
        where v.version_to is null or day < v.version_to
        order by v.dataset, v.source_key, v.version_from
    )
    select s.dataset, s.source_key, s.certificate_id, s.type_name, s.number, s.entity_id, s.person_id, s.valid_from, s.valid_to,
        case when s.status in ('revoked', 'suspended') then s.status when s.stated = 'expired' or s.valid_to < day then 'expired' else 'valid' end,
        coalesce(s.superseded_on <= day, false), s.version_from
    from standing s where coalesce(s.valid_from, s.issued_on, day) <= day
$f$;
comment on function certificate.status_on(date) is '各证照在某一天的状态：先看吊销，再看暂扣，再看过期；当天尚未生效的不列；known_on 是所据版本自何业务日期起（晚于所问之日的，是以后才知道的）';

create view certificate.current as
select c.* from certificate.certificate c where c.status = 'valid' and c.superseded_by is null;
comment on view certificate.current is '现行有效、未被新版取代的证照';

-- ── 统计 ──
alter table statistics.observation add column months integer;
comment on column statistics.observation.months is '数值所含的月数：累计为自1月起的月数；2月当期与1—2月累计相同而1月不单独公布的为2；时点、增长与非月度数为空';
create view statistics.county_sum as
with latest as (
    select distinct on (o.indicator_code, o.region_code, o.frequency, o.period, o.measure) o.*
    from statistics.observation o where o.object_code = '' and o.measure <> 'growth'
    order by o.indicator_code, o.region_code, o.frequency, o.period, o.measure, o.released_on desc
),
county as (
    select l.indicator_code, l.frequency, l.period, l.measure, count(l.value)::integer as counties, bool_or(l.value is null) as gap, sum(l.value) as total
    from latest l join geospatial.region r on r.code = l.region_code and r.level = 'county' group by 1, 2, 3, 4
)
select i.indicator_code, i.name as indicator_name, i.unit, c.frequency, c.period, c.measure, m.region_code, m.value as city_value, c.total as county_total, c.counties,
    c.total - m.value as difference, round((100 * (c.total - m.value) / nullif(abs(m.value), 0))::numeric, 2) as percent,
    abs(c.total - m.value) <= 0.01 * abs(m.value) as agrees,
    format('%s %s：全市 %s，%s 个区县之和 %s，相差 %s%%', c.period, i.name || coalesce('（' || i.unit || '）', ''), trim_scale(m.value::numeric), c.counties, trim_scale(round(c.total::numeric, 4)),
        coalesce(round((100 * (c.total - m.value) / nullif(abs(m.value), 0))::numeric, 2)::text, '—')) as said
from county c join latest m using (indicator_code, frequency, period, measure) join geospatial.region y on y.code = m.region_code and y.level = 'city'
join statistics.indicator i using (indicator_code)
where not c.gap and m.value is not null and i.name !~ '人均|指数|率$|单产|均价|平均' and coalesce(i.unit, '') !~ '[/%]'
    and c.counties = (select count(*) from geospatial.region where level = 'county');
comment on view statistics.county_sum is '全市数与各区县之和的核对（最新版本）：相差在全市数的 1% 以内为相符；人均、指数、比率、单产等不可相加的不列，区县不齐的不列';
comment on column statistics.county_sum.indicator_name is '指标名称';
comment on column statistics.county_sum.city_value is '全市数';
comment on column statistics.county_sum.county_total is '各区县之和';
comment on column statistics.county_sum.counties is '有数的区县个数';
comment on column statistics.county_sum.difference is '各区县之和减全市数';
comment on column statistics.county_sum.percent is '相差占全市数的百分比';
comment on column statistics.county_sum.agrees is '是否相符（相差不超过 1%）';
comment on column statistics.county_sum.said is '一句话：时期、指标、两个数与相差';

create view statistics.doubtful as
with monthly as (
    select o.*, lag(o.value) over (partition by o.indicator_code, o.region_code, o.object_code, o.measure, left(o.period, 4), o.released_on order by o.period) as before
    from statistics.observation o where o.frequency = 'M' and o.measure in ('period', 'cumulative') and o.value is not null
)
select 'county_sum' as kind, s.indicator_code, s.indicator_name, s.region_code, s.period, s.measure, null::date as released_on, s.said
from statistics.county_sum s where not s.agrees
union all
select 'cumulative_falls', i.indicator_code, i.name, m.region_code, m.period, m.measure, m.released_on,
    format('%s %s：累计 %s，小于前一期的累计 %s', m.period, i.name, m.value, m.before)
from monthly m join statistics.indicator i using (indicator_code) where m.measure = 'cumulative' and m.before > 0 and m.value < m.before and m.unit <> '%'
union all
select 'period_is_cumulative', i.indicator_code, i.name, p.region_code, p.period, p.measure, p.released_on, format('%s %s：当月与累计同为 %s', p.period, i.name, p.value)
from monthly p join monthly c using (indicator_code, region_code, object_code, period, released_on) join statistics.indicator i using (indicator_code)
where p.measure = 'period' and c.measure = 'cumulative' and right(p.period, 2) not in ('01', '02') and p.value = c.value and p.value > 0;
comment on view statistics.doubtful is '可疑的统计数字，逐条说明：county_sum 区县之和与全市不符，cumulative_falls 累计变小，period_is_cumulative 当月与累计相同';
comment on column statistics.doubtful.kind is '可疑之处';
comment on column statistics.doubtful.indicator_name is '指标名称';
comment on column statistics.doubtful.said is '一句话：时期、指标、数字';

-- a column is explained once: in views and histories as in the table it comes from
do $$
declare t record;
begin
    for t in
        select n.nspname, k.relname, a.attname from pg_attribute a join pg_class k on k.oid = a.attrelid join pg_namespace n on n.oid = k.relnamespace
        where n.nspname in ('statistics', 'credit', 'certificate') and k.relkind in ('r', 'v') and a.attnum > 0 and not a.attisdropped
            and col_description(k.oid, a.attnum) is null
    loop
        execute format('comment on column %I.%I.%I is %L', t.nspname, t.relname, t.attname, coalesce(
            case t.attname when 'row_hash' then '行指纹' when 'version_from' then '本版本自何业务日期起' when 'version_to' then '本版本至何业务日期止（不含）' end,
            (select col_description(b.oid, c.attnum) from pg_class b join pg_namespace m on m.oid = b.relnamespace join pg_attribute c on c.attrelid = b.oid
             where m.nspname = t.nspname and b.relkind = 'r' and b.relname not like '%\_history' and b.relname <> t.relname and c.attname = t.attname
                 and col_description(b.oid, c.attnum) is not null
             order by (b.relname = replace(replace(t.relname, '_history', ''), 'public_', '')) desc, b.relname limit 1)));
    end loop;
end $$;
