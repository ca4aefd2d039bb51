"""Pairs that a person should look at: likely, yet not decided."""

import math

import duckdb

from etl.engine import differ
from etl.match.person import model
from etl.match.person.decided import GUARD, likely, weights


def pairs(con: duckdb.DuckDBPyConnection) -> None:
    """Table `matched.person_review` (left_record, right_record, probability, bits, reason, weights), left < right.

    reason: `grey` = between the two thresholds; `margin` = likely, but so is another; `guard` = likely by its score,
    but something in it does not fit. An identified person is represented by its most trusted record.
    """
    limits = model.parameters()["thresholds"]
    least = math.log2(limits["review"] / (1 - limits["review"]))
    con.execute("""
        create or replace table face as
        select w.proto, arg_min(w.rid, (r.former, -coalesce(c.trust, -9), r.dataset, r.source_key, r.role)) as rid
        from (select * from whose semi join (select distinct b as proto from scored_identified) using (proto)) w
        join rec r using (rid) left join claim c using (rid) where r.version = 0 group by w.proto
    """)
    con.execute(f"""
        create or replace table matched.person_review as
        with candidate as (
            select s.a, f.rid as b, s.bits, ({GUARD}) as plausible, {weights()} as weights from scored_identified s join face f on f.proto = s.b where s.bits >= {least:.3f}
            union all
            select a, b, bits, ({GUARD}), {weights()} from scored_left where bits >= {least:.3f}
        ),
        named as (
            select c.*, x.dataset || '|' || x.source_key || '|' || x.role as one, y.dataset || '|' || y.source_key || '|' || y.role as other,
                x.version = 0 and not x.former and y.version = 0 as today, 1 / (1 + pow(2, -bits)) as probability
            from candidate c join rec x on x.rid = c.a join rec y on y.rid = c.b
        ),
        likely as (
            select *, row_number() over (partition by a order by bits desc, other) as rank, max(bits) over (partition by a) as most from named
        )
        select least(one, other) as left_record, greatest(one, other) as right_record, {likely("max(probability)")} as probability, round(max(bits), 1) as bits,
            arg_max(case when not plausible then 'guard' when probability < {limits["accept"]} then 'grey' else 'margin' end, (bits, weights)) as reason,
            arg_max(weights, (bits, weights)) as weights
        from likely join component cx on cx.rid = a join component cy on cy.rid = b
        where rank <= 2 and bits >= most - {limits["margin_bits"]} and today and {differ("cx.cluster", "cy.cluster")} and one <> other
            and probability >= case when plausible then {limits["review"]} else {limits["accept"]} end
        group by all
    """)
