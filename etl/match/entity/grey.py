"""Pairs of entities that a person should look at: alike by name and place, yet not decided."""

import duckdb

from etl.match.entity.named import ACCEPT, EVIDENCE, PROBABILITY

REVIEW = 6.0  # points from which a pair is worth a look


def pairs(con: duckdb.DuckDBPyConnection) -> None:
    """Table `matched.entity_review` (left_record, right_record, probability, bits, reason, weights), left < right.

    reason: `grey` = below the points that decide; `margin` = enough, but another is as good, or the codes behind a third
    contradict it. A group is represented by the registrar's record, else its first.
    """
    con.execute("""
        create or replace table face as
        select g.g, arg_min(r.dataset || '|' || r.source_key || '|' || r.role, (r.former, not (r.dataset like 'market_regulation/%' and r.role = 'self'), r.rid)) as record,
            arg_min(r.rid, (r.former, not (r.dataset like 'market_regulation/%' and r.role = 'self'), r.rid)) as rid, bool_and(r.former) as former
        from grp g join rec r using (rid) where r.version = 0 group by g.g
    """)
    con.execute(f"""
        create or replace table matched.entity_review as
        with likely as (
            select n.*, row_number() over (partition by n.g1 order by n.points desc, n.g2) as rank1, row_number() over (partition by n.g2 order by n.points desc, n.g1) as rank2
            from name_pair n where n.points >= {REVIEW}
        )
        select least(x.record, y.record) as left_record, greatest(x.record, y.record) as right_record, {PROBABILITY.replace("g.", "n.")} as probability, n.points - 3 as bits,
            case when n.points < {ACCEPT} then 'grey' else 'margin' end as reason, {EVIDENCE} as weights
        from likely n join face x on x.g = n.g1 join face y on y.g = n.g2 join component cx on cx.rid = x.rid join component cy on cy.rid = y.rid
        where (rank1 = 1 or rank2 = 1) and cx.cluster <> cy.cluster and not x.former and not y.former
    """)
