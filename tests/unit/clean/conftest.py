"""Cleaning in one call: delivered rows in, cleaned rows out, through the real files and the real DuckDB."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cleaning import TODAY, Cleaner, Row, outcome, source_of

from etl.clean import clean
from etl.spec import Registry, Source, load


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load()


@pytest.fixture(scope="session")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": "1"}) as connection:
        yield connection


@pytest.fixture
def run(con: duckdb.DuckDBPyConnection, registry: Registry, tmp_path: Path) -> Cleaner:
    """Source, delivered rows (dicts; what is absent is NULL) → cleaned rows in delivered order."""

    def cleaned(source: Source, rows: list[Row]) -> list[Row]:
        names = list(dict.fromkeys([*(c for c in source.columns if not c.startswith("@")), *(n for r in rows for n in r)]))
        kinds = {n: pa.binary() if n == "@geometry" else pa.string() for n in names}
        table = pa.table({n: pa.array([r.get(n) for r in rows], kinds[n]) for n in names})
        table = table.add_column(0, "row_number", pa.array(range(1, len(rows) + 1), pa.int64()))
        pq.write_table(table, tmp_path / "rows.parquet")
        clean(con, registry, source, tmp_path / "rows.parquet", tmp_path / "cleaned.parquet", TODAY)
        found = con.execute(f"select * from '{tmp_path / 'cleaned.parquet'}' order by row_number")
        columns = [d[0] for d in found.description]
        return [dict(zip(columns, r, strict=True)) for r in found.fetchall()]

    return cleaned


@pytest.fixture
def by_rule(run: Cleaner) -> Cleaner:
    """Rule, delivered texts (and column options) → for each the outputs by suffix and `problem` (None or its name)."""

    def outcomes(rule: str, texts: list[str | None], name: str = "x", **options: Any) -> list[Row]:
        source = source_of({"键": {"as": "k"}, "值": {"as": name, "rule": rule, **options}}, ["键"])
        rows = run(source, [{"键": str(n), "值": t} for n, t in enumerate(texts)])
        return [outcome(r, name) for r in rows]

    return outcomes
