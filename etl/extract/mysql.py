"""A department's MariaDB or MySQL, through SQLAlchemy and whichever driver is installed: streamed row by row."""

import hashlib
from typing import Any

import sqlalchemy
from sqlalchemy.exc import NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from etl.connections import Connection
from etl.errors import DeliveryRefused
from etl.extract.reading import Raw, Reading
from etl.extract.rows import BATCH
from etl.extract.values import text

DRIVER = "mysql+pymysql"


def read(connected: Connection, reading: Reading) -> str:
    """Reads the source's table in one consistent snapshot. Returns the SHA-256 of its rows.

    Raises DeliveryRefused: unreachable, missing_column.
    """
    table = reading.terms.table or ""
    schema, _, name = table.rpartition(".")
    url = sqlalchemy.URL.create(
        DRIVER,
        connected.login,
        connected.password,
        connected.host or "localhost",
        connected.port or 3306,
        connected.schema or schema,
        {"charset": "utf8mb4"},
    )
    try:
        engine = sqlalchemy.create_engine(url, isolation_level="REPEATABLE READ")
    except (ImportError, NoSuchModuleError):
        raise DeliveryRefused("unreachable", f"读 {reading.source.department} 的 MySQL/MariaDB 需要安装 pymysql") from None
    try:
        with engine.connect().execution_options(stream_results=True) as con:
            described = sqlalchemy.Table(name, sqlalchemy.MetaData(), schema=schema or None, autoload_with=con)
            return stream(con, described, table, reading)
    except NoSuchTableError:
        raise DeliveryRefused("missing_column", f"数据库里没有表 {table}") from None
    except SQLAlchemyError:
        where = f"{reading.source.department} 的数据库（{connected.place}）"
        raise DeliveryRefused("unreachable", f"连不上 {where}，或读表 {table} 时中断") from None
    finally:
        engine.dispose()


def stream(con: sqlalchemy.Connection, described: sqlalchemy.Table, table: str, reading: Reading) -> str:
    """All rows of a table in batches, as text. Returns the SHA-256 of the rows."""
    names = reading.names.header([c.name for c in described.columns], f"表 {table}")
    digest, raw = hashlib.sha256(), Raw(reading.scratch, table)
    result = con.execute(sqlalchemy.select(described))
    while chunk := result.fetchmany(BATCH):
        rows = [[_text(v) for v in row] for row in chunk]
        digest.update(repr(rows).encode("utf-8", "surrogatepass"))
        reading.write_rows(raw, names, rows, keep_blank=True)
    return digest.hexdigest()


def _text(value: Any) -> str | None:
    """As `text`, but a delivered empty string stays one: a database tells it from NULL."""
    return "" if value == "" else text(value)
