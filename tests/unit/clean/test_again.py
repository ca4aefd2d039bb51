"""What comes again as it was is not cleaned again, and nobody can tell by the result."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from etl import clean, demo, engine, settings, spec
from etl.clean import again
from etl.extract import read_file

DATASETS = (
    "public_security/door_plates",
    "health/health_records",
    "civil_affairs/subsistence_allowance",
    "land/information_systems",
    "housing_fund/accounts",
    "culture/venues",
)
DAYS = {"20180301": "drop", "20180308": "drop_day1"}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks of six full registers with many errors."""
    folder = tmp_path_factory.mktemp("city")
    demo.generate(300, 5, folder, days=2, datasets=DATASETS, harshness=3)
    return folder


def landed(city: Path, dataset: str, day: str, folder: Path) -> Path:
    """rows.parquet of one delivery."""
    (file,) = [f for f in (city / DAYS[day] / dataset / day).iterdir() if f.name != "_SUCCESS"]
    return read_file(spec.load().source(dataset), file, folder)


@pytest.fixture
def duck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    monkeypatch.setenv("JICHU_HOME", str(tmp_path))
    with engine.connect(settings.load()) as con:
        yield con


def content(con: duckdb.DuckDBPyConnection, cleaned: Path) -> list[tuple[str, ...]]:
    """Every row as text, in their order, findings in theirs."""
    sql = f"select * replace (list_sort(list_transform(findings, lambda f: f::varchar)) as findings) from read_parquet('{cleaned}')"
    return sorted(con.execute(f"select columns(*)::varchar from ({sql})").fetchall(), key=str)


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_second_week_is_cleaned_to_the_same_with_and_without_the_memo(
    city: Path, dataset: str, duck: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    registry = spec.load()
    source = registry.source(dataset)
    first, second = (landed(city, dataset, day, tmp_path / day) for day in DAYS)
    memo = again.memo(settings.load(), registry, source)
    clean.remember(clean.clean(duck, registry, source, first, tmp_path / "first.parquet", date(2018, 3, 1)), memo)
    whole = clean.clean(duck, registry, source, second, tmp_path / "whole.parquet", date(2018, 3, 8))
    quick = clean.clean(duck, registry, source, second, tmp_path / "quick.parquet", date(2018, 3, 8), memo)
    assert content(duck, quick) == content(duck, whole)
    assert duck.sql(f"describe from '{quick}'").fetchall() == duck.sql(f"describe from '{whole}'").fetchall()


def test_what_the_memo_says_is_believed(city: Path, duck: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Or the test above would also pass when nothing were remembered."""
    registry = spec.load()
    source = registry.source("public_security/door_plates")
    rows = landed(city, source.name, "20180301", tmp_path / "rows")
    cleaned = clean.clean(duck, registry, source, rows, tmp_path / "cleaned.parquet", date(2018, 3, 1))
    duck.execute(f"copy (select * replace ('remembered' as road) from '{cleaned}') to '{tmp_path}/memo.parquet'")
    quick = clean.clean(duck, registry, source, rows, tmp_path / "quick.parquet", date(2018, 3, 1), tmp_path / "memo.parquet")
    assert duck.sql(f"select distinct road from '{quick}'").fetchall() == [("remembered",)]


def test_a_date_that_lay_ahead_is_judged_anew(duck: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    registry = spec.load()
    source = registry.source("health/health_records")
    header = ", ".join(f'null::varchar as "{c}"' for c in source.columns if c not in ("档案号", "姓名", "出生日期"))
    rows = tmp_path / "rows.parquet"
    duck.execute(f"copy (select 1::bigint as row_number, 'D1' as 档案号, '张三' as 姓名, '2018-03-05' as 出生日期, {header}) to '{rows}'")
    early = clean.clean(duck, registry, source, rows, tmp_path / "early.parquet", date(2018, 3, 1))
    late = clean.clean(duck, registry, source, rows, tmp_path / "late.parquet", date(2018, 3, 8), early)
    assert [duck.sql(f"select birth_date from '{f}'").fetchall() for f in (early, late)] == [[(None,)], [(date(2018, 3, 5),)]]


def test_a_memo_of_other_rules_is_not_found() -> None:
    registry = spec.load()
    source = registry.source("health/health_records")
    other = source.model_copy(update={"key": ["姓名"]})
    assert again.memo(settings.load(), registry, source) != again.memo(settings.load(), registry, other)


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_small_delivery_is_cleaned_as_a_large_one_is(
    city: Path, dataset: str, duck: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = spec.load()
    source, rows = registry.source(dataset), landed(city, dataset, "20180301", tmp_path / "landed")
    found = []
    for planned in (0, 1_000_000):  # with DuckDB's optimizer, and without
        monkeypatch.setattr(engine, "PLANNED", planned)
        out = tmp_path / f"{planned}.parquet"
        found.append(content(duck, clean.clean(duck, registry, source, rows, out, date(2018, 3, 1))))
        assert engine.count(duck, "select length(current_setting('disabled_optimizers'))") == 0
    assert found[0] == found[1]
    assert found[0]
