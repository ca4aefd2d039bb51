"""A department's PostgreSQL: COPY of one table, in a REPEATABLE READ READ ONLY transaction."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import psycopg2.errors
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, connection

from etl.connections import Connection
from etl.errors import DeliveryRefused
from etl.extract.database import CONNECT_SECONDS, Counted, Patience
from etl.extract.reading import Reading
from etl.spec.registry import nearest

EXTRAS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "options", "target_session_attrs")
NUMERIC = {"numeric", "real", "double precision"}
# Rows come in the table's own order: no parallel scan, no scan that joins another one half way.
SESSION = """set datestyle to 'ISO, YMD'; set timezone to 'Asia/Shanghai'; set intervalstyle to 'iso_8601';
set max_parallel_workers_per_gather to 0; set synchronize_seqscans to off; set bytea_output to 'hex'; set client_encoding to 'UTF8'"""


def copy(connected: Connection, table: str, reading: Reading, patience: Patience, out: Counted) -> tuple[list[str], set[str]]:
    """Copies the table to `out` as CSV. Returns the final column names, and those that hold numbers."""
    department = reading.source.department
    with (
        _connect(connected, department) as con,
        _told(department, table, patience),
        _watched(con, out, patience.silence, department, table),
    ):
        columns = _columns(con, table, patience)
        names = reading.names.header(list(columns), f"表 {table}")
        out.digest.update("\0".join(columns).encode())
        query = _select(table, columns).as_string(con).encode()
        with con.cursor() as cursor:
            if con.info.parameter_status("server_encoding") == "SQL_ASCII":  # it keeps bytes of any kind: what they are shows later
                cursor.execute("set client_encoding to 'SQL_ASCII'")
            cursor.copy_expert(query, out)
    return names, {n for n, t in zip(names, columns.values(), strict=True) if t in NUMERIC}


@contextmanager
def _connect(connected: Connection, department: str) -> Iterator[connection]:
    """A REPEATABLE READ READ ONLY transaction, closed at the end. The server's own words are never repeated: they may hold data."""
    options = {k: v for k, v in connected.extra.items() if k in EXTRAS}
    try:
        con = psycopg2.connect(
            host=connected.host or "localhost",
            port=connected.port or 5432,
            user=connected.login,
            password=connected.password,
            dbname=connected.schema,
            connect_timeout=CONNECT_SECONDS,
            application_name="jichu",
            keepalives=1,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=6,
            **options,
        )
    except psycopg2.Error:
        raise DeliveryRefused("unreachable", f"连不上 {department} 的数据库（{connected.place}）：请查服务、网络、账号和密码") from None
    try:
        con.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        yield con
    finally:
        con.close()


@contextmanager
def _told(department: str, table: str, patience: Patience) -> Iterator[None]:
    """The server's errors as refusals; of its words only the SQLSTATE."""
    try:
        yield
    except psycopg2.errors.InsufficientPrivilege:
        raise DeliveryRefused("unreachable", f"{department} 的数据库账号无权读表 {table}") from None
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn):
        raise DeliveryRefused("missing_column", f"{department} 的数据库里没有表 {table}，或读取时它被改动") from None
    except psycopg2.errors.LockNotAvailable:
        raise DeliveryRefused("unreachable", f"{department} 的表 {table} 被别的操作锁住，等了 {patience.lock:g} 秒") from None
    except psycopg2.errors.QueryCanceled:
        raise DeliveryRefused("unreachable", f"{department} 的数据库中止了读表 {table}（超过它允许的时间）") from None
    except psycopg2.errors.ReadOnlySqlTransaction:
        raise DeliveryRefused("unreachable", f"读 {department} 的 {table} 会改动它的数据库，只读的读取不予执行") from None
    except psycopg2.Error as e:
        told = f"出错（{e.pgcode}）" if e.pgcode else "中断"
        raise DeliveryRefused("unreachable", f"读 {department} 的表 {table} 时数据库{told}") from None


@contextmanager
def _watched(con: connection, out: Counted, silence: float, department: str, table: str) -> Iterator[None]:
    """Cuts the connection when nothing has come for `silence` seconds: libpq itself would wait for ever."""
    done, struck = threading.Event(), threading.Event()

    def watch() -> None:
        while not done.wait(max(out.last + silence - time.monotonic(), 0.01)):
            if time.monotonic() - out.last >= silence:
                struck.set()
                with contextlib.suppress(OSError), socket.socket(fileno=os.dup(con.fileno())) as line:
                    line.shutdown(socket.SHUT_RDWR)
                return

    out.last = time.monotonic()
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except psycopg2.Error:
        if struck.is_set():
            raise DeliveryRefused("unreachable", f"{department} 的数据库 {silence:g} 秒没有送来表 {table} 的内容") from None
        raise
    finally:
        done.set()
        watcher.join()


def _columns(con: connection, table: str, patience: Patience) -> dict[str, str]:
    """Column → type of the table or view (schema.name). One that is not there is refused, with the nearest that is."""
    schema, _, name = table.rpartition(".")
    with con.cursor() as cursor:
        cursor.execute(SESSION)
        cursor.execute("select set_config('lock_timeout', %s, false)", [f"{round(patience.lock * 1000)}ms"])
        cursor.execute(
            """select a.attname, format_type(a.atttypid, null) from pg_attribute a join pg_class c on c.oid = a.attrelid
            join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped order by a.attnum""",
            [schema or "public", name],
        )
        found: list[tuple[str, str]] = cursor.fetchall()
        if found:
            return dict(found)
        cursor.execute(
            """select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'v', 'm', 'p', 'f') and n.nspname not in ('pg_catalog', 'information_schema')"""
        )
        others = [row[0] for row in cursor.fetchall()]
    raise DeliveryRefused("missing_column", f"数据库里没有表 {table}；{nearest(table, others)}")


def _select(table: str, columns: dict[str, str]) -> sql.Composed:
    """COPY of the whole table, every value cast to text: NULL is an unquoted, the empty string a quoted nothing."""
    schema, _, name = table.rpartition(".")
    listed = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c)) for c in columns)
    query = sql.SQL("copy (select {} from {}) to stdout with (format csv, force_quote *)")
    return query.format(listed, sql.Identifier(schema or "public", name))
