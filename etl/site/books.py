"""What is asked of the books (ops.*, quality.*, statistics.indicator): one query a question, each over everything at once; no value of a row."""

KEPT = 60  # deliveries of a dataset that are listed
POINTS = 16  # results of a check that are drawn
COUNTS = ("rows_in", "rows_new", "rows_changed", "rows_unchanged", "rows_duplicate", "rows_quarantined", "rows_removed")

DELIVERIES = f"""
    select dataset, delivery_id, delivered_on, kind, state, split_part(coalesce(reason, ''), ':', 1), cardinality(notes), {", ".join(COUNTS)}
    from (select d.*, row_number() over (partition by dataset order by sequence desc) as nth from ops.delivery d) d
    where nth <= {KEPT} or state = 'held' order by dataset, sequence
"""
DELIVERED = "select count(*), coalesce(sum(rows_in), 0), coalesce(sum(rows_quarantined), 0) from ops.delivery where state = 'loaded' and kind <> 'replay'"
LATE = "select dataset, due, last_delivered_on, next_due_on, days_late from ops.punctual(%s) where state = 'late' order by days_late desc, dataset"
# what is not as usual in the newest delivery: too short, empty, the same again though it never is
ODD = """
    select dataset, is_empty, is_short, odd from (select *, dataset in (select ops.unusual_repeat(%(today)s)) as odd from ops.punctual(%(today)s)) p
    where is_empty or is_short or odd order by dataset
"""
# total scores as they stood when they were kept; oldest first
KEPT_SCORES = """
    select scope, name, day, value from (
        select s.*, row_number() over (partition by scope, name order by day desc) as nth from quality.score s where dimension = 'total' and value is not null
    ) s where nth <= 26 order by scope, name, day
"""
TICKETS = """
    select department, case when closed_on is null then state when state = 'mended' then 'mended' else 'closed' end, count(*)
    from quality.ticket where not hint group by 1, 2 order by 1, 2
"""
PUBLICATIONS = """
    select library, published_on, state, rows_written, rows_deleted from (
        select p.*, row_number() over (partition by library order by sequence desc) as nth from ops.publication p
    ) p where nth <= 60 order by library, sequence
"""
# the newest results of each check, oldest first; a library's are dated by the publication they judged
RESULTS = f"""
    with runs as (
        select distinct target, run_at, delivery_id, split_part(target, '.', 1) as library from quality.result
    ),
    dated as (
        select u.target, u.run_at, u.delivery_id, coalesce(d.delivered_on, p.published_on, (u.run_at at time zone 'Asia/Shanghai')::date) as day, coalesce(d.kind, '') as kind
        from runs u
        left join ops.delivery d on d.dataset = u.target and d.delivery_id = u.delivery_id
        left join lateral (
            select published_on from ops.publication p where u.delivery_id is null and p.library = u.library
            order by abs(extract(epoch from p.published_at - u.run_at)) limit 1
        ) p on true
    ),
    ranked as (
        select r.target, r.expectation, coalesce(r.column_name, '') as column_name, r.dimension, r.severity, r.success, r.broken, coalesce(r.checked, 0) as checked,
            coalesce(r.failed, 0) as failed, d.day, r.run_at, coalesce(r.because, '') as because, row_number() over (partition by r.target, r.expectation, r.column_name order by r.run_at desc) as nth
        from quality.result r join dated d on d.target = r.target and d.run_at = r.run_at and d.delivery_id is not distinct from r.delivery_id
    )
    select target, expectation, column_name, dimension, severity, success, broken, checked, failed, day, because
    from ranked where nth <= {POINTS} order by target, expectation, column_name, run_at
"""
FINDINGS = """
    select dataset, column_name, problem, count(*) filter (where closed_on is null), count(*) filter (where closed_on is not null)
    from quality.finding group by 1, 2, 3 order by 1, 2, 3
"""
# how many findings were open at the end of each day on which one was opened or closed
FINDING_DAYS = """
    with moved as (
        select dataset, opened_on as day, 1 as up, 0 as down from quality.finding
        union all select dataset, closed_on, 0, 1 from quality.finding where closed_on is not null
    )
    select split_part(dataset, '/', 1), day, sum(up), sum(down) from moved group by 1, 2 order by 2, 1
"""
REFUSALS = """
    select q.dataset, split_part(reason, ':', 1), coalesce(substring(reason from '列“([^”]+)”'), ''),
        count(*) filter (where q.status = 'open'), count(*) filter (where q.status <> 'open')
    from quality.quarantine q, unnest(q.reasons) as reason group by 1, 2, 3 order by 1, 4 desc, 2, 3
"""
REFUSED_ROWS = "select dataset, count(*) from quality.quarantine where status = 'open' group by 1"
DISAGREEMENTS = """
    select library, field, kept_from, other_from, count(*) filter (where closed_at is null), count(*) filter (where closed_at is not null)
    from quality.disagreement group by 1, 2, 3, 4 order by 1, 2, 5 desc, 3, 4
"""
STAGES = """
    with newest as (select run_id, max(at) as at from ops.stage group by run_id order by 2 desc limit 20)
    select n.run_id, s.what, s.stage, sum(s.rows)::bigint, sum(s.seconds) from ops.stage s join newest n using (run_id)
    group by n.run_id, n.at, s.what, s.stage order by n.at, s.what, s.stage
"""
INDICATORS = """
    select i.indicator_code, i.name, i.unit, i.source_dataset, count(o.*), min(o.period), max(o.period), string_agg(distinct o.frequency, '' order by o.frequency)
    from statistics.indicator i left join statistics.observation o using (indicator_code) group by 1, 2, 3, 4 order by 4, 2
"""
# State of every claim at each loaded delivery: of a full register the rules judge every row each time, all else adds up.
CLAIMS = """
    with delivery as (
        select d.dataset, d.delivery_id, d.kind, d.delivered_on, d.sequence, row_number() over (partition by d.dataset order by d.sequence desc) as nth
        from ops.delivery d where d.state = 'loaded' and d.kind <> 'replay'
    ),
    ruled as (select unnest(%(targets)s::text[]) as target, unnest(%(claims)s::text[]) as expectation),
    newest as (
        select distinct on (r.target, r.expectation, r.column_name, d.sequence)
            r.target, r.expectation, r.column_name, r.dimension, r.severity, r.checked, r.failed, d.sequence, u.target is not null and d.kind = 'full' as own
        from quality.result r join delivery d on d.dataset = r.target and d.delivery_id = r.delivery_id
        left join ruled u on u.target = r.target and u.expectation = r.expectation
        where not r.broken order by r.target, r.expectation, r.column_name, d.sequence, r.run_at desc
    ),
    standing as (
        select d.dataset, d.sequence, n.dimension, n.severity, sum(n.checked) as checked, sum(n.failed) as failed
        from delivery d join newest n on n.target = d.dataset and case when n.own then n.sequence = d.sequence else n.sequence <= d.sequence end
        where d.nth <= 26 group by d.dataset, d.sequence, n.dimension, n.severity, n.expectation, n.column_name
        union all
        select d.dataset, d.sequence, 'accessibility', 'critical', sum(e.rows_in), sum(e.rows_quarantined)
        from delivery d join ops.delivery e on e.dataset = d.dataset and e.state = 'loaded' and e.kind <> 'replay'
            and case when d.kind = 'full' then e.sequence = d.sequence else e.sequence <= d.sequence end
        where d.nth <= 26 group by d.dataset, d.sequence
        union all
        select d.dataset, d.sequence, 'accessibility', 'warning', count(*) filter (where e.state <> 'held'), count(*) filter (where e.state in ('rejected', 'discarded'))
        from delivery d join ops.delivery e on e.dataset = d.dataset and e.kind <> 'replay' and e.sequence <= d.sequence
            and not (e.state = 'rejected' and e.reason like 'superseded%%')
        where d.nth <= 26 group by d.dataset, d.sequence
    )
    select s.dataset, d.delivered_on, s.dimension, s.severity, sum(1 - s.failed::double precision / s.checked), count(*)
    from standing s join delivery d using (dataset, sequence) where s.checked > 0
    group by s.dataset, s.sequence, d.delivered_on, s.dimension, s.severity order by s.dataset, s.sequence, s.dimension, s.severity
"""
