"""PostgreSQL: connections, locks, and bulk transfer to and from DuckDB by COPY (docs/decisions/0004-copy-as-text.md)."""

import hashlib
import io
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection

from etl import store
from etl.engine import columns, folder, quote
from etl.errors import DatabaseError, LockBusy
from etl.settings import Settings

# DuckDB type → PostgreSQL type of staging columns
POSTGRES_TYPES = {
    "VARCHAR": "text",
    "JSON": "jsonb",
    "BLOB": "geometry(Geometry, 4490)",
    "DOUBLE": "double precision",
    "TIMESTAMP": "timestamp",
}


def postgres_type(duck: str) -> str:
    """The PostgreSQL type of a cleaned column."""
    return POSTGRES_TYPES.get(duck, duck.replace("DECIMAL", "numeric").lower())


def connect(settings: Settings, *, autocommit: bool = False) -> Connection:
    """A connection to the library database; never says the password."""
    if not settings.database_url:
        raise DatabaseError("没有可用的数据库：先运行 jichu up（内嵌 PostGIS），或把 JICHU_DATABASE_URL 指向已有的 PostGIS")
    try:
        con = psycopg2.connect(settings.database_url, connect_timeout=10, application_name="jichu", options="-c timezone=Asia/Shanghai")
    except psycopg2.OperationalError as e:
        said = str(e).strip().splitlines()[0] if str(e).strip() else "连接失败"
        raise DatabaseError(f"连不上数据库：{said}") from None
    con.autocommit = autocommit
    return con


class _Shelf:
    """Connections that are done with and may serve again, while somebody keeps them: a new one costs 8 ms on each side."""

    def __init__(self) -> None:
        self._lock, self._keepers, self._idle = threading.Lock(), 0, dict[str, list[Connection]]()
        self._lent = set[Connection]()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Until the outermost of these ends, connections are kept; then all are closed."""
        with self._lock:
            self._keepers += 1
        try:
            yield
        finally:
            with self._lock:
                self._keepers -= 1
                gone = [] if self._keepers else [con for idle in self._idle.values() for con in idle]
                if not self._keepers:
                    self._idle.clear()
            for con in gone:
                con.close()

    def take(self, key: str) -> Connection | None:
        """A living connection that nobody uses."""
        while True:
            with self._lock:
                if not self._idle.get(key):
                    return None
                con = self._idle[key].pop()
            try:
                rows(con, "select 1")
                return con
            except psycopg2.Error:
                con.close()

    @contextmanager
    def lent(self, con: Connection) -> Iterator[None]:
        """Within it somebody works with the connection, and can be interrupted."""
        with self._lock:
            self._lent.add(con)
        try:
            yield
        finally:
            with self._lock:
                self._lent.discard(con)

    def interrupt(self) -> None:
        """Has PostgreSQL cancel what it is doing for anybody of this process, whatever the thread: it raises there."""
        with self._lock:
            working = list(self._lent)
        for con in working:
            with suppress(psycopg2.Error):  # closed meanwhile, or cut off
                con.cancel()

    def put(self, key: str, con: Connection) -> None:
        """Takes a connection back, as if new; one in the middle of something, or that nobody keeps, is closed, and its locks with it."""
        try:
            if self._keepers and not con.closed and con.info.transaction_status == TRANSACTION_STATUS_IDLE:
                con.autocommit = True
                rows(con, "discard all")
                with self._lock:
                    if self._keepers:
                        self._idle.setdefault(key, []).append(con)
                        return
        except psycopg2.Error:
            pass  # it was cut off after its work
        con.close()


_shelf = _Shelf()
keeping = _shelf.kept  # within it, `session`, `query` and `lock` use connections again instead of making new ones
interrupt = _shelf.interrupt


@contextmanager
def session(settings: Settings, *, autocommit: bool = False) -> Iterator[Connection]:
    """A connection for a while, in a state like new. What was not committed at the end is rolled back."""
    with reused(settings.database_url, lambda: connect(settings)) as con:
        con.autocommit = autocommit
        yield con


@contextmanager
def reused(key: str, make: Callable[[], Connection]) -> Iterator[Connection]:
    """A connection that was made under this key before and is idle, else a new one."""
    con = _shelf.take(key) or make()
    try:
        with _shelf.lent(con):
            yield con
        with suppress(psycopg2.Error):  # cut off after its work: nobody's loss
            con.rollback()
    finally:
        _shelf.put(key, con)


@contextmanager
def transaction(settings: Settings) -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back on any error."""
    with session(settings) as con, con:
        yield con


def rows(con: Connection, sql: str, args: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows of a small query."""
    with con.cursor() as c:
        c.execute(sql, args)
        return list(c.fetchall()) if c.description else []


def query(settings: Settings, sql: str, args: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows of a small query on a connection of its own."""
    with session(settings, autocommit=True) as con:
        return rows(con, sql, args)


def lock_number(name: str) -> int:
    """PostgreSQL's number of the advisory lock of that name."""
    return int.from_bytes(hashlib.sha256(f"jichu:{name}".encode()).digest()[:8], "big", signed=True)


@contextmanager
def lock(settings: Settings, name: str, *, shared: bool = False) -> Iterator[Callable[[], None]]:
    """An advisory lock held on a connection of its own; waits JICHU_LOCK_WAIT seconds, then LockBusy.

    Gives a function that raises DatabaseError when that connection is gone, and the lock with it.
    """
    function = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
    deadline = time.monotonic() + settings.lock_wait
    with session(settings, autocommit=True) as con:
        while not rows(con, f"select {function}(%s)", [lock_number(name)])[0][0]:
            if time.monotonic() >= deadline:
                raise LockBusy(f"另一次运行占着“{name}”，等了 {settings.lock_wait:g} 秒；稍后再试，或调大 JICHU_LOCK_WAIT")
            time.sleep(0.5)
        yield partial(_still_held, con)


def _still_held(con: Connection) -> None:
    try:
        rows(con, "select 1")
    except psycopg2.Error:
        raise DatabaseError("与数据库的连接断开过，这次运行的锁已经不在；没有做完的下次接着做，再运行一次即可") from None


def _as_text(name: str, kind: str) -> str:
    """How a DuckDB column is written so that PostgreSQL reads it back in its own type."""
    column = quote(name)
    if kind == "BLOB":
        return f"hex({column}) as {column}"
    if kind.endswith("[]"):  # a PostgreSQL array literal
        escaped = f"list_transform({column}, lambda x: coalesce('\"' || replace(replace(x, '\\', '\\\\'), '\"', '\\\"') || '\"', 'NULL'))"
        return f"case when {column} is not null then '{{' || array_to_string({escaped}, ',') || '}}' end as {column}"
    if kind == "BOOLEAN":
        return f"case when {column} then 't' when not {column} then 'f' end as {column}"
    return f"{column}::varchar as {column}"


def copy_in(con: Connection, duck: duckdb.DuckDBPyConnection, relation: str, table: str, scratch: Path) -> int:
    """Copies every row of a DuckDB relation into a PostgreSQL table (columns by name). Returns the rows.

    DuckDB writes them as CSV on all cores while PostgreSQL, which reads every type from text, takes them: through a pipe in
    `scratch`, so that neither waits for the other and no row touches the disk on its way.
    """
    kinds = columns(duck, relation)
    listed = ", ".join(_as_text(n, k) for n, k in kinds.items())
    pipe = scratch / f"{uuid.uuid4().hex}.csv"
    os.mkfifo(pipe, 0o600)
    read = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write = os.open(pipe, os.O_WRONLY)  # held until DuckDB is done, or the reader would see an end before it begins
    os.set_blocking(read, True)
    failed: list[BaseException] = []

    def feed() -> None:
        try:
            duck.execute(
                f"copy (select {listed} from {relation}) to '{pipe}' (format csv, header false, nullstr '\\N', quote '\"', escape '\"', use_tmp_file false)"
            )
        except BaseException as e:
            failed.append(e)
        finally:
            os.close(write)

    feeding = threading.Thread(target=feed)
    feeding.start()
    try:
        with con.cursor() as c:
            fed = _Fed(read, feeding, failed)
            c.copy_expert(f"copy {table} ({', '.join(quote(n) for n in kinds)}) from stdin (format csv, null '\\N')", fed, size=1 << 20)
            return int(c.rowcount)
    except psycopg2.errors.QueryCanceled:
        if failed:  # PostgreSQL only says that the rows ended badly
            raise failed[0] from None
        raise
    finally:
        _stop(duck, read, feeding)
        os.close(read)
        pipe.unlink()


def _stop(duck: duckdb.DuckDBPyConnection, read: int, feeding: threading.Thread) -> None:
    """Waits for the feeding; where PostgreSQL gave up early, breaks it off.

    The reading end stays open meanwhile: DuckDB may not have opened the pipe yet, and to open one that nobody reads waits for ever.
    """
    os.set_blocking(read, False)
    while feeding.is_alive():
        duck.interrupt()
        with suppress(BlockingIOError):
            while os.read(read, 1 << 20):
                pass
        feeding.join(0.005)


class _Fed(io.BufferedReader):
    """The reading end of a pipe: an end that comes from a failure is that failure, so that PostgreSQL keeps nothing of it."""

    def __init__(self, read: int, feeding: threading.Thread, failed: list[BaseException]) -> None:
        super().__init__(io.FileIO(read, closefd=False))
        self._feeding, self._failed = feeding, failed

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        if not block:
            self._feeding.join()
            if self._failed:
                raise self._failed[0]
        return block


def copy_out(con: Connection, sql: str, kinds: dict[str, str], target: Path, duck: duckdb.DuckDBPyConnection) -> None:
    """Copies a query's rows into a Parquet file with the given DuckDB types (BLOB = hexadecimal text in the query)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=".csv", dir=folder(duck))
    os.close(handle)
    try:
        with Path(name).open("wb") as f, con.cursor() as c:
            quoted = ", force_quote *" if len(kinds) == 1 else ""  # an empty text alone on its line would be no line to DuckDB
            c.copy_expert(f"copy ({sql}) to stdout (format csv, null '\\N'{quoted})", f, size=1 << 20)
        typed = {n: "VARCHAR" if k in ("BLOB", "JSON") or k.endswith("[]") else k for n, k in kinds.items()}
        listed = ", ".join(f"'{n}': '{k}'" for n, k in typed.items())
        back = ", ".join(
            f"unhex({quote(n)}) as {quote(n)}" if k == "BLOB" else f"{quote(n)}::JSON as {quote(n)}" if k == "JSON" else quote(n)
            for n, k in kinds.items()
        )
        part = Path(name).with_suffix(".parquet")  # where it is swept when we are killed; two libraries may read one table back at once
        duck.execute(
            f"copy (select {back} from read_csv('{name}', columns={{{listed}}}, header=false, nullstr='\\N', allow_quoted_nulls=false, "
            f"quote='\"', escape='\"', delim=',', new_line='\\n', auto_detect=false, max_line_size=67108864)) to '{part}' (format parquet, compression zstd)"
        )
        store.take_place(part, target)
    finally:
        Path(name).unlink(missing_ok=True)
