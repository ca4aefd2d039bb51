"""Entity linkage: credit code, organisation code, registration number and department keys first, then name and place.

A branch is not its head office; a new firm that took a cancelled firm's name is another; near-equal names in two
counties stay apart. Codes that contradict each other are never joined by a name.
"""

from etl.match import identity, judged
from etl.match.components import components
from etl.match.entity import coded, grey, named, prepare, walls
from etl.settings import now
from etl.workbench import Workbench


def link(bench: Workbench) -> None:
    """`feed.entity` → `matched.entity_member`, `matched.entity_edge`, `matched.cluster`, `matched.entity_id`, `matched.redirected`, `matched.entity_review`."""
    con = bench.con
    prepare.records(con)
    judged.read(bench, "entity")
    coded.groups(con)
    named.pairs(con)
    named.accept(con)
    walls.part_names(con)
    components(con, "rec", "(select a, b from code_edge union all select a, b from name_edge)", "component")
    con.execute("""
        create or replace table matched.cluster as
        select r.dataset, r.source_key, r.role, r.former, r.first_delivered_on, c.cluster, r.rid from rec r join component c using (rid) where r.version = 0
    """)
    identity.assign(con, kind="entity", letter="E", anchor="market_regulation/enterprises")
    identity.redirects(con, "entity", now())
    _members(bench)
    grey.pairs(con)


def _members(bench: Workbench) -> None:
    con = bench.con
    con.execute("""
        create or replace table matched.entity_edge as
        select l.dataset || '|' || l.source_key || '|' || l.role as left_record, r.dataset || '|' || r.source_key || '|' || r.role as right_record,
            e.rule, max(e.probability) as probability, arg_max(e.evidence, (e.probability, e.evidence)) as evidence
        from (select a, b, rule, 1.0 as probability, null as evidence from code_edge union all select a, b, rule, probability, evidence from name_edge) e
        join rec l on l.rid = e.a join rec r on r.rid = e.b where e.a <> e.b and l.version = 0 and r.version = 0 group by all
    """)
    con.execute("""
        create or replace table matched.entity_member as
        with edge as (select a, b, rule, 1.0 as probability from code_edge union all select a, b, rule, probability from name_edge),
        best as (
            select rid, arg_max(rule, (probability, rule)) as rule, max(probability) as probability
            from (select a as rid, rule, probability from edge union all select b, rule, probability from edge) group by rid
        )
        select c.dataset, c.source_key, c.role, i.id as entity_id, c.former, c.first_delivered_on,
            coalesce(b.rule, 'alone') as rule, coalesce(b.probability, 1.0) as probability, c.rid
        from matched.cluster c join matched.entity_id i using (cluster) left join best b using (rid)
    """)
