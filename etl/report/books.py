"""What is asked of the books (ops.*, quality.*): one query a question, each limited in the rows it gives back."""

ROWS_PER_PROBLEM = 2000
OPEN_FINDINGS = """
    select t.dataset, t.field, t.problem, t.total, t.source_key, f.value, t.row_number, t.delivery_id, t.ticket, quality.ticket_number(t.ticket)
    from (
        select t.*, row_number() over w as nth, count(*) over (partition by dataset, field, problem) as total
        from quality.ticket t where closed_on is null and state <> 'accepted' and kind = 'wrong' and dataset = any(%s)
        window w as (partition by dataset, field, problem order by opened_on desc, delivery_id desc, row_number)
    ) t
    left join lateral (
        select value from quality.finding f
        where f.dataset = t.dataset and f.source_key = t.source_key and f.column_name = t.field and f.problem = t.problem and f.closed_on is null limit 1
    ) f on true
    where nth <= %s order by t.dataset, t.field, t.problem, nth
"""
# what only the libraries show: rows whose value stands in staging, under its cleaned column
OPEN_LIBRARY = """
    select dataset, field, problem, severity, because, total, source_key, row_number, delivery_id, ticket, quality.ticket_number(ticket)
    from (
        select t.dataset, f.field, t.problem, f.severity, f.because, t.source_key, t.row_number, t.delivery_id, t.ticket, t.opened_on,
            row_number() over w as nth, count(*) over (partition by t.dataset, f.field, t.problem) as total
        from quality.ticket t
        join quality.library_finding f on f.dataset = t.dataset and f.source_key = t.source_key and f.target || '.' || f.expectation = t.problem
        where t.closed_on is null and t.state <> 'accepted' and t.kind = 'library' and t.dataset = any(%s)
            and not exists ( -- what the row's own ticket asks is not asked once more: a code unknown there is an empty value here (a hint asks nothing)
                select from quality.ticket own
                where own.kind = 'wrong' and own.closed_on is null and not own.hint and own.dataset = t.dataset and own.source_key = t.source_key
                    and own.field = f.field
            )
        window w as (partition by t.dataset, f.field, t.problem order by t.opened_on desc, t.delivery_id desc, t.row_number)
    ) t where nth <= %s order by dataset, field, problem, nth
"""
OPEN_REFUSALS = """
    with refused as ( -- a row that is refused twice for one thing (two parts of its key are missing) is one row, with both reasons
        select distinct on (p.dataset, p.delivery_id, p.row_number, p.problem) p.dataset, p.source_key, p.row_number, p.delivery_id, p.problem as code, t.ticket,
            array(select r from unnest(q.reasons) r where split_part(r, ':', 1) = p.problem) as reasons
        from quality.problem p
        join quality.ticket t on t.thing = p.thing and t.closed_on is null and t.state <> 'accepted'
        join quality.quarantine q on q.dataset = p.dataset and q.delivery_id = p.delivery_id and q.row_number = p.row_number
        where p.kind = 'refused' and p.dataset = any(%s)
        order by p.dataset, p.delivery_id, p.row_number, p.problem, t.ticket
    )
    select dataset, code, total, source_key, reasons, row_number, delivery_id, ticket, quality.ticket_number(ticket)
    from (
        select *, row_number() over (partition by dataset, code order by delivery_id desc, row_number) as nth, count(*) over (partition by dataset, code) as total
        from refused
    ) q where nth <= %s order by dataset, total desc, code, nth
"""
# a finding that was closed and opened again by the same delivery is not mended
MENDED_FINDINGS = """
    select f.dataset, f.column_name, f.problem, count(distinct f.source_key)
    from quality.finding f
    where f.closed_on is not null and f.dataset = any(%s)
        and (
            %s::date is null or f.closed_on > %s::date
            or (f.dataset, f.closed_on) in (select d.dataset, d.delivered_on from ops.delivery d where d.sequence > %s)
        )
        and not exists (
            select from quality.finding o where o.closed_on is null and o.dataset = f.dataset and o.source_key = f.source_key
                and o.column_name = f.column_name and o.problem = f.problem
        )
    group by 1, 2, 3 order by 4 desc, 1, 2, 3
"""
MENDED_REFUSALS = """
    select q.dataset, count(distinct q.source_key)
    from quality.quarantine q join ops.delivery d on d.dataset = q.dataset and d.delivery_id = q.closed_by
    where q.status = 'fixed' and q.dataset = any(%s) and d.sequence > %s and q.source_key is not null
        and not exists (select from quality.quarantine o where o.status = 'open' and o.dataset = q.dataset and o.source_key = q.source_key)
    group by 1 order by 2 desc
"""
MENDED_LIBRARY = """
    select dataset, problem, count(*) from quality.ticket
    where kind = 'library' and state = 'mended' and dataset = any(%s) and (%s::date is null or closed_on > %s::date) group by 1, 2 order by 3 desc, 1, 2
"""
MENDED_DIFFERENCES = """
    select dataset, library, split_part(field, '.', 2), count(*) from quality.ticket
    where kind = 'differs' and state = 'mended' and dataset = any(%s) and (%s::date is null or closed_on > %s::date) group by 1, 2, 3 order by 4 desc, 1, 2, 3
"""
# of one's own: what was not believed and is not accepted as it is; of others': where one was believed, those first who stand by their word
DISAGREEMENTS = """
    select library, field, kept_from, other_from, total, record_id, kept_value, other_value, other_key, ticket, quality.ticket_number(ticket), insisted
    from (
        select d.*, t.ticket, t.state = 'accepted' as insisted,
            row_number() over (partition by d.library, d.field, kept_from, other_from order by t.state = 'accepted' desc, opened_at desc, d.record_id) as nth,
            count(*) over (partition by d.library, d.field, kept_from, other_from) as total
        from quality.disagreement d
        join quality.ticket t on t.closed_on is null and t.thing = quality.thing('differs', d.other_from, d.other_key, d.library || '.' || d.field, '', d.record_id)
        where d.closed_at is null and (d.other_from = any(%s) and t.state <> 'accepted' or d.kept_from = any(%s) and not d.other_from = any(%s))
    ) d where nth <= %s order by total desc, library, field, other_from, kept_from, nth
"""
# whose record was believed: the department's own behind a person or an entity; of several the one that says what is kept
OWN_RECORDS = """
    select a.record_id, (
        select r.source_key from {record} r
        left join quality.field_source s on s.library = %(library)s and s.dataset = r.dataset and s.role = r.role and s.field = %(field)s
        where r.dataset = %(dataset)s and r.{kind}_id = a.record_id
        order by case when s.staging_table is not null then (
            select v.value from quality.said(s.staging_table, s.expression, s.condition, r.dataset, r.source_key) v limit 1
        ) is not distinct from a.kept else false end desc, r.source_key limit 1
    )
    from unnest(%(records)s::text[], %(kept)s::text[]) a (record_id, kept)
"""
FAILED_CHECKS = """
    select t.dataset, t.field, coalesce(r.because, t.problem), coalesce(r.severity, 'warning'), t.rows, coalesce(r.checked, 0), t.kind, t.problem, t.ticket, quality.ticket_number(t.ticket)
    from quality.ticket t
    left join lateral (
        select because, severity, checked from quality.result r
        where not r.success and case t.kind when 'check' then r.target = t.dataset and r.expectation = t.problem
            else r.target = array_to_string((string_to_array(t.problem, '.'))[1:2], '.') and r.expectation = split_part(t.problem, '.', 3) end
        order by r.run_at desc limit 1
    ) r on true
    where (t.kind = 'check' or t.kind = 'library' and t.source_key is null) and t.closed_on is null and t.state <> 'accepted' and t.dataset = any(%s) order by t.rows desc, t.dataset, t.problem
"""
COUNTS = ("rows_in", "rows_new", "rows_changed", "rows_unchanged", "rows_duplicate", "rows_quarantined", "rows_removed")
# since the last mail, or still waiting for a decision; a refusal that a later delivery made good is left out
DELIVERIES = f"""
    select d.dataset, d.delivery_id, d.delivered_on, d.kind, d.state, d.reason, d.notes, {", ".join(COUNTS)}
    from ops.delivery d
    where d.dataset = any(%s) and (d.sequence > %s or d.state = 'held') and not (
        d.state = 'rejected' and exists (
            select from ops.delivery l
            where l.dataset = d.dataset and l.state = 'loaded' and l.sequence > d.sequence and l.delivered_on >= d.delivered_on
        )
    )
    order by d.delivered_on desc, d.dataset
"""
PUNCTUAL = """
    select dataset, due, state, last_delivered_on, next_due_on, days_late, last_rows, usual_rows, is_short, is_empty, is_repeated
    from ops.punctual(%s) where dataset = any(%s) order by days_late desc nulls last, dataset
"""
UNUSUAL_REPEATS = "select ops.unusual_repeat(%s)"
# of each of the last weeks, counted back from today, the newest
TREND = """
    select distinct on (days / 7) day, value from quality.score, lateral (select %s - day as days) as ago
    where scope = 'department' and name = %s and dimension = 'total' and value is not null and days >= 0 order by days / 7, days limit 6
"""
DRIFT = """
    select dataset, kind, column_name, detail, rows from ops.drift where is_open and kind <> 'missing_column' and dataset = any(%s)
    order by array_position(array['refused_code', 'unknown_code', 'renamed_column', 'extra_column'], kind), rows desc nulls last, dataset, column_name
"""
NEWLY_HELD = "select exists (select from ops.delivery where state = 'held' and dataset = any(%s) and sequence > %s)"
LAST_SEQUENCE = "select coalesce(max(sequence), 0) from ops.delivery where dataset = any(%s)"
REFUSED = """
    select count(distinct (p.dataset, p.delivery_id, p.row_number)) from quality.problem p
    join quality.ticket t on t.thing = p.thing and t.closed_on is null and t.state <> 'accepted' where p.kind = 'refused' and p.dataset = any(%s)
"""
WRONG_ROWS = """
    select dataset, count(distinct source_key) from quality.ticket
    where kind in ('wrong', 'library') and closed_on is null and state <> 'accepted' and not hint and dataset = any(%s) group by 1 order by 1
"""
TICKETS = """
    select count(*) filter (where closed_on is null and due_on < %s), count(*) filter (where state = 'answered'), count(*) filter (where state = 'accepted')
    from quality.ticket where not hint and dataset = any(%s)
"""
FIELD_TITLE = """
    select col_description(a.attrelid, a.attnum) from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = to_regnamespace(%s) and a.attname = %s and col_description(a.attrelid, a.attnum) is not null limit 1
"""
