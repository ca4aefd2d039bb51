"""What is asked of the books (ops.*, quality.*): one query a question, each limited in the rows it gives back."""

ROWS_PER_PROBLEM = 2000
OPEN_FINDINGS = """
    select dataset, column_name, problem, total, source_key, value, row_number, delivery_id
    from (
        select f.*, row_number() over w as nth, count(*) over (partition by dataset, column_name, problem) as total
        from quality.finding f where closed_on is null and dataset = any(%s)
        window w as (partition by dataset, column_name, problem order by opened_on desc, row_number)
    ) f where nth <= %s order by dataset, column_name, problem, nth
"""
OPEN_REFUSALS = """
    select dataset, code, total, source_key, reason, row_number, delivery_id
    from (
        select q.dataset, q.source_key, q.row_number, q.delivery_id, reason, split_part(reason, ':', 1) as code,
            row_number() over (partition by q.dataset, split_part(reason, ':', 1) order by q.delivery_id desc, q.row_number) as nth,
            count(*) over (partition by q.dataset, split_part(reason, ':', 1)) as total
        from quality.quarantine q, unnest(q.reasons) as reason where q.status = 'open' and q.dataset = any(%s)
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
DISAGREEMENTS = """
    select library, field, kept_from, other_from, total, record_id, kept_value, other_value, other_key
    from (
        select d.*, row_number() over (partition by library, field, kept_from, other_from order by opened_at desc, record_id) as nth,
            count(*) over (partition by library, field, kept_from, other_from) as total
        from quality.disagreement d where closed_at is null and (other_from = any(%s) or kept_from = any(%s))
    ) d where nth <= %s order by total desc, library, field, other_from, kept_from, nth
"""
FAILED_CHECKS = """
    with newest as (
        select distinct on (target, expectation, column_name) * from quality.result
        where target = any(%s) order by target, expectation, column_name, run_at desc
    )
    select target, coalesce(column_name, ''), coalesce(because, expectation), severity, coalesce(failed, 0), coalesce(checked, 0)
    from newest where not success and not broken order by failed desc nulls last, target, expectation
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
LAST_LOADED = "select dataset, max(delivered_on) from ops.delivery where state = 'loaded' and dataset = any(%s) group by 1"
LAST_SEQUENCE = "select coalesce(max(sequence), 0) from ops.delivery where dataset = any(%s)"
REFUSED = "select count(*) from quality.quarantine where status = 'open' and dataset = any(%s)"
WRONG_ROWS = """
    select count(distinct source_key) from quality.finding where closed_on is null and dataset = %s and (column_name, problem) in %s
"""
FIELD_TITLE = """
    select col_description(a.attrelid, a.attnum) from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = to_regnamespace(%s) and a.attname = %s and col_description(a.attrelid, a.attnum) is not null limit 1
"""
