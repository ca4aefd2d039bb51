"""Walls in the graph of records: what is judged different never stays connected, and only the weakest edges yield."""

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.match import judged
from etl.match.components import components

NODES = 8
Edges = list[tuple[int, int, float]]
Walls = list[tuple[int, int]]


def torn(edges: Edges, walls: Walls) -> set[tuple[int, int]]:
    """The edges that are dropped."""
    with duckdb.connect() as con:
        con.execute(
            f"create table rec as select range as rid, 'd' as dataset, range::varchar as source_key, 'self' as role, 0 as version from range({NODES})"
        )
        con.execute("create table judged_apart (a bigint, b bigint)")
        con.execute("create table edge (a bigint, b bigint, strength double)")
        if walls:
            con.executemany("insert into judged_apart values (?, ?)", walls)
        if edges:
            con.executemany("insert into edge values (?, ?, ?)", edges)
        judged.torn(con, "select a, b, strength from edge", "torn")
        return {(int(a), int(b)) for a, b in con.execute("select a, b from torn").fetchall()}


def clusters(edges: list[tuple[int, int]]) -> list[int]:
    """Cluster of each node."""
    with duckdb.connect() as con:
        con.execute(f"create table rec as select range as rid from range({NODES})")
        con.execute("create table edge (a bigint, b bigint)")
        if edges:
            con.executemany("insert into edge values (?, ?)", edges)
        components(con, "rec", "edge", "component")
        return [int(c) for (c,) in con.execute("select cluster from component order by rid").fetchall()]


def test_the_weakest_edge_of_the_path_is_dropped() -> None:
    assert torn([(0, 1, 0.99), (1, 2, 0.95), (2, 3, 0.999)], [(0, 3)]) == {(1, 2)}


def test_a_certain_edge_yields_when_there_is_no_other() -> None:
    assert torn([(0, 1, judged.CERTAIN)], [(0, 1)]) == {(0, 1)}


def test_a_score_yields_before_a_certain_edge() -> None:
    assert torn([(0, 1, judged.CERTAIN), (1, 2, 1.0)], [(0, 2)]) == {(1, 2)}


def test_without_a_wall_nothing_is_dropped() -> None:
    assert torn([(0, 1, 0.5), (1, 2, 0.5)], []) == set()


def test_a_wall_between_unconnected_records_drops_nothing() -> None:
    assert torn([(0, 1, 0.9), (2, 3, 0.9)], [(0, 2)]) == set()


NODE = st.integers(0, NODES - 1)
EDGE = st.tuples(NODE, NODE, st.sampled_from([0.7, 0.9, 0.99, judged.CERTAIN])).filter(lambda e: e[0] != e[1])
WALL = st.tuples(NODE, NODE).filter(lambda w: w[0] < w[1])


@given(st.lists(EDGE, max_size=14), st.lists(WALL, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_two_walled_records_stay_together_and_no_edge_is_dropped_in_vain(edges: Edges, walls: Walls) -> None:
    dropped = torn(edges, walls)
    kept = [(a, b) for a, b, _ in edges if (a, b) not in dropped]
    cluster = clusters(kept)
    assert all(cluster[a] != cluster[b] for a, b in walls)
    for edge in dropped:
        again = clusters([*kept, edge])
        assert any(again[a] == again[b] for a, b in walls), "an edge that could have stayed was dropped"


@given(st.lists(EDGE, max_size=14), st.lists(WALL, max_size=4), st.randoms())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_order_in_which_edges_come_does_not_matter(edges: Edges, walls: Walls, chance: object) -> None:
    shuffled = list(edges)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert torn(edges, walls) == torn(shuffled, walls)
