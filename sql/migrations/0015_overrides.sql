-- Whom failed checks of the libraries concern, documented overrides, the history of scores, and what checks counted.

-- ── what a claim counted, so that the next publication counts only what changed ──
alter table quality.result add column definition text not null default '';
comment on column quality.result.definition is '检查定义的指纹：定义未变时，下次发布只数变动的行';

-- ── failed checks of the libraries, down to the departments' own rows ──
create table quality.library_finding (
    library text not null,
    target text not null,
    expectation text not null,
    severity text not null,
    because text not null,
    dataset text not null,
    source_key text,
    record_id text,
    field text not null default '',
    delivery_id text,
    row_number bigint,
    row_hash uuid,
    opened_on date not null
);
create index on quality.library_finding (library, target, expectation);
create index on quality.library_finding (dataset, source_key);
comment on table quality.library_finding is '库表检查未过，关系到各部门的哪些行：随每次发布（或挂起）更新，只存此刻仍在的；不存值';
comment on column quality.library_finding.library is '库';
comment on column quality.library_finding.target is '库表';
comment on column quality.library_finding.expectation is '检查名';
comment on column quality.library_finding.severity is 'warning 警告，critical 严重';
comment on column quality.library_finding.because is '为何要查、怎样办';
comment on column quality.library_finding.dataset is '部门的数据集';
comment on column quality.library_finding.source_key is '来源主键（可能含身份号码，外发一律脱敏）；空为整个数据集的事';
comment on column quality.library_finding.record_id is '所关的人口标识或单位标识';
comment on column quality.library_finding.field is '部门自己的列名；说不准是哪一列的为空串';
comment on column quality.library_finding.delivery_id is '该行现值所在的交付';
comment on column quality.library_finding.row_number is '在该次交付中的行号';
comment on column quality.library_finding.row_hash is '该行内容的指纹';
comment on column quality.library_finding.opened_on is '最早出现的业务日期';

alter table quality.ticket drop constraint if exists ticket_kind_check;
alter table quality.ticket add constraint ticket_kind_check check (kind in ('refused', 'wrong', 'differs', 'check', 'library'));
comment on column quality.ticket.kind is 'refused 行未能入库，wrong 字段有误，differs 与其他部门不一致，check 整表检查未过，library 汇入各库后才看出的问题';
comment on column quality.ticket.library is '分歧或库表检查所在的库；其余为空';

create or replace view quality.problem as
select 'refused' as kind, quality.thing('refused', q.dataset, coalesce(q.source_key, md5(q.record::text)), '', split_part(r.reason, ':', 1), null) as thing,
    q.dataset, q.source_key, null as library, '' as field, split_part(r.reason, ':', 1) as problem, null as record_id, q.delivery_id, q.row_number,
    1::bigint as rows, md5(q.record::text)::uuid as value_hash
from quality.quarantine q cross join unnest(q.reasons) r (reason) where q.status = 'open'
union all
select 'wrong', quality.thing('wrong', f.dataset, f.source_key, f.column_name, f.problem, null), f.dataset, f.source_key, null, f.column_name, f.problem, null,
    f.delivery_id, f.row_number, 1, md5(f.source_key || '~' || coalesce(f.value, ''))::uuid
from quality.finding f where f.closed_on is null
union all
select 'differs', quality.thing('differs', d.other_from, d.other_key, d.library || '.' || d.field, '', d.record_id), d.other_from, d.other_key, d.library, d.field, '',
    d.record_id, null, null, 1, md5(d.other_key || '~' || coalesce(d.other_value, ''))::uuid
from quality.disagreement d where d.closed_at is null
union all
select 'check', quality.thing('check', f.target, null, coalesce(f.column_name, ''), f.expectation, null), f.target, null, null, coalesce(f.column_name, ''), f.expectation, null,
    f.delivery_id, null, coalesce(f.failed, 0), md5(f.target || '~' || f.expectation)::uuid
from (
    select distinct on (r.target, r.expectation, r.column_name) r.* from quality.result r
    where not r.success and not r.broken and r.severity <> 'info' and r.target like '%/%'
        and coalesce(r.because, '') not like '%；应当：%' -- what a column rule says of each row, its findings and refusals say already
    order by r.target, r.expectation, r.column_name, r.run_at desc
) f
where not exists ( -- judged on what changed: only a pass over as many rows as failed can have seen them mended
    select from quality.result n where n.target = f.target and n.expectation = f.expectation and n.run_at > f.run_at
        and n.success and not n.broken and n.checked >= f.failed
)
union all -- the column is not part of the thing: which one is asked for may change, the matter is the same
select 'library', quality.thing('library', f.dataset, f.source_key, '', f.target || '.' || f.expectation, null), f.dataset, f.source_key, f.library, f.field,
    f.target || '.' || f.expectation, f.record_id, f.delivery_id, f.row_number, 1, coalesce(f.row_hash, md5(f.dataset || '~' || f.target || '~' || f.expectation)::uuid)
from quality.library_finding f;
comment on view quality.problem is '此刻每个问题行、每处分歧、每项未过的检查，及其所属工单的身份（thing）';
comment on column quality.problem.kind is 'refused 行未能入库，wrong 字段有误，differs 与其他部门不一致，check 整表检查未过，library 汇入各库后才看出的问题';

-- ── documented overrides ──
create table quality.override (
    id bigint generated always as identity primary key,
    library text not null check (library in ('population', 'legal_entity')),
    record_id text not null,
    dataset text not null,
    source_key text not null,
    role text not null,
    field text not null,
    value text not null,
    by text not null check (by <> ''),
    why text not null check (why <> ''),
    at timestamptz not null default now(),
    until date,
    withdrawn_at timestamptz,
    withdrawn_by text,
    withdrawn_why text
);
create unique index one_override_a_field on quality.override (library, dataset, source_key, role, field) where withdrawn_at is null;
comment on table quality.override is '更正：平台从不改部门的值，只可在合并时以有据可查的更正为准；谁、为何、至何时，撤回也留作记录';
comment on column quality.override.id is '编号；采信处写作 override/编号';
comment on column quality.override.library is '库：population、legal_entity';
comment on column quality.override.record_id is '更正时的人口标识或单位标识';
comment on column quality.override.dataset is '据以认人（认单位）的来源记录：数据集。标识合并、拆分后更正仍跟着这条记录';
comment on column quality.override.source_key is '据以认人的来源记录：主键';
comment on column quality.override.role is '据以认人的来源记录：角色';
comment on column quality.override.field is '库的字段';
comment on column quality.override.value is '更正为何值';
comment on column quality.override.by is '谁更正';
comment on column quality.override.why is '依据';
comment on column quality.override.at is '登记时间';
comment on column quality.override.until is '有效至此业务日期（含）；空为长期';
comment on column quality.override.withdrawn_at is '撤回时间';
comment on column quality.override.withdrawn_by is '谁撤回';
comment on column quality.override.withdrawn_why is '为何撤回';

create or replace function quality.sources_of(library text, record text, field text) returns table (
    dataset text, source_key text, role text, said_in text, value text, agrees boolean, believed boolean, said_since date, kept_since date
) language plpgsql stable as $$
#variable_conflict use_column
declare
    which text := case sources_of.library when 'population' then 'person' when 'legal_entity' then 'entity' end;
    held text; since date; whom text; found_ record; row_ record;
begin
    if which is null then -- one record is one source: licences, permits, lists, figures
        for found_ in
            select c.table_name from information_schema.columns c join information_schema.columns k using (table_schema, table_name)
            where c.table_schema = sources_of.library and c.column_name = sources_of.field and k.column_name = 'source_key'
        loop
            return query execute format('select dataset, source_key, null::text, %L, %I::text, true, true, version_from, version_from from %I.%I where source_key = $1',
                sources_of.field, sources_of.field, sources_of.library, found_.table_name) using record;
        end loop;
        return;
    end if;
    execute format('select %I::text from %I.%I where %I = $1', field, library, which, which || '_id') into held using record;
    since := quality.kept_since(library, which, record, field);
    select d.kept_from into whom from quality.disagreement d
        where d.library = sources_of.library and d.record_id = record and d.field = sources_of.field and d.closed_at is null limit 1;
    for row_ in -- a documented override comes before every department
        select o.* from quality.override o join (
            select dataset, source_key, role from match.person_member where which = 'person' and person_id = record
            union all select dataset, source_key, role from match.entity_member where which = 'entity' and entity_id = record
        ) m using (dataset, source_key, role)
        where o.library = sources_of.library and o.field = sources_of.field and o.withdrawn_at is null and (o.until is null or o.until >= theme.business_day())
    loop
        whom := 'override/' || row_.id;
        return query select whom, null::text, null::text, '（更正：' || row_."by" || '；' || row_.why || '）', row_.value, row_.value = held, row_.value = held,
            (row_.at at time zone 'Asia/Shanghai')::date, case when row_.value = held then since end;
    end loop;
    for row_ in
        with told as (
            select f.place, f.expression, m.dataset, m.source_key, m.role, t.value, t.delivered_on
            from (
                select dataset, source_key, role from match.person_member where which = 'person' and person_id = record
                union all select dataset, source_key, role from match.entity_member where which = 'entity' and entity_id = record
            ) m
            join quality.field_source f on f.library = sources_of.library and f.field = sources_of.field and f.dataset = m.dataset and f.role = m.role
            cross join lateral quality.said(f.staging_table, f.expression, f.condition, m.dataset, m.source_key) t
            where t.value is not null
        )
        select t.*, t.value = held as same,
            t.value = held and not coalesce(whom like 'override/%', false) and (t.dataset = whom and t.place > 0 or t.place = (select min(place) from told x where x.value = held)
                and not exists (select from told x where x.value = held and x.dataset = whom and x.place > 0)) as trusted
        from told t order by t.place, t.delivered_on desc, t.dataset, t.source_key, t.role
    loop
        return query select row_.dataset, row_.source_key, row_.role, case when row_.place = 0 then '（身份号码）' else trim(row_.expression, '"''') end, row_.value, row_.same, coalesce(row_.trusted, false), row_.delivered_on,
            case when row_.same then since end;
    end loop;
end $$;

-- ── scores as they stood ──
create table quality.score (
    day date not null,
    scope text not null check (scope in ('city', 'library', 'department', 'dataset')),
    name text not null,
    dimension text not null,
    value numeric(5, 2),
    checked bigint not null,
    failed bigint not null,
    at timestamptz not null default now(),
    primary key (scope, name, dimension, day)
);
create index on quality.score (day);
comment on table quality.score is '得分的历史：每次发布、每次通报时各记一份，一天一份；权重或算法改动不追改以前的';
comment on column quality.score.day is '业务日期';
comment on column quality.score.scope is 'city 全市，library 库，department 部门，dataset 数据集';
comment on column quality.score.name is '名称；全市为 city';
comment on column quality.score.dimension is 'GB/T 36344 的六个维度，total 为总分';
comment on column quality.score.value is '0–100；空为不适用（没有可查的）';
comment on column quality.score.checked is '检查的数目';
comment on column quality.score.failed is '其中不合格的数目';
comment on column quality.score.at is '记下的时间';

-- ── letters that are kept as files and handed on, where there is no mail server ──
alter table quality.letter drop constraint if exists letter_state_check;
alter table quality.letter add constraint letter_state_check check (state in ('queued', 'sent', 'kept'));
comment on column quality.letter.state is 'queued 在发件箱里等候，sent 收件人已收，kept 没有邮件服务器，存为文件由人转交（期限照算）';

-- ── a repetition that deserves eyes ──
create function ops.unusual_repeat(today date) returns setof text language sql stable as $$
    with come as (
        select d.dataset, d.kind, d.rows_in, d.rows_in > 0 and d.rows_unchanged + d.rows_duplicate = d.rows_in and d.rows_removed = 0 as same,
            row_number() over (partition by d.dataset order by d.delivered_on desc, d.sequence desc) as age, d.sequence = min(d.sequence) over (partition by d.dataset) as first
        from ops.delivery d where d.state = 'loaded' and d.kind <> 'replay' and d.delivered_on <= today
    ),
    past as (
        select dataset, count(*) filter (where age > 1 and not first) as known, count(*) filter (where age > 1 and not first and not same) as differing,
            max(rows_in) filter (where age = 1) as rows, bool_or(kind = 'increment') filter (where age = 1) as increment
        from come group by dataset
    )
    select p.dataset from ops.punctual(today) p join past using (dataset)
    where p.is_repeated and (
        past.increment -- what has changed since the last time cannot be what is known already
        or case when past.known >= 2 then past.differing * 2 > past.known else past.rows >= 1000 and p.due in ('daily', 'weekly') end
    )
$$;
comment on function ops.unusual_repeat(date) is '某一业务日期与上次完全相同而值得过问的数据集：增量交来的全是已有的；平常总有变动；或者上千行的日报、周报一行未变。本来就少变的不在其内';
