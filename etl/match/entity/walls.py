"""Where judgements take hold in entity linkage: among the codes, among the names, and before the clusters."""

import duckdb

from etl.match import judged
from etl.match.components import components


def part_codes(con: duckdb.DuckDBPyConnection, codes: dict[str, str]) -> None:
    """Adds what is judged the same to `code_edge`; drops the code edges that connect what is judged different.

    Where two records judged different share a code, the registrar's record keeps it and the others that bear it.
    """
    con.execute("insert into code_edge select b, a, 'judged_same' from judged_same")
    if not judged.any_apart(con):
        return
    components(con, "rec", "code_edge", "code_component")
    con.execute("""
        create or replace table disputed as
        select rid from code_component where cluster in (
            select x.cluster from judged_apart j join code_component x on x.rid = j.a join code_component y on y.rid = j.b where x.cluster = y.cluster
        )
    """)
    con.execute("delete from code_edge using disputed d where d.rid = code_edge.a and code_edge.rule not in ('judged_same', 'same_record')")
    for column, rule in codes.items():
        con.execute(f"""
            insert into code_edge
            select rid, first_value(rid) over (partition by {column} order by dataset like 'market_regulation/%' and role = 'self' desc, {judged.NAME}, rid), '{rule}'
            from rec semi join disputed using (rid) where {column} is not null
        """)
    judged.torn(
        con,
        f"""
        select e.a, e.b, case e.rule when 'judged_same' then {judged.JUDGED} when 'same_record' then {judged.VERSION} else {judged.CERTAIN} end
            + (r.dataset like 'market_regulation/%' and r.role = 'self')::int / 2 as strength
        from code_edge e join rec r on r.rid = e.b
        """,
        "torn",
    )
    con.execute("delete from code_edge using torn t where code_edge.a = t.a and code_edge.b = t.b")


def refuse_names(con: duckdb.DuckDBPyConnection) -> None:
    """Takes from `name_pair` the pairs of groups that hold two records judged different."""
    con.execute("""
        delete from name_pair using (
            select x.g as g1, y.g as g2 from (select a, b from judged_apart union all select b, a from judged_apart) j
            join grp x on x.rid = j.a join grp y on y.rid = j.b
        ) w where name_pair.g1 = w.g1 and name_pair.g2 = w.g2
    """)


def part_names(con: duckdb.DuckDBPyConnection) -> None:
    """Drops the name edges that would connect two records judged different by way of others, the weakest of each path."""
    judged.torn(con, f"select a, b, {judged.CERTAIN} as strength from code_edge union all select a, b, probability from name_edge", "torn")
    con.execute("delete from name_edge using torn t where name_edge.a = t.a and name_edge.b = t.b")
