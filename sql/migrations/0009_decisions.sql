-- What is held and who decided; what each delivery looked like beside its own past; when the next one is due; how its shape drifts.

-- ── held and decided ──
alter table ops.publication drop constraint publication_state_check;
alter table ops.publication add constraint publication_state_check check (state in ('published', 'held', 'discarded'));
comment on column ops.publication.state is 'published 已发布，held 检查未过而挂起，discarded 挂起后已弃用';

create table ops.hold (
    what text not null,
    id text not null,
    failed jsonb not null default '[]',
    held_at timestamptz not null default now(),
    asked_at timestamptz,
    primary key (what, id)
);
comment on table ops.hold is '挂起登记：为何挂起，各项多少行；不含个人信息';
comment on column ops.hold.what is '数据集（部门/数据集）或库';
comment on column ops.hold.id is '交付编号，或库发布记录的次序（ops.publication.sequence）';
comment on column ops.hold.failed is '未过的各项：[{"check": 检查或原因, "column": 列, "rows": 行数, "because": 为何要查}]';
comment on column ops.hold.held_at is '挂起时间';
comment on column ops.hold.asked_at is 'Airflow 页面上最近一次确认此事仍在征求决定的时间；空为尚未征求';

create table ops.decision (
    what text not null,
    id text not null,
    decision text not null check (decision in ('released', 'discarded')),
    by text not null check (by <> ''),
    why text not null check (why <> ''),
    via text not null check (via in ('command', 'airflow')),
    at timestamptz not null default now(),
    primary key (what, id)
);
comment on table ops.decision is '对挂起之事的决定：谁、何时、为何；每事一次，从不改写';
comment on column ops.decision.what is '数据集（部门/数据集）或库';
comment on column ops.decision.id is '交付编号，或库发布记录的次序（ops.publication.sequence）';
comment on column ops.decision.decision is 'released 放行（装载或发布），discarded 弃用';
comment on column ops.decision.by is '谁决定';
comment on column ops.decision.why is '理由';
comment on column ops.decision.via is '在何处决定：command 命令行，airflow Airflow 页面';
comment on column ops.decision.at is '决定时间';

create view ops.pending as
select 'delivery' as kind, d.dataset as what, d.delivery_id as id, d.delivered_on as day, d.reason, d.rows_in, d.rows_removed, d.rows_quarantined,
    coalesce(h.failed, '[]') as failed, coalesce(h.held_at, d.loaded_at) as held_at, h.asked_at
from ops.delivery d left join ops.hold h on h.what = d.dataset and h.id = d.delivery_id
where d.state = 'held'
union all
select 'library', p.library, p.sequence::text, p.published_on, p.reason, null, null, null,
    coalesce(h.failed, '[]'), coalesce(h.held_at, p.published_at), h.asked_at
from ops.publication p left join ops.hold h on h.what = p.library and h.id = p.sequence::text
where p.state = 'held' and p.sequence = (select max(n.sequence) from ops.publication n where n.library = p.library);
comment on view ops.pending is '待决：此刻挂起、等人放行或弃用的交付和库';
comment on column ops.pending.kind is 'delivery 交付，library 库的候选';
comment on column ops.pending.what is '数据集（部门/数据集）或库';
comment on column ops.pending.id is '交付编号，或库发布记录的次序';
comment on column ops.pending.day is '交付日期，或库的业务日期';
comment on column ops.pending.reason is '挂起原因：代码: 一句话';
comment on column ops.pending.rows_in is '收到行数';
comment on column ops.pending.rows_removed is '全量中不再出现的键数';
comment on column ops.pending.rows_quarantined is '将被隔离的行数';
comment on column ops.pending.failed is '未过的各项：检查或原因、列、行数、为何要查';
comment on column ops.pending.held_at is '挂起时间';
comment on column ops.pending.asked_at is 'Airflow 页面上最近一次确认此事仍在征求决定的时间';

-- ── beside its own past ──
create table ops.profile (
    dataset text not null,
    delivery_id text not null,
    column_name text not null,
    filled bigint not null,
    nulls bigint not null,
    codes jsonb,
    newest date,
    primary key (dataset, delivery_id, column_name)
);
comment on table ops.profile is '每次装载的交付的样子，按列：供与本数据集以往各次相比；不含个人信息';
comment on column ops.profile.dataset is '数据集';
comment on column ops.profile.delivery_id is '交付编号';
comment on column ops.profile.column_name is '清洗后的列名；空串为整次交付（filled 即行数）';
comment on column ops.profile.filled is '有值的行数';
comment on column ops.profile.nulls is '没有值的行数';
comment on column ops.profile.codes is '代码列：代码 → 行数（最多的二十个）；其余列为空';
comment on column ops.profile.newest is '时间列：不晚于交付日期的最近一天；其余列为空';

-- ── when it is due ──
create table ops.term (
    dataset text primary key,
    department text not null,
    title text not null,
    channel text not null check (channel in ('file', 'database', 'api')),
    kind text not null check (kind in ('full', 'increment')),
    due text not null check (due in ('daily', 'weekly', 'monthly', 'quarterly', 'yearly', 'irregular'))
);
comment on table ops.term is '交付约定：抄自 schemas/sources，随声明更新';
comment on column ops.term.dataset is '数据集：部门/数据集';
comment on column ops.term.department is '部门代号';
comment on column ops.term.title is '数据集名称';
comment on column ops.term.channel is '交付方式：file 文件，database 数据库，api 接口';
comment on column ops.term.kind is 'full 全量，increment 增量';
comment on column ops.term.due is '约定的周期：daily 每日，weekly 每周，monthly 每月，quarterly 每季，yearly 每年，irregular 不定期';

create function ops.punctual(today date) returns table (
    dataset text, department text, title text, due text, last_delivered_on date, next_due_on date, days_late integer, state text,
    last_rows bigint, usual_rows bigint, is_short boolean, is_empty boolean, is_repeated boolean,
    last_attempt_on date, last_attempt_state text, last_attempt_reason text
) language sql stable as $$
    with come as (
        select d.*, row_number() over (partition by d.dataset order by d.sequence desc) as age, min(d.sequence) over (partition by d.dataset) as first_sequence
        from ops.delivery d where d.state = 'loaded' and d.kind <> 'replay' and d.delivered_on <= today
    ),
    newest as (select distinct on (c.dataset) c.* from come c order by c.dataset, c.delivered_on desc, c.sequence desc),
    usual as (
        select c.dataset, count(*) as deliveries, percentile_cont(0.5) within group (order by c.rows_in) as rows
        from come c join newest n on n.dataset = c.dataset and n.sequence <> c.sequence
        where c.age <= 9 and not (c.kind = 'increment' and c.sequence = c.first_sequence)  -- an increment begins with everything
        group by c.dataset
    ),
    attempt as (
        select distinct on (d.dataset) d.dataset, d.delivered_on, d.state, d.reason from ops.delivery d
        where d.kind <> 'replay' and d.delivered_on <= today and not (d.state = 'rejected' and d.reason like 'superseded%')
        order by d.dataset, d.delivered_on desc, d.sequence desc
    ),
    expected as (
        select t.dataset, n.delivered_on, case t.due
            when 'daily' then n.delivered_on + 1
            when 'weekly' then date_trunc('week', n.delivered_on)::date + 13
            when 'monthly' then (date_trunc('month', n.delivered_on) + interval '2 months')::date - 1
            when 'quarterly' then (date_trunc('quarter', n.delivered_on) + interval '6 months')::date - 1
            when 'yearly' then (date_trunc('year', n.delivered_on) + interval '2 years')::date - 1
            end as next_due
        from ops.term t left join newest n on n.dataset = t.dataset
    )
    select t.dataset, t.department, t.title, t.due, n.delivered_on, e.next_due, greatest(today - e.next_due, 0),
        case when n.dataset is null then 'never' when e.next_due < today then 'late' when t.due = 'irregular' then 'irregular' else 'on_time' end,
        n.rows_in, u.rows::bigint,
        coalesce(n.rows_in > 0 and u.deliveries >= 2 and n.rows_in < u.rows / 2, false),
        coalesce(n.rows_in = 0, false),
        coalesce(n.rows_in > 0 and u.deliveries >= 1 and n.rows_unchanged + n.rows_duplicate = n.rows_in and n.rows_removed = 0, false),
        a.delivered_on, a.state, a.reason
    from ops.term t
    join expected e on e.dataset = t.dataset
    left join newest n on n.dataset = t.dataset
    left join usual u on u.dataset = t.dataset
    left join attempt a on a.dataset = t.dataset
    order by t.dataset
$$;
comment on function ops.punctual(date) is '某一业务日期各数据集是否按约交付';

create view ops.punctuality as select * from ops.punctual((now() at time zone 'Asia/Shanghai')::date);
comment on view ops.punctuality is '今天各数据集是否按约交付：一期之内到即准时；迟、短、空、重复都在这里。其他日期用 ops.punctual(日期)';
comment on column ops.punctuality.dataset is '数据集：部门/数据集';
comment on column ops.punctuality.department is '部门代号';
comment on column ops.punctuality.title is '数据集名称';
comment on column ops.punctuality.due is '约定的周期：daily 每日，weekly 每周，monthly 每月，quarterly 每季，yearly 每年，irregular 不定期';
comment on column ops.punctuality.last_delivered_on is '最近一次装载的交付日期；空为从未';
comment on column ops.punctuality.next_due_on is '下一次最迟的日期：下一期的最后一天；不定期的为空';
comment on column ops.punctuality.days_late is '逾期天数；未逾期为 0，不定期或从未交付的为空';
comment on column ops.punctuality.state is 'on_time 未逾期，late 逾期，never 从未交付，irregular 不定期';
comment on column ops.punctuality.last_rows is '最近一次的行数';
comment on column ops.punctuality.usual_rows is '此前至多八次行数的中位数';
comment on column ops.punctuality.is_short is '最近一次不到以往中位数的一半（以往至少两次；增量的首次不算）';
comment on column ops.punctuality.is_empty is '最近一次没有一行';
comment on column ops.punctuality.is_repeated is '最近一次与已有的完全相同：没有新增、变更、消失';
comment on column ops.punctuality.last_attempt_on is '最近一次来件的日期，不论是否装载';
comment on column ops.punctuality.last_attempt_state is '最近一次来件的结果：loaded 已装载，rejected 拒收，held 挂起，discarded 已弃';
comment on column ops.punctuality.last_attempt_reason is '最近一次来件未装载的原因';

-- ── how its shape drifts ──
create view ops.drift as
with ranked as (
    select d.*, rank() over (partition by d.dataset order by d.delivered_on desc, d.sequence desc) = 1 as is_newest
    from ops.delivery d where d.kind <> 'replay' and not (d.state = 'rejected' and d.reason not like 'missing_column%')
),
told as (
    select r.dataset, r.delivered_on, r.is_newest, r.rows_in, n.note from ranked r cross join unnest(r.notes) n (note)
),
seen as (
    select dataset, delivered_on, is_newest, 'extra_column' as kind, name as column_name, null as detail, rows_in as rows
    from told cross join regexp_split_to_table(substr(note, 6), '、') name where note like '多出的列：%'
    union all
    select dataset, delivered_on, is_newest, 'renamed_column', m[2], m[1], rows_in
    from told cross join regexp_matches(note, '^列名与约定写法不同：“(.*)”按“(.*)”读取$') m
    union all
    select dataset, delivered_on, is_newest, 'missing_column', m[1], m[2], rows_in
    from ranked cross join regexp_matches(reason, '缺少列“([^”]*)”（([^）]*)）', 'g') m where state = 'rejected'
),
code as (
    select q.dataset, d.delivered_on, m[1] as column_name, m[2] as value, true as refused
    from quality.quarantine q
    join ops.delivery d on d.dataset = q.dataset and d.delivery_id = q.delivery_id
    cross join unnest(q.reasons) r (reason) cross join regexp_matches(r.reason, '^bad_code: 列“([^”]*)”的值“(.*)”') m
    where q.status = 'open'
    union all
    select f.dataset, f.opened_on, f.column_name, f.value, false
    from quality.finding f where f.problem = 'not_in_list' and f.closed_on is null and f.value is not null
)
select dataset, split_part(dataset, '/', 1) as department, kind, column_name, detail, min(delivered_on) as first_on, max(delivered_on) as last_on,
    sum(rows) filter (where is_newest) as rows, bool_or(is_newest) as is_open
from seen group by dataset, kind, column_name, detail
union all
select dataset, split_part(dataset, '/', 1), case when refused then 'refused_code' else 'unknown_code' end, column_name,
    case when length(value) <= 20 and value !~ '[0-9]{6}' then value else '（' || length(value) || '个字符）' end,
    min(delivered_on), max(delivered_on), count(*), true
from code group by 1, 2, 3, 4, 5;
comment on view ops.drift is '交付形状的漂移：多出、改名、缺少的列，代码表里没有的代码；外发前代码值仍须脱敏';
comment on column ops.drift.dataset is '数据集：部门/数据集';
comment on column ops.drift.department is '部门代号';
comment on column ops.drift.kind is 'extra_column 多出的列（只留在落地副本），renamed_column 列名写法不同（已按约定读取），missing_column 缺少的列（整次拒收），refused_code 新代码（必填，整行隔离），unknown_code 新代码（按空值装载）';
comment on column ops.drift.column_name is '列：部门自己的列名；改名、缺少的为约定的列名';
comment on column ops.drift.detail is '改名的为交付的写法，缺少的为相近的列名，新代码为交付的值（过长或含长数字串的只说长度）';
comment on column ops.drift.first_on is '首次出现的交付日期';
comment on column ops.drift.last_on is '最近出现的交付日期';
comment on column ops.drift.rows is '涉及行数：列的为最近一次交付，代码的为未解决的行数';
comment on column ops.drift.is_open is '最近一次交付里是否仍有';
