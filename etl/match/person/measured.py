"""Whether the fixed parameters still fit: what the accepted links look like beside what the model expects of one person's records."""

import duckdb

from etl.match.person import model
from etl.match.person.decided import COMPARISONS


def levels(con: duckdb.DuckDBPyConnection) -> None:
    """Table `matched.level_share` (comparison, level, n, share, expected): levels among the scored links, and the model's m.

    A comparison that had nothing to compare is not counted. `number` and `context` are looked at as well, though
    what is scored has no usable number: their drift says how the records that are left change, not the links.
    """
    expected = ", ".join(
        f"('{comparison}', '{level}', {m}::double)"
        for comparison, each in model.parameters()["comparisons"].items()
        for level, (m, _) in each.items()
    )
    told = " union all ".join(
        f"select '{c}' as comparison, json_extract_string(evidence, '$.{c}[0]') as level from edge where evidence is not null and rule like 'scored%'"
        for c in COMPARISONS
    )
    con.execute(f"""
        create or replace table matched.level_share as
        with seen as (select comparison, level, count(*) as n from ({told}) where level is not null group by all),
        model (comparison, level, expected) as (values {expected})
        select comparison, level, coalesce(s.n, 0) as n, coalesce(s.n, 0) / sum(coalesce(s.n, 0)) over (partition by comparison) as share, m.expected
        from model m left join seen s using (comparison, level)
        qualify sum(coalesce(s.n, 0)) over (partition by comparison) > 0
    """)
    con.execute(f"create or replace table matched.model as select '{model.parameters()['version']}' as version")
