"""DuckDB, embedded: the compute of every step, with bounded memory and its own private temporary folder."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from etl import store
from etl.settings import Settings

PLANNED = 20_000  # rows from which DuckDB's optimizer gives back the 40 ms that it takes for a cleaning query
SHARE = 0.6  # of JICHU_MEMORY for DuckDB's buffers; the rest is Python, Arrow and what DuckDB does not count


_open: dict[int, Settings] = {}  # by the id of a connection that `connect` made and has not closed


@contextmanager
def connect(settings: Settings, threads: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection that spills to a private folder, wiped at the end. `threads`: all of the machine's by default."""
    with store.private_folder(settings.home / "tmp") as scratch:
        con = duckdb.connect(
            ":memory:",  # a file would be compressed and written out, which takes longer than the work; what does not fit in memory spills
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


_idle: dict[Settings, tuple[duckdb.DuckDBPyConnection, ExitStack]] | None = (
    None  # connections that wait for the next session; None: nobody keeps any
)


@contextmanager
def keeping() -> Iterator[None]:
    """Within it `session` gives a connection again and again: making one and telling it the rules takes longer than to clean a small delivery."""
    global _idle
    if _idle is not None:
        yield
        return
    _idle = {}
    try:
        yield
    finally:
        for _, made in _idle.values():
            made.close()
        _idle = None


@contextmanager
def session(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection as `connect` gives it, but that it may have temporary macros and code tables already. One whose work failed is not used again."""
    con, made = _idle.pop(settings) if _idle and settings in _idle else _new(settings)
    with made:
        yield con
        if _idle is not None and settings not in _idle:
            _empty(con)
            _idle[settings] = con, made.pop_all()


def _new(settings: Settings) -> tuple[duckdb.DuckDBPyConnection, ExitStack]:
    made = ExitStack()
    return made.enter_context(connect(settings)), made


def _empty(con: duckdb.DuckDBPyConnection) -> None:
    """Drops every lasting table and view."""
    sql = "select table_schema, table_name, table_type from information_schema.tables where table_catalog = 'memory'"
    for schema, name, kind in con.execute(sql).fetchall():
        con.execute(f"drop {'view' if kind == 'VIEW' else 'table'} if exists memory.{quote(schema)}.{quote(name)} cascade")


@contextmanager
def unplanned(con: duckdb.DuckDBPyConnection, rows: int) -> Iterator[None]:
    """Within it a query over few rows is run as it is written: to improve the plan of a long one takes longer than to run it."""
    if rows >= PLANNED:
        yield
        return
    names = con.execute("select string_agg(name, ',') from duckdb_optimizers()").fetchall()[0][0]
    con.execute(f"set disabled_optimizers = '{names}'")
    try:
        yield
    finally:
        con.execute("reset disabled_optimizers")


def settings_of(con: duckdb.DuckDBPyConnection) -> Settings | None:
    """The settings that a connection was made with; None for one that `connect` did not make."""
    return _open.get(id(con))


def folder(con: duckdb.DuckDBPyConnection) -> Path:
    """The private folder of a connection that `connect` made: what is written there goes when it closes, or when its process was killed."""
    return Path(str(con.execute("select current_setting('temp_directory')").fetchall()[0][0])).parent


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
