"""DuckDB, embedded: the compute of every step, with bounded memory and its own private temporary folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from etl.settings import Settings

SHARE = 0.6  # of JICHU_MEMORY for DuckDB's buffers; the rest is Python, Arrow and what DuckDB does not count


@contextmanager
def connect(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection that spills to a private folder, wiped at the end."""
    parent = settings.home / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="duckdb-", dir=parent))
    con = duckdb.connect(
        str(scratch / "work.duckdb"),
        config={
            "memory_limit": f"{int(settings.memory_mb * SHARE)}MB",
            "temp_directory": str(scratch / "spill"),
            "threads": str(os.cpu_count() or 2),
            "preserve_insertion_order": "false",
            "autoinstall_known_extensions": "false",  # a closed network has no extensions to offer
            "autoload_known_extensions": "false",
        },
    )
    try:
        yield con
    finally:
        con.close()
        shutil.rmtree(scratch, ignore_errors=True)


def count(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The single number a query answers."""
    row = con.execute(sql).fetchall()
    return int(row[0][0] or 0)


def columns(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Columns of a relation: name → DuckDB type, in order."""
    return {r[0]: r[1] for r in con.execute(f"describe select * from {relation}").fetchall()}


def quote(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str | None) -> str:
    """An SQL string literal."""
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"
