-- The catalogue of government information resources, what the themes share, the register's verdicts and progress.
create schema catalog;
comment on schema catalog is '政务信息资源目录（发改高技〔2017〕1272号）：由 schemas/ 的声明与数据库的注释生成';

create table catalog.resource (
    resource_code text primary key,
    name text not null,
    classification text not null,
    provider text not null,
    provider_code text,
    abstract text not null,
    format text not null,
    share_type smallint not null check (share_type in (1, 2, 3)),
    share_condition text,
    share_mode text not null,
    open smallint not null check (open in (0, 1)),
    open_condition text,
    update_cycle text not null,
    published_on date,
    related_codes text[] not null default '{}',
    subject text not null unique,
    kind text not null check (kind in ('dataset', 'table', 'view')),
    department text not null,
    basis text not null,
    updated_on date,
    constraint a_restriction_says_its_condition check (share_type = 1 or share_condition is not null),
    constraint openness_says_its_condition check (open = 0 or open_condition is not null)
);
create index on catalog.resource (department);
comment on table catalog.resource is '政务信息资源：一个数据集、一张库表（或其中一部分）、一个专题视图各一行';
comment on column catalog.resource.resource_code is '信息资源代码：前段码/后段码，编定后不改，不再用于别的资源';
comment on column catalog.resource.name is '信息资源名称';
comment on column catalog.resource.classification is '信息资源分类：类/项/目/细目';
comment on column catalog.resource.provider is '信息资源提供方';
comment on column catalog.resource.provider_code is '提供方代码（统一社会信用代码）；尚不知道的为空';
comment on column catalog.resource.abstract is '信息资源摘要';
comment on column catalog.resource.format is '信息资源格式：格式分类/具体格式';
comment on column catalog.resource.share_type is '共享类型：1 无条件共享，2 有条件共享，3 不予共享';
comment on column catalog.resource.share_condition is '共享条件；不予共享的为依据';
comment on column catalog.resource.share_mode is '共享方式';
comment on column catalog.resource.open is '是否向社会开放：1 是，0 否';
comment on column catalog.resource.open_condition is '开放条件';
comment on column catalog.resource.update_cycle is '更新周期';
comment on column catalog.resource.published_on is '发布日期：首次装载或首次发布的业务日期；尚未交付的为空';
comment on column catalog.resource.related_codes is '关联资源代码';
comment on column catalog.resource.subject is '所指：部门/数据集，或 模式.表，或 模式.表#部分';
comment on column catalog.resource.kind is '种类：dataset 部门数据集，table 库表，view 视图';
comment on column catalog.resource.department is '提供方的部门代号';
comment on column catalog.resource.basis is '共享与开放的依据';
comment on column catalog.resource.updated_on is '最近一次装载或发布的业务日期';

create table catalog.item (
    resource_code text not null references catalog.resource on delete cascade,
    name text not null,
    data_type text not null check (data_type in ('C', 'N', 'Y', 'D', 'T', 'L', 'M', 'G', 'B', 'I', 'F')),
    length text,
    table_name text not null,
    column_name text not null,
    position integer not null,
    description text not null,
    primary key (resource_code, column_name)
);
create index on catalog.item (table_name, column_name);
comment on table catalog.item is '信息项：每个资源的每一列一行';
comment on column catalog.item.resource_code is '信息资源代码';
comment on column catalog.item.name is '信息项名称';
comment on column catalog.item.data_type is '数据类型：C 字符，N 数值，Y 货币，D 日期，T 日期时间，L 逻辑，M 备注，G 通用，B 双精度，I 整型，F 浮点';
comment on column catalog.item.length is '长度，或“总位数,小数位数”；空为不定长';
comment on column catalog.item.table_name is '所在的表：模式.表';
comment on column catalog.item.column_name is '列名';
comment on column catalog.item.position is '次序';
comment on column catalog.item.description is '说明';

create table catalog.code (
    subject text primary key,
    front text not null,
    sequence integer not null,
    unique (front, sequence)
);
comment on table catalog.code is '编码簿：每个资源一经编定的代码；资源撤销后代码也不再用';
comment on column catalog.code.subject is '所指：部门/数据集，或 模式.表，或 模式.表#部分';
comment on column catalog.code.front is '前段码：类、项、目、细目';
comment on column catalog.code.sequence is '后段码：顺序号';

create table catalog.theme (
    theme text primary key,
    fingerprint text not null,
    publication bigint not null
);
comment on table catalog.theme is '专题视图的状态：由哪一版定义建成，物化视图刷新到哪一次发布';
comment on column catalog.theme.theme is '专题（sql/themes 下的文件名）';
comment on column catalog.theme.fingerprint is '定义文件的指纹';
comment on column catalog.theme.publication is '刷新时最近一次发布的次序（ops.publication）';

create schema theme;
comment on schema theme is '专题：城市活力、自贸区、公共服务、经济、健康保障、社会保障、交通、旅游；只有汇总数，涉及个人的计数小于 10 的不显示';

create function theme.shown(n bigint, variadic others bigint[] default '{}') returns bigint language sql immutable parallel safe as $$
    select case when n >= 10 and not 10 > any (others) then n end
$$;
comment on function theme.shown(bigint, bigint[]) is '涉及个人的计数：它本身或由它可推得的其余部分（others）小于 10 时不显示（空）';

create function theme.business_day() returns date language sql stable parallel safe as $$
    select coalesce((select published_on from ops.publication where state = 'published' order by sequence desc limit 1), current_date)
$$;
comment on function theme.business_day() is '业务日期：最近一次发布的日期';

-- one expression, so that the planner puts it in the query's place: the n-th letter is the section of division n
create function theme.industry_section(code text) returns text language sql immutable parallel safe as $$
    select nullif(substr(
        repeat('A', 5) || repeat('B', 7) || repeat('C', 31) || repeat('D', 3) || repeat('E', 4) || repeat('F', 2) || repeat('G', 8) || repeat('H', 2) || repeat('I', 3)
        || repeat('J', 4) || 'K' || repeat('L', 2) || repeat('M', 3) || repeat('N', 4) || repeat('O', 3) || 'P' || repeat('Q', 2) || repeat('R', 5) || repeat('S', 6) || 'T',
        coalesce(substring(code from '[0-9]{2}')::integer, 0), 1), '')
$$;
comment on function theme.industry_section(text) is '国民经济行业门类（GB/T 4754-2017）：由大类代码得 A 至 T';

-- the register of information systems: verdicts beside the form's words
alter table registry.information_system add column migrate_due date, add column advice text, add column contradictions text[];
alter table registry.information_system_history add column migrate_due date, add column advice text, add column contradictions text[];
do $$
declare t text;
begin
    foreach t in array array['information_system', 'information_system_history'] loop
        execute format('comment on column registry.%I.migrate_due is %L', t, '计划迁移的最后期限：由“计划迁移时间”读出，只写到年、月的取其末日');
        execute format('comment on column registry.%I.advice is %L', t, '处置：zombie 僵尸系统，清理；merge 整合；migrate 迁移上云；keep 保留');
        execute format('comment on column registry.%I.contradictions is %L', t, '表中所填与事实、与自身的矛盾，各一句');
        execute format('comment on column registry.%I.yearly_cost is %L', t, '年运维经费（万元，按部门所填）');
        execute format('comment on column registry.%I.in_cloud is %L', t, '是否迁移上云：yes 是，no 否，partly 部分');
        execute format('comment on column registry.%I.classified is %L', t, '是否涉密：yes 是，no 否');
        execute format('comment on column registry.%I.connected_claimed is %L', t, '是否接入共享平台（部门所填）：yes 是，no 否，partly 部分');
        execute format('comment on column registry.%I.connected_actual is %L', t, '是否接入共享平台：该部门除本清单外有数据集实际装载过');
        execute format('comment on column registry.%I.status is %L', t, '状态：in_use 在用，stopped 停用，merged 整合');
        execute format('comment on column registry.%I.network is %L', t, '网络：internet 互联网，government 政务外网，dedicated 专网，intranet 内网');
    end loop;
end $$;

create function registry.progress_as_of(day date) returns table (
    department text, provider text, registered boolean, systems bigint, in_use bigint, zombie bigint, to_merge bigint, to_migrate bigint, overdue bigint,
    in_cloud bigint, connected_claimed bigint, connected_actual bigint, contradictions bigint, fundable bigint, yearly_cost numeric, fundable_cost numeric,
    datasets bigint, datasets_delivered bigint, deliveries bigint, last_delivered_on date
) language sql stable as $$
    with s as (
        select department, status, advice, migrate_due, in_cloud, connected_claimed, connected_actual, contradictions, fundable, yearly_cost
        from registry.information_system where version_from <= day
        union all
        select department, status, advice, migrate_due, in_cloud, connected_claimed, connected_actual, contradictions, fundable, yearly_cost
        from registry.information_system_history where version_from <= day and day < version_to
    ),
    counted as (
        select department, count(*) as systems, count(*) filter (where status = 'in_use') as in_use, count(*) filter (where advice = 'zombie') as zombie,
            count(*) filter (where advice = 'merge') as to_merge, count(*) filter (where advice = 'migrate') as to_migrate,
            count(*) filter (where advice = 'migrate' and migrate_due < day) as overdue, count(*) filter (where s.in_cloud = 'yes') as in_cloud,
            count(*) filter (where s.connected_claimed = 'yes') as connected_claimed, count(*) filter (where s.connected_actual) as connected_actual,
            count(*) filter (where cardinality(s.contradictions) > 0) as contradictions, count(*) filter (where s.fundable) as fundable,
            sum(s.yearly_cost) as yearly_cost, sum(s.yearly_cost) filter (where s.fundable) as fundable_cost
        from s group by department
    ),
    arrived as (
        select split_part(dataset, '/', 1) as department, count(distinct dataset) as datasets, count(*) as deliveries, max(delivered_on) as last_delivered_on
        from ops.delivery where state = 'loaded' and kind <> 'replay' and delivered_on <= day and split_part(dataset, '/', 2) <> 'information_systems' group by 1
    ),
    known as (
        select department, min(provider) as provider, count(*) filter (where split_part(subject, '/', 2) <> 'information_systems') as datasets
        from catalog.resource where kind = 'dataset' group by department
    )
    select coalesce(k.department, c.department), k.provider, c.systems is not null, coalesce(c.systems, 0), coalesce(c.in_use, 0), coalesce(c.zombie, 0),
        coalesce(c.to_merge, 0), coalesce(c.to_migrate, 0), coalesce(c.overdue, 0), coalesce(c.in_cloud, 0), coalesce(c.connected_claimed, 0),
        coalesce(c.connected_actual, 0), coalesce(c.contradictions, 0), coalesce(c.fundable, 0), coalesce(c.yearly_cost, 0), coalesce(c.fundable_cost, 0),
        coalesce(k.datasets, 0), coalesce(a.datasets, 0), coalesce(a.deliveries, 0), a.last_delivered_on
    from known k full join counted c on c.department = k.department left join arrived a on a.department = coalesce(k.department, c.department)
$$;
comment on function registry.progress_as_of(date) is '政务信息系统整合共享进度：某一业务日期各部门、各区县的登记、清理、整合、上云、接入与交换';

create view registry.department_progress as select * from registry.progress_as_of(theme.business_day());
comment on view registry.department_progress is '政务信息系统整合共享进度：现在各部门、各区县的情况；没有报送清单的部门 registered 为否，其系统不安排经费';

create view registry.monthly_progress as
select m.month_end as day, p.*
from (
    select least((d + interval '1 month')::date - 1, theme.business_day()) as month_end
    from generate_series((select date_trunc('month', min(delivered_on)) from ops.delivery where state = 'loaded'), date_trunc('month', theme.business_day()), interval '1 month') as d
) m cross join lateral registry.progress_as_of(m.month_end) p;
comment on view registry.monthly_progress is '政务信息系统整合共享进度月报：自首次交付起每月末（本月为业务日期）各部门、各区县的情况';

do $$
declare t record;
begin
    for t in
        select v.view, c.name, c.said from (values ('department_progress'), ('monthly_progress')) v(view) cross join (values
            ('day', '截至日期'), ('department', '部门代号'), ('provider', '部门名称'), ('registered', '是否报送了系统清单'), ('systems', '登记的系统数'),
            ('in_use', '在用'), ('zombie', '僵尸系统：停用或很少使用'), ('to_merge', '应整合'), ('to_migrate', '应迁移上云'), ('overdue', '应迁移而已过计划时间'),
            ('in_cloud', '已上云'), ('connected_claimed', '所填为已接入'), ('connected_actual', '按实际交付已接入'), ('contradictions', '填报有矛盾的系统数'),
            ('fundable', '可安排经费的系统数'), ('yearly_cost', '年运维经费合计（万元）'), ('fundable_cost', '其中可安排的（万元）'),
            ('datasets', '约定交付的数据集数（不含系统清单）'), ('datasets_delivered', '其中已有装载的'), ('deliveries', '累计装载次数'), ('last_delivered_on', '最近一次装载的交付日期')) c(name, said)
        where v.view = 'monthly_progress' or c.name <> 'day'
    loop
        execute format('comment on column registry.%I.%I is %L', t.view, t.name, t.said);
    end loop;
end $$;

create view registry.audit as
select department, unit, system_name, function, scope, frequency, network, classified, in_cloud, migrate_by, migrate_due, connected_claimed, connected_actual, approved_by, approved_on,
    funding_source, yearly_cost, status, advice, contradictions, fundable, fundable_reason, e.deliveries as exchanges, e.last_delivered_on as last_exchange_on
from registry.information_system s
left join (
    select split_part(dataset, '/', 1) as department, count(*) as deliveries, max(delivered_on) as last_delivered_on
    from ops.delivery where state = 'loaded' and kind <> 'replay' and split_part(dataset, '/', 2) <> 'information_systems' group by 1
) e using (department);
comment on view registry.audit is '政务信息系统审计：数量、功能、范围、使用频度、交换频度、审批、经费来源与处置';
do $$
declare t record;
begin
    for t in
        select a.attname, coalesce(col_description('registry.information_system'::regclass, b.attnum),
            case a.attname when 'exchanges' then '该部门的数据交换次数（已装载的交付）' when 'last_exchange_on' then '该部门最近一次交换的日期' end) as said
        from pg_attribute a left join pg_attribute b on b.attrelid = 'registry.information_system'::regclass and b.attname = a.attname
        where a.attrelid = 'registry.audit'::regclass and a.attnum > 0
    loop
        execute format('comment on column registry.audit.%I is %L', t.attname, t.said);
    end loop;
end $$;
