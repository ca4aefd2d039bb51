"""Judgements of people in the graph of records: what is judged the same is an edge, what is judged different is a wall.

A judgement names two records, not clusters or scores, so it holds whatever is retrained or delivered later.
"""

import duckdb

from etl.engine import count, literal
from etl.match.components import components
from etl.workbench import Workbench

# How firmly an edge holds when a wall must part its ends: a score (0 to 1) yields first, another judgement never.
CERTAIN, VERSION, JUDGED = 7.0, 8.0, 9.0

# What a row of `rec` is called on every day, as tie-break.
NAME = "dataset || '|' || source_key || '|' || role || '|' || version"


def read(bench: Workbench, kind: str) -> None:
    """`published.judgement` and `rec` → `judged_same` (a, b, judgement), `judged_apart` (a, b): what stands today; a = the left record."""
    con = bench.con
    con.execute(f"""
        create or replace table judged as
        with record as (select rid, dataset || '|' || source_key || '|' || role as record from rec where version = 0)
        select l.rid as a, r.rid as b, j.verdict, j.id as judgement
        from published.judgement j join record l on l.record = j.left_record join record r on r.record = j.right_record
        where j.kind = {literal(kind)} and j.withdrawn_at is null and (j.until is null or j.until >= date '{bench.today}')
    """)
    con.execute("create or replace table judged_same as select a, b, judgement from judged where verdict = 'same'")
    con.execute("create or replace table judged_apart as select a, b from judged where verdict = 'different'")


def any_apart(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether there is a wall at all: mostly there is none, and nothing need be looked for."""
    return count(con, "select count(*) from judged_apart") > 0


def torn(con: duckdb.DuckDBPyConnection, edges: str, out: str) -> None:
    """`edges` (a, b, strength) → table `out` (a, b): the edges to drop so that no two records judged different stay connected.

    The strongest edges are laid first and one that would connect such a pair is left out, so on every path between
    the two it is the weakest that goes. Among equals the records' names decide, for rids differ from run to run.
    Only components that hold such a pair are looked at.
    """
    con.execute(f"create or replace table {out} (a bigint, b bigint)")
    if not any_apart(con):
        return
    con.execute(f"create or replace table torn_edge as select a, b, max(strength) as strength from ({edges}) where a <> b group by a, b")
    components(con, "rec", "torn_edge", "torn_component")
    wrong = """
        select x.cluster from judged_apart j join torn_component x on x.rid = j.a join torn_component y on y.rid = j.b where x.cluster = y.cluster
    """
    laid = con.execute(f"""
        with name as (select rid, {NAME} as name from rec)
        select e.a, e.b from torn_edge e join torn_component c on c.rid = e.a join name l on l.rid = e.a join name r on r.rid = e.b
        where c.cluster in ({wrong}) order by e.strength desc, least(l.name, r.name), greatest(l.name, r.name), e.a, e.b
    """).fetchall()
    walls = con.execute("select a, b from judged_apart").fetchall()
    if dropped := _left_out(laid, walls):
        con.executemany(f"insert into {out} values (?, ?)", dropped)


def _left_out(edges: list[tuple[int, int]], walls: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The edges, taken in their order, that would bring two walled records together."""
    group: dict[int, set[int]] = {}
    enemies: dict[int, set[int]] = {}
    for a, b in walls:
        enemies.setdefault(a, set()).add(b)
        enemies.setdefault(b, set()).add(a)
    dropped = []
    for a, b in edges:
        one, other = group.setdefault(a, {a}), group.setdefault(b, {b})
        if one is other:
            continue
        small, large = sorted((one, other), key=len)
        if any(enemies.get(rid, set()) & large for rid in small):
            dropped.append((a, b))
            continue
        large |= small
        for rid in small:
            group[rid] = large
    return dropped
