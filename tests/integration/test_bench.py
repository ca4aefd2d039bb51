"""`jichu bench` on a tiny city of a few departments: every figure is there and is a ratio. How large it is, no test can say."""

import json
from pathlib import Path
from typing import Any

import pytest

from etl import bench
from etl.bench import page
from etl.bench.figures import figures, growth
from etl.errors import UsageError

SOME = "land/regions public_security/household_register public_security/door_plates health/health_records"
PARTS = ("cold", "floor", "linkage")  # the others cost more than twice as much as these
RATE = {"rate": 100, "rows": 10}
OTHERS = {
    "week": {"seconds": 3.0, "again": 1.0, "again_rows": 9, "rows_in": 9, "rows_touched": 2, "peak_mb": 100, "postgres_mb": 50},
    "bulk": dict.fromkeys(("ours", "adbc", "psycopg2_copy", "pandas", "ours_points", "geopandas_points"), RATE),
    "checks": {"ours": 1.0, "naive": 4.0, "rows": 10, "claims": 5, "differing": []},
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The home of a bench and what it measured."""
    home = tmp_path_factory.mktemp("bench")
    return home, bench.measure_city(home, 300, PARTS, datasets=SOME.split())


def test_every_figure_is_a_ratio_of_two_measured_sides(measured: tuple[Path, dict[str, Any]]) -> None:
    made = figures(measured[1])
    assert {f.letter for f in made} == set("adf")
    assert all(f.value > 0 for f in made)
    whole = {f.letter: f for f in figures({**measured[1], **OTHERS})}
    assert set(whole) == set("abcdef")
    assert (whole["e"].value, whole["e"].met) == (0.25, True)


def test_the_floor_writes_the_very_rows_of_the_load(measured: tuple[Path, dict[str, Any]]) -> None:
    """`floor` itself refuses to give a figure when a table's rows or the number of indexes differ."""
    told = measured[1]
    assert told["floor"]["rows"] > told["cold"]["rows_touched"] > 300
    assert told["floor"]["tables"] > 50


def test_both_ways_of_linking_are_judged_over_the_same_records(measured: tuple[Path, dict[str, Any]]) -> None:
    ours, stock = measured[1]["linkage"]["ours"], measured[1]["linkage"]["stock"]
    assert ours["records"] > 300
    assert 0.5 < stock["recall"] <= 1
    assert 0.9 < ours["recall"] <= 1


def test_memory_is_that_of_the_process_tree(measured: tuple[Path, dict[str, Any]]) -> None:
    assert 50 < measured[1]["cold"]["peak_mb"] < 4096
    assert measured[1]["cold"]["postgres_mb"] > 10


def test_a_finished_bench_leaves_its_figures_and_nothing_else(measured: tuple[Path, dict[str, Any]]) -> None:
    home, told = measured
    assert [p.name for p in home.iterdir()] == ["figures"]
    assert bench.all_kept(home)[300]["floor"] == json.loads(json.dumps(told["floor"]))


def test_the_page_is_written_between_its_marks_and_again_in_the_same_place(measured: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    file = tmp_path / "performance.md"
    file.write_text("# Performance\n\nbefore\n", encoding="utf-8")
    page.write(file, {300: measured[1]})
    file.write_text(file.read_text(encoding="utf-8") + "\nafter\n", encoding="utf-8")
    page.write(file, {300: measured[1], 1000: measured[1]})
    text = file.read_text(encoding="utf-8")
    assert text.count(page.BEGIN) == text.count(page.END) == 1
    assert text.index("before") < text.index("### 1,000 persons") < text.index("after")
    assert "### Growth" in text


def test_growth_is_told_as_an_exponent() -> None:
    sizes = {1000: {"cold": {"seconds": 10.0}}, 10_000: {"cold": {"seconds": 100.0}}}
    assert growth(sizes)["全新装载"] == [(1000, 10.0, None), (10_000, 100.0, pytest.approx(1.0))]


def test_a_part_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="floor"):
        bench.measure_city(tmp_path, 500, ["ceiling"])
