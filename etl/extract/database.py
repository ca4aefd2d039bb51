"""A department's database: the whole table in one read-only snapshot, streamed to disk as CSV, read back column by column.

What is alike for every kind of server stands here; how one is asked stands in `postgres` and `mysql`.
"""

import hashlib
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from etl.connections import Connection
from etl.errors import DeliveryRefused
from etl.extract import encoding
from etl.extract.formats import separated
from etl.extract.limits import size, too_big
from etl.extract.reading import Raw, Reading

CONNECT_SECONDS = 15
SILENCE_SECONDS = 300  # without a byte: a view may compute that long before its first row
LOCK_SECONDS = 60  # while somebody else holds the table
_SERVERS = {"postgres": "postgres", "mysql": "mysql"}


@dataclass(frozen=True)
class Patience:
    """How long a department's server is waited for, in seconds: without a byte, and for a lock. From the connection's extra."""

    silence: float = SILENCE_SECONDS
    lock: float = LOCK_SECONDS


class Counted:
    """A file that hashes what is written to it, stops at a limit, and knows when it was written to last."""

    def __init__(self, out: BinaryIO, table: str, limit: int):
        self._out, self._table, self._limit = out, table, limit
        self.digest, self.written, self.last = hashlib.sha256(), 0, time.monotonic()

    def write(self, data: bytes) -> int:
        self.written += len(data)
        if self.written > self._limit:
            raise too_big(f"表 {self._table}", f"超过 {size(self._limit)}", size(self._limit))
        self.digest.update(data)
        self.last = time.monotonic()
        return self._out.write(data)


def read(connected: Connection, reading: Reading) -> str:
    """Reads the source's table. Returns the SHA-256 of its columns and rows.

    Raises DeliveryRefused: unreachable, missing_column, encoding, too_big. Nothing of a table that was cut short is kept.
    """
    if connected.conn_type not in _SERVERS:
        told = f"{reading.source.department} 的连接类型是 {connected.conn_type}，数据库交付要 postgres 或 mysql"
        raise DeliveryRefused("unreachable", told)
    table = reading.terms.table or ""
    stream = reading.scratch / "table.csv"
    server = import_module(f"etl.extract.{_SERVERS[connected.conn_type]}")  # a driver is imported where it is needed
    with stream.open("wb") as f:
        out = Counted(f, table, reading.limits.file)
        names, numeric = server.copy(connected, table, reading, patience(connected), out)
    _rows(stream, names, numeric, table, reading)
    stream.unlink()
    return out.digest.hexdigest()


def patience(connected: Connection) -> Patience:
    """The connection's `read_timeout` and `lock_timeout`, or what is usual."""
    return Patience(connected.seconds("read_timeout", SILENCE_SECONDS), connected.seconds("lock_timeout", LOCK_SECONDS))


def _rows(stream: Path, names: Sequence[str], numeric: Collection[str], table: str, reading: Reading) -> None:
    """The stream as rows. A database that keeps text of an unknown encoding (SQL_ASCII) may hold GB18030."""
    try:
        separated.columnar(Raw(stream, table), stream, 0, list(names), reading, dumped=True, numeric=numeric)
    except pa.ArrowInvalid:
        reading.rows.back(0)
        utf8 = encoding.as_utf8(stream, f"表 {table}", reading.terms.encoding, list(names), reading.scratch)
        if utf8.path == stream:
            raise too_big(f"表 {table} 中有过长的内容", "一行", size(separated.BLOCK)) from None
        reading.note(f"表 {table} 的文字不是 UTF-8，按 {utf8.encoding} 读取")
        separated.columnar(Raw(stream, table), utf8.path, 0, list(names), reading, dumped=True, numeric=numeric)
