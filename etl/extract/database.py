"""A department's database: the whole table in one read-only snapshot, streamed by COPY."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import psycopg2
import psycopg2.errors
import pyarrow as pa
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, connection

from etl.connections import Connection
from etl.errors import DeliveryRefused
from etl.extract.formats import separated
from etl.extract.limits import size, too_big
from etl.extract.reading import Raw, Reading
from etl.spec.registry import nearest

CONNECT_SECONDS = 15
EXTRAS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "options", "target_session_attrs")
NUMERIC = {"numeric", "real", "double precision"}
# Rows come in the table's own order: no parallel scan, no scan that joins another one half way.
SESSION = """set datestyle to 'ISO, YMD'; set timezone to 'Asia/Shanghai'; set intervalstyle to 'iso_8601';
set max_parallel_workers_per_gather to 0; set synchronize_seqscans to off; set bytea_output to 'hex'; set client_encoding to 'UTF8'"""


class Counted:
    """A file that hashes what is written to it, and stops at a limit."""

    def __init__(self, out: BinaryIO, table: str, limit: int):
        self._out, self._table, self._limit = out, table, limit
        self.digest, self.written = hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.written += len(data)
        if self.written > self._limit:
            raise too_big(f"表 {self._table}", size(self.written), size(self._limit))
        self.digest.update(data)
        return self._out.write(data)


def read(connected: Connection, reading: Reading) -> str:
    """Reads the source's table. Returns the SHA-256 of the stream. Raises DeliveryRefused: unreachable, missing_column, too_big."""
    if connected.conn_type == "mysql":
        from etl.extract import (
            mysql,  # SQLAlchemy is slow to import, and rarely needed here
        )

        return mysql.read(connected, reading)
    if connected.conn_type != "postgres":
        told = f"{reading.source.department} 的连接类型是 {connected.conn_type}，数据库交付要 postgres 或 mysql"
        raise DeliveryRefused("unreachable", told)
    table = reading.terms.table or ""
    stream = reading.scratch / "table.csv"
    with _connect(connected, reading.source.department) as con, _told(reading.source.department, table):
        columns = _columns(con, table)
        names = reading.names.header(list(columns), f"表 {table}")
        with stream.open("wb") as f, con.cursor() as cursor:
            out = Counted(f, table, reading.limits.file)
            out.digest.update("\0".join(columns).encode())
            cursor.copy_expert(_select(con, table, columns), out)
    _rows(stream, names, list(columns.values()), table, reading)
    stream.unlink()
    return out.digest.hexdigest()


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
def _told(department: str, table: str) -> Iterator[None]:
    """The server's errors as refusals."""
    try:
        yield
    except psycopg2.errors.InsufficientPrivilege:
        raise DeliveryRefused("unreachable", f"{department} 的数据库账号无权读表 {table}") from None
    except psycopg2.errors.UndefinedTable:
        raise DeliveryRefused("missing_column", f"{department} 的数据库里没有表 {table}") from None
    except psycopg2.Error:
        raise DeliveryRefused("unreachable", f"读 {department} 的表 {table} 时数据库中断") from None


def _columns(con: connection, table: str) -> dict[str, str]:
    """Column → type of the table (schema.name). A table that is not there is refused, with the nearest that is."""
    schema, _, name = table.rpartition(".")
    with con.cursor() as cursor:
        cursor.execute(SESSION)
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


def _select(con: connection, table: str, columns: dict[str, str]) -> str:
    """COPY of the whole table, every value cast to text: NULL is an unquoted, the empty string a quoted nothing."""
    schema, _, name = table.rpartition(".")
    listed = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c)) for c in columns)
    query = sql.SQL("copy (select {} from {}) to stdout with (format csv, force_quote *)")
    return query.format(listed, sql.Identifier(schema or "public", name)).as_string(con)


def _rows(stream: Path, names: list[str], types: list[str], table: str, reading: Reading) -> None:
    raw = Raw(stream, table)
    numeric = {n for n, t in zip(names, types, strict=True) if t in NUMERIC}
    try:
        separated.columnar(raw, stream, 0, names, reading, dumped=True, numeric=numeric)
    except pa.ArrowInvalid:
        raise too_big(f"表 {table} 中有过长的内容", "一行", size(separated.BLOCK)) from None
