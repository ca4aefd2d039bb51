-- What is wrong, as tickets: told, answered, mended by the next delivery; what was mailed; and who says what of a field.

-- ── a number that can be printed, read aloud and checked ──
-- Seven characters to the base 31 of a scrambled counter (so that it tells nothing), and a check character as in GB 32100.
create function quality.ticket_number(ticket bigint) returns text language sql immutable strict parallel safe as $$
    select overlay(string_agg(substr('0123456789ABCDEFGHJKLMNPQRTUWXY', v + 1, 1), '' order by i)
        || substr('0123456789ABCDEFGHJKLMNPQRTUWXY', (31 - sum(v * w) % 31)::integer % 31 + 1, 1) placing '-' from 5 for 0)
    from (
        select i, ((((ticket::numeric * 11186521423 + 7180339887) % 27512614111)::bigint / (31 ^ (6 - i))::bigint) % 31)::integer as v, (3 ^ i)::integer as w
        from generate_series(0, 6) i
    ) digit
$$;
comment on function quality.ticket_number(bigint) is '工单的单号：八位，末位为校验符（GB 32100 的字符与算法）；不含任何信息';

create function quality.ticket_of(number text) returns bigint language sql immutable strict parallel safe as $$
    select case when count(v) = 8 and sum(v * w) filter (where i < 8) % 31 = (31 - max(v) filter (where i = 8)) % 31
        then (((sum(v * (31 ^ (7 - i))::bigint) filter (where i < 8))::numeric - 7180339887 + 27512614111) * 3560660859 % 27512614111)::bigint end
    from (
        select i, nullif(strpos('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(plain, i, 1)), 0) - 1 as v, (3 ^ (i - 1))::bigint as w
        from (select translate(upper(number), 'IO- ', '10') as plain) n, generate_series(1, 8) i where length(plain) = 8
    ) digit
$$;
comment on function quality.ticket_of(text) is '单号所指的工单；校验不对的为空';

create function quality.thing(kind text, dataset text, source_key text, field text, problem text, record_id text) returns uuid language sql immutable parallel safe as $$
    select md5(kind || '~' || dataset || '~' || coalesce(source_key, '') || '~' || field || '~' || problem || '~' || coalesce(record_id, ''))::uuid
$$;
comment on function quality.thing(text, text, text, text, text, text) is '一件事的身份：同一事下次交付再出现时仍是同一张工单';

-- ── tickets ──
create table quality.ticket (
    ticket bigint generated always as identity primary key,
    kind text not null check (kind in ('refused', 'wrong', 'differs', 'check')),
    thing uuid not null,
    department text not null,
    dataset text not null,
    source_key text,
    library text,
    field text not null,
    problem text not null,
    record_id text,
    delivery_id text,
    row_number bigint,
    rows bigint not null default 1,
    hint boolean not null default false,
    value_hash uuid not null,
    told_hash uuid,
    state text not null default 'open' check (state in ('open', 'sent', 'answered', 'mended', 'accepted', 'overdue')),
    opened_on date not null,
    sent_on date,
    due_on date,
    answer text,
    remark text,
    answered_by text,
    answered_on date,
    closed_on date,
    closed_by text,
    constraint what_is_mended_is_closed check ((state = 'mended') = (closed_on is not null))
);
create unique index one_ticket_a_thing on quality.ticket (thing) where closed_on is null;
create index on quality.ticket (department, kind) where closed_on is null;
create index on quality.ticket (dataset, closed_on);
create index accepted_values on quality.ticket (dataset, source_key) where answer = '原值无误';
comment on table quality.ticket is '工单：每个问题行（隔离行、字段有误的行、未过的检查）和每处部门间分歧一张，随交付与发布自行开立、销号；不存个人信息，只存找到那一行的主键';
comment on column quality.ticket.ticket is '内部编号；对外的单号见 quality.ticket_number';
comment on column quality.ticket.kind is 'refused 行未能入库，wrong 字段有误，differs 与其他部门不一致，check 整表检查未过';
comment on column quality.ticket.thing is '这件事的身份';
comment on column quality.ticket.department is '归哪个部门办';
comment on column quality.ticket.dataset is '该部门的数据集';
comment on column quality.ticket.source_key is '来源主键（可能含身份号码，外发一律脱敏）；缺主键的为空';
comment on column quality.ticket.library is '分歧所在的库；其余为空';
comment on column quality.ticket.field is '部门自己的列名；分歧为库的字段；整行的为空串';
comment on column quality.ticket.problem is '问题、隔离原因或检查名；分歧为空串';
comment on column quality.ticket.record_id is '分歧所关的人口标识或单位标识';
comment on column quality.ticket.delivery_id is '最近一次见于哪次交付';
comment on column quality.ticket.row_number is '在该次交付中的行号';
comment on column quality.ticket.rows is '涉及行数：同一主键冲突的几行、检查不合格的行数';
comment on column quality.ticket.hint is '提示：可改可不改，不催办';
comment on column quality.ticket.value_hash is '现值的指纹：值变了才再问';
comment on column quality.ticket.told_hash is '通报时的值的指纹';
comment on column quality.ticket.state is 'open 待通报，sent 已通报，answered 已答复，mended 已改好，accepted 认可原值，overdue 逾期';
comment on column quality.ticket.opened_on is '开立日期（业务日期）';
comment on column quality.ticket.sent_on is '首次通报的日期';
comment on column quality.ticket.due_on is '办理期限';
comment on column quality.ticket.answer is '部门的答复';
comment on column quality.ticket.remark is '部门的说明（已脱敏）';
comment on column quality.ticket.answered_by is '谁答复';
comment on column quality.ticket.answered_on is '答复日期';
comment on column quality.ticket.closed_on is '改好的日期';
comment on column quality.ticket.closed_by is '由哪次交付或哪个库的发布销号';

create table quality.ticket_change (
    ticket bigint not null,
    from_state text not null,
    to_state text not null,
    day date not null,
    by text not null,
    why text,
    at timestamptz not null default now()
);
create index on quality.ticket_change (ticket);
create index on quality.ticket_change (day);
comment on table quality.ticket_change is '工单的经过：每次变化一行，从不改写；开立不另记';
comment on column quality.ticket_change.ticket is '工单';
comment on column quality.ticket_change.from_state is '由何状态';
comment on column quality.ticket_change.to_state is '到何状态；与前相同的为补充答复';
comment on column quality.ticket_change.day is '业务日期';
comment on column quality.ticket_change.by is '由谁：交付编号、库、通报编号，或答复人';
comment on column quality.ticket_change.why is '为何：答复与说明（已脱敏）';
comment on column quality.ticket_change.at is '时间';

-- every problem that stands now, row by row; several rows may be one thing (one key, several contents)
create view quality.problem as
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
);
comment on view quality.problem is '此刻每个问题行、每处分歧、每项未过的检查，及其所属工单的身份（thing）';
comment on column quality.problem.kind is 'refused 行未能入库，wrong 字段有误，differs 与其他部门不一致，check 整表检查未过';
comment on column quality.problem.thing is '这件事的身份';
comment on column quality.problem.dataset is '部门的数据集';
comment on column quality.problem.source_key is '来源主键';
comment on column quality.problem.library is '分歧所在的库';
comment on column quality.problem.field is '部门自己的列名；分歧为库的字段';
comment on column quality.problem.problem is '问题、隔离原因或检查名';
comment on column quality.problem.record_id is '分歧所关的人口标识或单位标识';
comment on column quality.problem.delivery_id is '交付编号';
comment on column quality.problem.row_number is '行号';
comment on column quality.problem.rows is '涉及行数';
comment on column quality.problem.value_hash is '值的指纹';

create function quality.ageing(today date) returns table (
    department text, open bigint, week bigint, month bigint, quarter bigint, older bigint, unsent bigint, answered bigint, overdue bigint,
    accepted bigint, mended bigint, mended_lately bigint, days_to_mend numeric, oldest_on date
) language sql stable as $$
    select t.department, count(*) filter (where live), count(*) filter (where live and today - opened_on <= 7), count(*) filter (where live and today - opened_on between 8 and 30),
        count(*) filter (where live and today - opened_on between 31 and 90), count(*) filter (where live and today - opened_on > 90),
        count(*) filter (where state = 'open'), count(*) filter (where state = 'answered'), count(*) filter (where live and due_on < today),
        count(*) filter (where state = 'accepted'), count(*) filter (where state = 'mended'), count(*) filter (where state = 'mended' and closed_on > today - 30),
        round(avg(closed_on - opened_on) filter (where state = 'mended'), 1), min(opened_on) filter (where live)
    from (select *, state in ('open', 'sent', 'answered', 'overdue') as live from quality.ticket where not hint) t
    group by t.department order by 2 desc, 1
$$;
comment on function quality.ageing(date) is '某一业务日期各部门工单的账龄（提示不计）';

create view quality.ticket_ageing as select * from quality.ageing(theme.business_day());
comment on view quality.ticket_ageing is '各部门工单的账龄，以最近一次发布的业务日期为准；提示不计';
comment on column quality.ticket_ageing.department is '部门代号';
comment on column quality.ticket_ageing.open is '未了的工单';
comment on column quality.ticket_ageing.week is '其中开立不到八天';
comment on column quality.ticket_ageing.month is '其中八至三十天';
comment on column quality.ticket_ageing.quarter is '其中三十一至九十天';
comment on column quality.ticket_ageing.older is '其中九十天以上';
comment on column quality.ticket_ageing.unsent is '其中尚未通报';
comment on column quality.ticket_ageing.answered is '其中已答复、待交付改好';
comment on column quality.ticket_ageing.overdue is '其中已过办理期限';
comment on column quality.ticket_ageing.accepted is '部门确认原值无误的，不再问';
comment on column quality.ticket_ageing.mended is '累计已改好';
comment on column quality.ticket_ageing.mended_lately is '其中近三十天改好';
comment on column quality.ticket_ageing.days_to_mend is '改好平均用时（天）';
comment on column quality.ticket_ageing.oldest_on is '未了的里最早的开立日期';

-- ── what was mailed ──
create table quality.letter (
    letter_id text primary key,
    department text not null,
    day date not null,
    urgent boolean not null,
    state text not null check (state in ('queued', 'sent')),
    recipients integer not null default 0,
    reason text,
    at timestamptz not null default now()
);
create index on quality.letter (department, day);
comment on table quality.letter is '通报的邮件：何时给了哪个部门';
comment on column quality.letter.letter_id is '通报编号';
comment on column quality.letter.department is '部门代号；leaders 为领导页';
comment on column quality.letter.day is '业务日期';
comment on column quality.letter.urgent is '因交付挂起而即时发出';
comment on column quality.letter.state is 'queued 在发件箱里等候，sent 收件人已收';
comment on column quality.letter.recipients is '收到的人数';
comment on column quality.letter.reason is '未发出的原因';
comment on column quality.letter.at is '时间';

-- ── who says what of a field ──
create table quality.field_source (
    library text not null,
    kind text not null,
    field text not null,
    dataset text not null,
    role text not null,
    place integer not null,
    staging_table text not null,
    expression text not null,
    condition text not null,
    primary key (library, field, dataset, role, expression, condition)
);
comment on table quality.field_source is '库的每个字段各由哪些数据集的哪一列说起，可信次序如何；抄自 schemas/';
comment on column quality.field_source.library is '库';
comment on column quality.field_source.kind is 'person 人，entity 单位';
comment on column quality.field_source.field is '字段';
comment on column quality.field_source.dataset is '数据集';
comment on column quality.field_source.role is '记录中的角色';
comment on column quality.field_source.place is '可信次序：1 最先信；0 为由身份号码得出，先于各部门所填';
comment on column quality.field_source.staging_table is '清洗后的表';
comment on column quality.field_source.expression is '该表中的列';
comment on column quality.field_source.condition is '何时由此列说起';

create function quality.kept_since(library text, kind text, record text, field text) returns date language plpgsql stable as $$
declare since date;
begin
    execute format('with version as (
            select %1$I::text as value, version_from from %2$I.%3$I where %4$I = $1 union all select %1$I::text, version_from from %2$I.%5$I where %4$I = $1
        ), now_ as (select value, version_from from version order by version_from desc limit 1)
        select min(v.version_from) from version v, now_ n where v.value is not distinct from n.value
            and not exists (select from version x where x.value is distinct from n.value and x.version_from > v.version_from)',
        field, library, kind, kind || '_id', kind || '_history') into since using record;
    return since;
end $$;
comment on function quality.kept_since(text, text, text, text) is '库里某人（单位）某字段的现值自哪一业务日期起如此';

create function quality.sources_of(library text, record text, field text) returns table (
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
            t.value = held and (t.dataset = whom and t.place > 0 or t.place = (select min(place) from told x where x.value = held)
                and not exists (select from told x where x.value = held and x.dataset = whom and x.place > 0)) as trusted
        from told t order by t.place, t.delivered_on desc, t.dataset, t.source_key, t.role
    loop
        return query select row_.dataset, row_.source_key, row_.role, case when row_.place = 0 then '（身份号码）' else trim(row_.expression, '"''') end, row_.value, row_.same, coalesce(row_.trusted, false), row_.delivered_on,
            case when row_.same then since end;
    end loop;
end $$;
comment on function quality.sources_of(text, text, text) is '某库某人（单位、记录）某字段：哪些来源这样说、哪些不这样说、信了谁、自何时起';

create function quality.said(staging_table text, expression text, condition text, dataset text, source_key text) returns table (value text, delivered_on date)
language plpgsql stable as $$
begin
    return query execute format('select (%s)::text, delivered_on from staging.%I where dataset = $1 and source_key = $2 and removed_on is null and %s',
        expression, staging_table, condition) using dataset, source_key;
end $$;
comment on function quality.said(text, text, text, text, text) is '一条来源记录的一个字段现在怎么说（expression、condition 取自 quality.field_source）';

create view quality.disagreeing as
select library, field, kept_from, other_from, count(*) as records, min(opened_at)::date as since
from quality.disagreement where closed_at is null group by 1, 2, 3, 4;
comment on view quality.disagreeing is '现有的部门间分歧：哪个字段、信了谁、没信谁、多少人（单位）、最早自何时';
comment on column quality.disagreeing.library is '库';
comment on column quality.disagreeing.field is '字段';
comment on column quality.disagreeing.kept_from is '采信的数据集';
comment on column quality.disagreeing.other_from is '未采信的数据集';
comment on column quality.disagreeing.records is '处数';
comment on column quality.disagreeing.since is '最早出现的日期';
