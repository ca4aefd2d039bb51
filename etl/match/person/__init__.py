"""Person linkage: who is who across departments.

1. `prepare`: one row per party of a record, with everything comparable about it.
2. `identified`: records with a usable ID number that their name, birth date or sex does not contradict.
3. `scored`: Splink scores what is left against the identified persons and among itself (`model`), with the household,
   the firm and the row they stand in as further evidence (`context`).
4. `decided`: the best candidate, if it is likely enough and clearly better than the next.
5. clusters, then identities (`etl.match.identity`).
"""

from etl.engine import count
from etl.match import identity
from etl.match.components import components
from etl.match.person import context, decided, identified, prepare, scored
from etl.settings import now
from etl.workbench import Workbench


def link(bench: Workbench) -> None:
    """`feed.person` → `matched.person_member`, `matched.person_edge`, `matched.cluster`, `matched.person_id`, `matched.redirected`."""
    con = bench.con
    prepare.records(con)
    identified.groups(con)
    context.known(con)
    decided.corrected(con)
    for _ in range(2):  # who is found in the first round is context for the others of their row and household
        context.known(con)
        scored.against_identified(con)
        decided.attach(con)
    context.known(con)
    scored.among_left(con)
    decided.pair(con)
    _clusters(bench)
    identity.assign(con, kind="person", letter="P", anchor="public_security/household_register")
    identity.redirects(con, "person", now().isoformat())
    _members(bench)


def _clusters(bench: Workbench) -> None:
    """Components over identified groups (each a star around its number), attachments and pairs."""
    con = bench.con
    components(
        con,
        "rec",
        "(select rid as a, min(rid) over (partition by proto) as b from identified_record union all select a, b from same_record union all select a, b from edge)",
        "component",
    )
    con.execute("""
        create or replace table matched.cluster as
        select r.dataset, r.source_key, r.role, r.former, r.first_delivered_on, c.cluster, r.rid from rec r join component c using (rid) where r.version = 0
    """)
    largest = count(con, "select max(n) from (select count(*) as n from matched.cluster group by cluster)")
    con.execute(f"create or replace table matched.alarm as select {largest} as largest_cluster")


def _members(bench: Workbench) -> None:
    con = bench.con
    con.execute("""
        create or replace table matched.person_edge as
        select l.dataset || '|' || l.source_key || '|' || l.role as left_record, r.dataset || '|' || r.source_key || '|' || r.role as right_record,
            e.rule, max(e.probability) as probability, any_value(e.evidence) as evidence
        from edge e join rec l on l.rid = e.a join rec r on r.rid = e.b where l.version = 0 and r.version = 0 group by all
    """)
    con.execute("""
        create or replace table matched.person_member as
        with best as (
            select rid, arg_max(rule, probability) as rule, max(probability) as probability
            from (select a as rid, rule, probability from edge union all select b, rule, probability from edge) group by rid
        )
        select c.dataset, c.source_key, c.role, i.id as person_id, c.former, c.first_delivered_on,
            coalesce(n.rule, b.rule, 'alone') as rule,
            case when n.rule is not null then 1.0 else coalesce(b.probability, 1.0) end as probability, c.rid
        from matched.cluster c join matched.person_id i using (cluster)
        left join identified_record n using (rid) left join best b using (rid)
    """)
