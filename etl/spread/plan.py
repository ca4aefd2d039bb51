"""A work cut up: what lies on the shelf, the pieces that tasks read, how many parts they make. Knows nothing of Spark."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb

from etl import engine
from etl.settings import Settings
from etl.spread import EVERYWHERE, Input, Work
from etl.spread.shelf import Shelf
from etl.spread.task import PARQUET, Given, Job, Piece

PIECE = 102_400  # rows that one task reads
PART = 500_000  # rows of all inputs that one part holds, about


def rows(con: duckdb.DuckDBPyConnection, work: Work) -> int:
    """The rows that would be handed out: those of every input but what every part sees whole."""
    return sum(engine.count(con, f"select count(*) from {i.relation}") for i in work.inputs.values() if i.key != EVERYWHERE)


def plan(con: duckdb.DuckDBPyConnection, settings: Settings, work: Work, *, lanes: int, memory_mb: int, tasks: Path | None) -> Job:
    """The job. `lanes`: tasks that run at once; `memory_mb`: of one task; `tasks`: their scratch folder, None = their machine's own."""
    scratch, many = engine.folder(con), rows(con, work)
    shelf = Shelf(settings.spark_store or str(scratch / "shelf")).within(work.name)
    inputs = {name: _given(con, given, shelf, scratch / f"{work.name}-{name}.parquet") for name, given in work.inputs.items()}
    size = max(1, min(PIECE, many // lanes + 1))
    pieces = tuple(p for name, given in inputs.items() if given.key != EVERYWHERE for p in _pieces(shelf, name, given, size))
    alone = any(given.key is None for given in inputs.values())
    bare = replace(settings, engine="duckdb", database_url="", memory_mb=memory_mb)  # an executor has no business in the database
    return Job(work.function, inputs, pieces, len(pieces) if alone else max(lanes, many // PART + 1), shelf, bare, tasks)


def _given(con: duckdb.DuckDBPyConnection, given: Input, shelf: Shelf, copy: Path) -> Given:
    """The input on the shelf. A relation of this connection is written down first; nothing may change its type by that."""
    types = engine.columns(con, f"({given.sql})")
    if isinstance(given.rows, Path):
        found = sorted(given.rows.parent.glob(given.rows.name))
        return Given(tuple(shelf.lend(f) for f in found), given.key, given.columns, tuple(types.items()))
    con.execute(f"copy ({given.sql}) to {engine.literal(str(copy))} ({PARQUET}, row_group_size {PIECE})")
    if engine.columns(con, f"read_parquet({engine.literal(str(copy))}, hive_partitioning = false)") != types:
        raise TypeError(f"{copy.stem}: a column's type does not survive Parquet: {types}")
    return Given((shelf.lend(copy),), given.key, "*", tuple(types.items()))


def _pieces(shelf: Shelf, name: str, given: Given, size: int) -> Iterator[Piece]:
    for file in given.files:
        many = shelf.rows(file)
        yield from (Piece(name, file, first, min(first + size, many) - 1) for first in range(0, many, size))
