"""Two small tools of linkage: connected components, and how a name sounds."""

import duckdb
import pytest

from etl.match.components import components
from etl.match.pinyin import pinyin


def clusters(nodes: int, edges: list[tuple[int, int]]) -> set[frozenset[int]]:
    con = duckdb.connect()
    con.execute("create table node as select i as rid from range(?) r(i)", [nodes])
    con.execute("create table edge (a bigint, b bigint)")
    if edges:
        con.executemany("insert into edge values (?, ?)", [list(e) for e in edges])
    components(con, "node", "edge", "component")
    found: dict[int, set[int]] = {}
    for rid, cluster in con.execute("select rid, cluster from component").fetchall():
        found.setdefault(cluster, set()).add(rid)
    return {frozenset(c) for c in found.values()}


def test_nobody_makes_no_clusters() -> None:
    assert clusters(0, []) == set()


def test_whoever_has_no_edge_is_a_cluster_of_its_own() -> None:
    assert clusters(3, []) == {frozenset({0}), frozenset({1}), frozenset({2})}


@pytest.mark.parametrize("edges", [[(0, 1), (1, 2)], [(2, 1), (1, 0)], [(0, 1), (0, 1), (1, 2), (2, 0), (1, 1)]])
def test_edges_join_in_either_direction_and_any_number(edges: list[tuple[int, int]]) -> None:
    assert clusters(4, edges) == {frozenset({0, 1, 2}), frozenset({3})}


def test_a_long_chain_is_one_cluster() -> None:
    assert clusters(300, [(i, i + 1) for i in range(299)]) == {frozenset(range(300))}


def spelled(*names: str | None) -> dict[str, str]:
    con = duckdb.connect()
    con.execute("create table named (name varchar)")
    con.executemany("insert into named values (?)", [[n] for n in names])
    pinyin(con, "select name from named", "sound")
    return dict(con.execute("select name, py from sound").fetchall())


def test_homophones_sound_alike_and_a_name_typed_in_pinyin_like_its_characters() -> None:
    told = spelled("张伟", "章玮", "李强", "zhang wei", "Zhang伟")
    assert told["张伟"] == told["章玮"] == told["zhang wei"] == told["Zhang伟"] == "zhangwei"
    assert told["李强"] == "liqiang"


def test_every_name_is_spelled_once_and_no_name_is_no_name() -> None:
    assert spelled("王芳", "王芳", None) == {"王芳": "wangfang"}


def test_no_names_at_all_make_an_empty_table() -> None:
    assert spelled(None) == {}
