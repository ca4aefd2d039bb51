"""DuckDB, embedded: the compute of every step, with bounded memory and its own private temporary folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from etl import store
from etl.settings import Settings

SHARE = 0.6  # of JICHU_MEMORY for DuckDB's buffers; the rest is Python, Arrow and what DuckDB does not count


_open: dict[int, Settings] = {}  # by the id of a connection that `connect` made and has not closed


@contextmanager
def connect(settings: Settings, threads: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection that spills to a private folder, wiped at the end. `threads`: all of the machine's by default."""
    with store.private_folder(settings.home / "tmp") as scratch:
        con = duckdb.connect(
            str(scratch / "work.duckdb"),
            config={
                "memory_limit": f"{int(settings.memory_mb * SHARE)}MB",
                "temp_directory": str(scratch / "spill"),
                "threads": str(threads or os.cpu_count() or 2),
                "preserve_insertion_order": "false",
                "autoinstall_known_extensions": "false",  # a closed network has no extensions to offer
                "autoload_known_extensions": "false",
            },
        )
        _open[id(con)] = settings
        try:
            yield con
        finally:
            del _open[id(con)]
            con.close()


def settings_of(con: duckdb.DuckDBPyConnection) -> Settings | None:
    """The settings that a connection was made with; None for one that `connect` did not make."""
    return _open.get(id(con))


def folder(con: duckdb.DuckDBPyConnection) -> Path:
    """The private folder of a connection that `connect` made: what is written there goes when it closes, or when its process was killed."""
    return Path(str(con.execute("select path from duckdb_databases() where database_name = 'work'").fetchall()[0][0])).parent


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
