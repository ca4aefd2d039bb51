"""Pairs of entities that a person should look at: alike by name and place, yet not decided."""

import duckdb

from etl.engine import differ
from etl.match.entity.named import ACCEPT, EVIDENCE, PROBABILITY

REVIEW = 6.0  # points from which a pair is worth a look


def pairs(con: duckdb.DuckDBPyConnection) -> None:
    """Table `matched.entity_review` (left_record, right_record, probability, bits, reason, weights), left < right.

    reason: `grey` = below the points that decide; `margin` = enough, but another is as good, or the codes behind a third
    contradict it. A group is represented by the registrar's record, else its first.
    """
    con.execute("""
        create or replace table face as
        with bearer as (
            select g.g, r.rid, r.former, r.dataset || '|' || r.source_key || '|' || r.role as record, r.dataset like 'market_regulation/%' and r.role = 'self' as registrar
            from grp g join rec r using (rid) where r.version = 0
        )
        select g, arg_min(record, (former, not registrar, record)) as record, any_value(rid) as rid, bool_and(former) as former from bearer group by g
    """)
    con.execute(f"""
        create or replace table matched.entity_review as
        with likely as (
            select n.*, x.record as one, y.record as other, x.rid as rid1, y.rid as rid2, x.former or y.former as former,
                row_number() over (partition by n.g1 order by n.points desc, y.record) as rank1, row_number() over (partition by n.g2 order by n.points desc, x.record) as rank2
            from name_pair n join face x on x.g = n.g1 join face y on y.g = n.g2 where n.points >= {REVIEW}
        )
        select least(one, other) as left_record, greatest(one, other) as right_record, {PROBABILITY.replace("g.", "n.")} as probability, n.points - 3 as bits,
            case when n.points < {ACCEPT} then 'grey' else 'margin' end as reason, {EVIDENCE} as weights
        from likely n join component cx on cx.rid = rid1 join component cy on cy.rid = rid2
        where (rank1 = 1 or rank2 = 1) and {differ("cx.cluster", "cy.cluster")} and not former
    """)
