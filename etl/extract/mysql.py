"""A department's MariaDB or MySQL (5.6 or newer): one SELECT of the whole table, streamed through a server-side cursor.

The server writes each row as one line of CSV (a row then costs one value to fetch, and dates that are no dates, such as
0000-00-00, come as they stand). The transaction is a READ ONLY, CONSISTENT SNAPSHOT.
"""

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import pymysql
import pymysql.constants.ER as ER
from pymysql.converters import encoders
from pymysql.cursors import SSCursor

from etl.connections import Connection
from etl.errors import DeliveryRefused
from etl.extract.database import CONNECT_SECONDS, Counted, Patience
from etl.extract.limits import too_big
from etl.extract.reading import Reading
from etl.spec.registry import nearest

BATCH = 5_000  # lines fetched before they are written
EXTRAS = ("ssl", "ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_identity", "unix_socket")
NUMERIC = {"decimal", "float", "double"}
BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
SPATIAL = {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection"}
SAFE = NUMERIC | {
    "tinyint",
    "smallint",
    "mediumint",
    "int",
    "bigint",
    "date",
    "datetime",
    "timestamp",
    "time",
    "year",
    "bit",
}  # no quotes in it
DENIED = {ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.SPECIFIC_ACCESS_DENIED_ERROR}
GONE = {ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR, ER.BAD_DB_ERROR}
OUT_OF_TIME = {ER.QUERY_INTERRUPTED, ER.STATEMENT_TIMEOUT, ER.QUERY_TIMEOUT}
READ_ONLY = 1792  # the transaction is: a view's function would write
ENCODERS: Any = encoders  # without decoders: what comes is bytes
SNAPSHOT = "start transaction with consistent snapshot, read only"
BROKEN = (pymysql.Error, OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, AssertionError, struct.error)


class Column(NamedTuple):
    """A column as the server describes it."""

    name: str
    type: str
    charset: str | None
    decimals: int  # of a second


def copy(connected: Connection, table: str, reading: Reading, patience: Patience, out: Counted) -> tuple[list[str], set[str]]:
    """Copies the table to `out` as CSV. Returns the final column names, and those that hold numbers."""
    department = reading.source.department
    schema, _, name = table.rpartition(".")
    schema = schema or connected.schema or ""
    with _connect(connected, patience, department) as con, _told(department, table, patience):
        with con.cursor(pymysql.cursors.Cursor) as cursor:
            cursor.execute("set session transaction isolation level repeatable read")
            cursor.execute("set session sql_mode = '', time_zone = '+08:00', lock_wait_timeout = %s", [max(round(patience.lock), 1)])
            cursor.execute(SNAPSHOT)
            columns = _columns(cursor, schema, name, table)
        names = reading.names.header([c.name for c in columns], f"表 {table}")
        out.digest.update("\0".join(c.name for c in columns).encode())
        for lines in _lines(con, _select(schema, name, columns, reading.terms.encoding)):
            if None in lines:
                raise too_big(f"表 {table} 中有过长的内容", "一行", "服务器的 max_allowed_packet")
            out.write(b"\n".join(lines).replace(b"\0", "\ufffd".encode()) + b"\n")
    return names, {n for n, c in zip(names, columns, strict=True) if c.type in NUMERIC}


@contextmanager
def _connect(connected: Connection, patience: Patience, department: str) -> "Iterator[pymysql.Connection[Any]]":
    """A connection, closed at the end whatever is still on its way. The server's own words are never repeated: they may hold data."""
    extras = {k: v for k, v in connected.extra.items() if k in EXTRAS}
    if isinstance(extras.get("ssl"), str):
        with suppress(ValueError):
            extras["ssl"] = json.loads(extras["ssl"])
    try:
        con: pymysql.Connection[Any] = pymysql.connect(
            host=connected.host or "localhost",
            port=connected.port or 3306,
            user=connected.login,
            password=connected.password or "",
            database=connected.schema,
            charset="utf8mb4",
            use_unicode=False,
            conv=ENCODERS,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=patience.silence,
            write_timeout=CONNECT_SECONDS,
            program_name="jichu",
            **extras,
        )
    except BROKEN:
        raise DeliveryRefused("unreachable", f"连不上 {department} 的数据库（{connected.place}）：请查服务、网络、账号和密码") from None
    try:
        yield con
    finally:
        with suppress(pymysql.Error):
            con.close()


@contextmanager
def _told(department: str, table: str, patience: Patience) -> Iterator[None]:
    """The server's errors, and the driver's about an answer that is none, as refusals; of its words only the error's number."""
    try:
        yield
    except BROKEN as e:
        code = e.args[0] if isinstance(e, pymysql.Error) and e.args and isinstance(e.args[0], int) else None
        if code in GONE:
            raise DeliveryRefused("missing_column", f"{department} 的数据库里没有表 {table}，或读取时它被改动") from None
        if code in DENIED:
            told = f"{department} 的数据库账号无权读表 {table}"
        elif code == ER.LOCK_WAIT_TIMEOUT:
            told = f"{department} 的表 {table} 被别的操作锁住，等了 {patience.lock:g} 秒"
        elif code in OUT_OF_TIME:
            told = f"{department} 的数据库中止了读表 {table}（超过它允许的时间）"
        elif code == READ_ONLY:
            told = f"读 {department} 的 {table} 会改动它的数据库，只读的读取不予执行"
        elif code and ER.ERROR_FIRST <= code < 2000:
            told = f"读 {department} 的表 {table} 时数据库出错（{code}）"
        else:
            told = f"读 {department} 的表 {table} 时数据库中断"
        raise DeliveryRefused("unreachable", told) from None


def _columns(cursor: Any, schema: str, name: str, table: str) -> list[Column]:
    """The columns of the table or view. One that is not there, or that the account may not see, is refused with the nearest that is."""
    cursor.execute(
        """select column_name, data_type, character_set_name, coalesce(datetime_precision, 0) from information_schema.columns
        where table_schema = %s and table_name = %s order by ordinal_position""",
        [schema, name],
    )
    found = [Column(_text(n), _text(t).lower(), _text(c) if c else None, int(d)) for n, t, c, d in cursor.fetchall()]
    if found:
        return found
    cursor.execute(
        """select concat(table_schema, '.', table_name) from information_schema.tables
        where table_schema not in ('mysql', 'information_schema', 'performance_schema', 'sys')"""
    )
    others = [_text(row[0]) for row in cursor.fetchall()]
    if f"{schema}.{name}" in others:
        raise DeliveryRefused("unreachable", f"数据库不给出 {table} 的列：视图已失效，或读它会改动数据库，只读的读取不予执行")
    raise DeliveryRefused("missing_column", f"数据库里没有表 {table}，或账号看不到它；{nearest(table, others)}")


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _select(schema: str, name: str, columns: list[Column], encoding: str) -> str:
    """One line of CSV for every row: NULL is an unquoted, the empty string a quoted nothing. Too long a line is NULL."""
    fields = ", ',', ".join(_field(c, encoding) for c in columns)
    return f"select concat({fields}) from {_quoted(schema)}.{_quoted(name)}"


def _field(column: Column, encoding: str) -> str:
    name = _quoted(column.name)
    written = _written(name, column, encoding)
    if column.type not in SAFE:
        written = f"""replace({written}, '"', '""')"""
    return f"""if({name} is null, '', concat('"', {written}, '"'))"""


def _written(name: str, column: Column, encoding: str) -> str:
    """A value as text. Chinese in a latin1 column went in as GBK bytes where the source's declared encoding says so."""
    if column.type == "bit":
        return f"cast({name} + 0 as char)"
    if column.type in BYTES | SPATIAL:
        return f"concat('\\\\x', lower(hex({name})))"
    if column.charset == "latin1" and encoding in ("gbk", "gb18030"):
        return f"cast(convert(cast({name} as binary) using gbk) as char character set utf8mb4)"
    written = f"cast({name} as char character set utf8mb4)"
    return f"trim(trailing '.' from trim(trailing '0' from {written}))" if column.decimals else written


def _quoted(identifier: str) -> str:
    return "`" + identifier.replace("`", "``") + "`"


def _lines(con: "pymysql.Connection[Any]", query: str) -> Iterator[list[Any]]:
    """The query's one column in batches, as bytes."""
    cursor: Any = con.cursor(SSCursor)
    try:
        cursor.execute(query)
        while rows := cursor.fetchmany(BATCH):
            yield [row[0] for row in rows]
    finally:  # or cursor and result would, when they are forgotten, first read to the end
        cursor.connection = None
        if (result := cursor._result) is not None:
            result.unbuffered_active = False
