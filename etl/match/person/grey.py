"""Pairs that a person should look at: likely, yet not decided."""

import math

import duckdb

from etl.match.person import model
from etl.match.person.decided import GUARD, weights


def pairs(con: duckdb.DuckDBPyConnection) -> None:
    """Table `matched.person_review` (left_record, right_record, probability, bits, reason, weights), left < right.

    reason: `grey` = between the two thresholds; `margin` = likely, but so is another; `guard` = likely by its score,
    but something in it does not fit. An identified person is represented by its most trusted record.
    """
    limits = model.parameters()["thresholds"]
    least = math.log2(limits["review"] / (1 - limits["review"]))
    con.execute("""
        create or replace table face as
        select w.proto, arg_min(w.rid, (r.former, -coalesce(c.trust, -9), w.rid)) as rid
        from whose w join rec r using (rid) left join claim c using (rid) where r.version = 0 group by w.proto
    """)
    con.execute(f"""
        create or replace table matched.person_review as
        with candidate as (
            select s.a, f.rid as b, s.bits, ({GUARD}) as plausible, {weights()} as weights, row_number() over (partition by s.a order by s.bits desc, s.b) as rank,
                max(s.bits) over (partition by s.a) as most
            from scored_identified s join face f on f.proto = s.b where s.bits >= {least:.3f}
            union all
            select a, b, bits, ({GUARD}), {weights()}, row_number() over (partition by a order by bits desc, b), max(bits) over (partition by a) from scored_left where bits >= {least:.3f}
        ),
        likely as (
            select *, 1 / (1 + pow(2, -bits)) as probability from candidate where rank <= 2 and bits >= most - {limits["margin_bits"]}
        ),
        named as (
            select l.*, x.dataset || '|' || x.source_key || '|' || x.role as one, y.dataset || '|' || y.source_key || '|' || y.role as other
            from likely l join rec x on x.rid = l.a join rec y on y.rid = l.b join component cx on cx.rid = l.a join component cy on cy.rid = l.b
            where x.version = 0 and not x.former and y.version = 0 and cx.cluster <> cy.cluster
                and probability >= case when plausible then {limits["review"]} else {limits["accept"]} end
        )
        select least(one, other) as left_record, greatest(one, other) as right_record, max(probability) as probability, max(bits) as bits,
            arg_max(case when not plausible then 'guard' when probability < {limits["accept"]} then 'grey' else 'margin' end, bits) as reason, arg_max(weights, bits) as weights
        from named where one <> other group by all
    """)
