"""Person linkage: who is who across departments.

1. `prepare`: one row per party of a record, with everything comparable about it.
2. `identified`: records with a usable ID number that their name, birth date or sex does not contradict.
3. `scored`: Splink scores what is left against the identified persons and among itself (`model`), with the household,
   the firm and the row they stand in as further evidence (`context`).
4. `decided`: the best candidate, if it is likely enough and clearly better than the next; judgements outrank it (`judged`).
5. clusters, then identities (`etl.match.identity`), and the pairs that a person should look at (`grey`).
6. what it did is counted: candidate pairs by rule (`budget`), levels among the links (`measured`).

Candidates are found among numbers (`sayings`, `blocked`); texts are laid out of what a blocking rule reaches alone.
"""

from etl.engine import differ
from etl.match import identity
from etl.match.components import components
from etl.match.person import budget, context, decided, grey, identified, judged, measured, prepare, sayings, scored
from etl.settings import now
from etl.workbench import Workbench, clear


def link(bench: Workbench) -> None:
    """`feed.person` → `matched.person_member`, `matched.person_edge`, `matched.cluster`, `matched.person_id`, `matched.redirected`, `matched.person_review`."""
    con = bench.con
    prepare.records(con)
    budget.prepare(bench)
    identified.groups(con)
    judged.prepare(bench)
    context.own(con)
    context.of_persons(con)
    sayings.names(con)
    sayings.of_records(con)
    decided.corrected(con)
    judged.attach(con)
    context.renumbered(con)
    context.of_records(con)
    scored.lay_out(con)
    scored.against_identified(con)
    decided.attach(con)
    context.learn(con)  # who is found in the first round is context for the others of their row and household
    scored.again(con)
    decided.attach(con)
    context.learn(con)
    scored.among_left(con)
    decided.pair(con)
    _clusters(bench)
    identity.assign(con, kind="person", letter="P", anchor="public_security/household_register")
    identity.redirects(con, "person", now())
    _members(bench)
    grey.pairs(con)
    budget.written(con)
    measured.levels(con)
    clear(con, keep=("name_pinyin", "address_of"))  # merging reads these as well, and wants the memory


def _clusters(bench: Workbench) -> None:
    """Components over identified groups (each a star around its number), attachments and pairs."""
    con = bench.con
    judged.part(con)
    components(
        con,
        "rec",
        "(select i.rid as a, s.rid as b from identified_record i join (select proto, min(rid) as rid from identified_record group by proto) s using (proto) "
        "union all select a, b from same_record union all select a, b from edge)",
        "component",
    )
    con.execute("""
        create or replace table matched.cluster as
        select r.dataset, r.source_key, r.role, r.former, r.first_delivered_on, c.cluster, r.rid, r.line from rec r join component c using (rid) where r.version = 0
    """)


def _members(bench: Workbench) -> None:
    con = bench.con
    con.execute(f"""
        create or replace table matched.person_edge as
        with heard as (
            select l.dataset || '|' || l.source_key || '|' || l.role as left_record, r.dataset || '|' || r.source_key || '|' || r.role as right_record,
                e.rule, max(e.probability) as probability, arg_max(e.evidence, (e.probability, e.evidence)) as evidence
            from edge e join voice x on x.rid = e.a join voice y on y.rid = e.b join rec l on l.rid = x.record join rec r on r.rid = y.record
            where {differ("l.rid", "r.rid")} group by all
        )
        select * replace ({decided.written("rule", "probability")} as probability) from heard
    """)
    con.execute(f"""
        create or replace table matched.person_member as
        with best as (
            select rid, arg_max(rule, (probability, rule)) as rule, max(probability) as probability
            from (
                select v.record as rid, rule, probability from edge join voice v on v.rid = a
                union all select v.record, rule, probability from edge join voice v on v.rid = b
            ) group by rid
        )
        select c.dataset, c.source_key, c.role, i.id as person_id, c.former, c.first_delivered_on,
            coalesce(n.rule, b.rule, 'alone') as rule,
            case when n.rule is not null then 1.0 else coalesce({decided.written("b.rule", "b.probability")}, 1.0) end as probability, c.rid, c.line
        from matched.cluster c join matched.person_id i using (cluster)
        left join identified_record n using (rid) left join best b using (rid)
    """)
