"""Work that may be spread over machines: the same functions and the same SQL, once over the whole or once for each part of it.

A `Work` says which rows belong together (`Input.key`); what is done with them is one function on a DuckDB connection.
With JICHU_ENGINE=duckdb it runs here, over everything, as one part. With JICHU_ENGINE=spark (`etl.spread.cluster`) Spark
cuts the inputs into parts and every executor runs the function on an embedded DuckDB of its own. There is no second
copy of any rule, so the two cannot differ in one (docs/decisions/0011-one-rule-text-two-engines.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from etl import engine

__all__ = ["EVERYWHERE", "Input", "Part", "Work", "spread", "spread_to_files"]


@dataclass(frozen=True)
class Part:
    """Which part of the whole a function is given: `number` of `of`, from 0."""

    number: int = 0
    of: int = 1

    def owns(self, key: str) -> str:
        """SQL: whether a key (an expression of text) belongs to this part. What two parts both see, its owner alone tells."""
        return "true" if self.of == 1 else f"hash({key}) % {self.of} = {self.number}"


EVERYWHERE = ""


@dataclass(frozen=True)
class Input:
    """Rows that a function reads as a view of the input's name.

    rows: a relation of the connection, or Parquet files (a path, `*` allowed); columns: what is read of them;
    key: SQL, a list of texts: the row goes to the part of each of them (to several parts, where they differ);
    EVERYWHERE: every part sees all rows; None: it does not matter which rows stand together (the only such input of a work).
    """

    rows: str | Path
    key: str | None = EVERYWHERE
    columns: str = "*"

    @property
    def sql(self) -> str:
        """The rows as a select."""
        return f"select {self.columns} from {self.relation}"

    @property
    def relation(self) -> str:
        """The rows as a relation, every column there."""
        return _parquet(self.rows) if isinstance(self.rows, Path) else self.rows


@dataclass(frozen=True)
class Work:
    """function(con, part) → output name → select over the inputs' views. It must be importable where it runs, as `functools.partial` of
    what can be pickled."""

    name: str
    function: Callable[[duckdb.DuckDBPyConnection, Part], Mapping[str, str]]
    inputs: Mapping[str, Input]


def spread(con: duckdb.DuckDBPyConnection, work: Work) -> dict[str, str]:
    """Does the work: output name → select over what it gave. It is to be made a table before the next work of that name."""
    found = _elsewhere(con, work)
    return {name: f"select * from {_parquet(files)}" for name, files in found.items()} if found else _here(con, work)


def spread_to_files(con: duckdb.DuckDBPyConnection, work: Work, out: Path) -> Path:
    """Does the work; its single output as Parquet: `out`, or the pattern of the files that several machines wrote."""
    found = _elsewhere(con, work)
    if found:
        return next(iter(found.values()))
    for sql in _here(con, work).values():
        con.execute(f"copy ({sql}) to {engine.literal(str(out))} (format parquet, compression zstd, compression_level 1)")
    return out


def _here(con: duckdb.DuckDBPyConnection, work: Work) -> dict[str, str]:
    """The whole as one part, in this process."""
    for name, given in work.inputs.items():
        lasting = (
            "" if isinstance(given.rows, Path) else "temp"
        )  # a relation may itself be this connection's alone; files are every cursor's
        con.execute(f"create or replace {lasting} view {name} as {given.sql}")
    return dict(work.function(con, Part()))


def _elsewhere(con: duckdb.DuckDBPyConnection, work: Work) -> Mapping[str, Path] | None:
    """Output → its files, where another engine does this connection's work; None where it is done here."""
    settings = engine.settings_of(con)
    if settings is None or settings.engine != "spark":
        return None
    from etl.spread import cluster

    return cluster.run(con, settings, work)


def _parquet(files: Path) -> str:
    return f"read_parquet({engine.literal(str(files))}, hive_partitioning = false)"
