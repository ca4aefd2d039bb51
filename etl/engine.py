"""DuckDB, embedded: the compute of every step, with bounded memory and its own private temporary folder."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import duckdb

from etl import store
from etl.settings import Settings

PLANNED = 20_000  # rows from which DuckDB's optimizer gives back the 40 ms that it takes for a cleaning query
SHARE = 0.6  # of JICHU_MEMORY for DuckDB's buffers; the rest is Python, Arrow and what DuckDB does not count


_open: dict[int, tuple[duckdb.DuckDBPyConnection, Settings]] = {}  # by the id of a connection that `connect` made and has not closed


@contextmanager
def connect(settings: Settings, threads: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection that spills to a private folder, wiped at the end. `threads`: those of the settings by default."""
    with store.private_folder(settings.home / "tmp") as scratch:
        con = duckdb.connect(
            ":memory:",  # a file would be compressed and written out, which takes longer than the work; what does not fit in memory spills
            config={
                "memory_limit": f"{int(settings.memory_mb * SHARE)}MB",
                "temp_directory": str(scratch / "spill"),
                "threads": str(threads or settings.threads or os.cpu_count() or 2),
                "checkpoint_threshold": "1TB",  # or a commit that deletes or updates rows may rewrite its tables: seconds, and all is dropped soon
                "preserve_insertion_order": "false",
                "autoinstall_known_extensions": "false",  # a closed network has no extensions to offer
                "autoload_known_extensions": "false",
            },
        )
        _open[id(con)] = con, settings
        try:
            yield con
        finally:
            del _open[id(con)]
            con.close()


Kept = tuple[duckdb.DuckDBPyConnection, ExitStack]
_idle: dict[Settings, list[Kept]] | None = None  # connections that wait for the next session; None: nobody keeps any
_shelf = threading.Lock()  # whoever looks at `_idle` holds it: sessions of several threads begin and end at once


@contextmanager
def keeping() -> Iterator[None]:
    """Within it `session` gives connections again and again: making one and telling it the rules takes longer than to clean a small delivery."""
    global _idle
    with _shelf:
        outermost = _idle is None
        if outermost:
            _idle = {}
    try:
        yield
    finally:
        if outermost:
            with _shelf:
                left, _idle = [kept for each in (_idle or {}).values() for kept in each], None
            for _, made in left:
                made.close()


@contextmanager
def session(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection as `connect` gives it, but that it may have temporary macros and code tables already. One whose work failed is not used again."""
    con, made = _take(settings) or _new(settings)
    with made:
        yield con
        if _idle is not None:
            _empty(con)
            _put(settings, con, made)


def _take(settings: Settings) -> Kept | None:
    with _shelf:
        return _idle[settings].pop() if _idle and _idle.get(settings) else None


def _put(settings: Settings, con: duckdb.DuckDBPyConnection, made: ExitStack) -> None:
    """Keeps a connection, unless nobody does any more: then it is its session's to close."""
    with _shelf:
        if _idle is not None:
            _idle.setdefault(settings, []).append((con, made.pop_all()))


def _new(settings: Settings) -> Kept:
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


def differ(one: str, other: str) -> str:
    """SQL: that a value of one table is not that of another, asked of rows that are joined already. DuckDB may take a plain `<>` for
    a join of its own, of all rows with all, and come to no end."""
    return f"least({one}, {other}) < greatest({one}, {other})"


def settings_of(con: duckdb.DuckDBPyConnection) -> Settings | None:
    """The settings that a connection was made with; None for one that `connect` did not make."""
    found = _open.get(id(con))
    return found[1] if found else None


def interrupt() -> None:
    """Breaks off the query that any connection of this process is at, whatever its thread: it raises there."""
    for con, _ in list(_open.values()):
        with suppress(duckdb.Error):  # closed meanwhile
            con.interrupt()


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
