"""What stands published, as Parquet: the next publication is compared with it without taking every row out of PostgreSQL again.

Only a cache, and never believed for its name alone. The name tells the database (and its timeline), the publication that left the table so, by its
number and by its moment (after a restore numbers come again), the migrations that the database has had, and the columns; and PostgreSQL must still
count as many rows, with the same fingerprints where rows have one: whoever else writes to a published table is noticed.

A file is prepared in DuckDB's private folder and takes its place once the publication is committed. Killed or rolled back before that, it is swept
with the folder; then the table is read back.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import duckdb
from psycopg2.extensions import connection as Connection

from etl import db, store
from etl.engine import folder, quote
from etl.load.staging import instance
from etl.settings import Settings

LAST = """
    select sequence, (extract(epoch from published_at) * 1000000)::bigint, (select version_num from public.alembic_version) from ops.publication
    where library = %s and state = 'published' and (%s is null or sequence < %s) order by sequence desc limit 1
"""


def publication(con: Connection, library: str, before: int | None = None) -> str | None:
    """Names the state of a library's tables: its last publication, or the last one `before` that number. None when it has none."""
    found = db.rows(con, LAST, [library, before, before])
    return "-".join(map(str, found[0])) if found else None


def read(
    settings: Settings, con: Connection, duck: duckdb.DuckDBPyConnection, state: str | None, table: str, kinds: Mapping[str, str]
) -> Path:
    """These columns of a published table as a Parquet file: as that state left them, else read back into DuckDB's private folder."""
    if state:
        file = _shelf(settings, con) / f"{table}-{state}-{_shape(kinds)}.parquet"
        if file.exists() and _stands(con, duck, table, file, fingerprinted="row_hash" in kinds):
            return file
    there = folder(duck) / f"{table}.parquet"
    db.copy_out(con, f"select {', '.join(map(quote, kinds))} from {table}", dict(kinds), there, duck)
    return there


def _stands(con: Connection, duck: duckdb.DuckDBPyConnection, table: str, file: Path, *, fingerprinted: bool) -> bool:
    """Whether the table still holds what the file does: as many rows, and the same fingerprints."""
    theirs = "bit_xor(('x' || left(row_hash::text, 8))::bit(32)::bigint)" if fingerprinted else "null"
    ours = "bit_xor(('0x' || left(row_hash::varchar, 8))::bigint)" if fingerprinted else "null"
    return db.rows(con, f"select count(*), {theirs} from {table}") == duck.execute(f"select count(*), {ours} from '{file}'").fetchall()


def prepare(duck: duckdb.DuckDBPyConnection, table: str, relation: str, kinds: Mapping[str, str]) -> None:
    """Writes down what a table will hold when the publication under way is committed: a relation's columns."""
    waiting = _waiting(duck)
    waiting.mkdir(exist_ok=True)
    listed, file = ", ".join(map(quote, kinds)), waiting / f"{table}-{_shape(kinds)}.parquet"
    duck.execute(f"copy (select {listed} from {relation}) to '{file}' (format parquet, compression zstd, compression_level 1)")


def place(settings: Settings, con: Connection, duck: duckdb.DuckDBPyConnection, state: str) -> None:
    """What was prepared becomes what stands: of the publication of that name, which has been committed."""
    shelf = _shelf(settings, con)
    shelf.mkdir(parents=True, exist_ok=True)
    for part in sorted(_waiting(duck).glob("*.parquet")):
        table, _, shape = part.stem.rpartition("-")
        file = shelf / f"{table}-{state}-{shape}.parquet"
        store.take_place(part, file)
        store.forget(shelf, file, f"{table}-*.parquet")
    con.commit()


def forget(duck: duckdb.DuckDBPyConnection) -> None:
    """Removes what was prepared and will not come to stand."""
    for part in _waiting(duck).glob("*.parquet"):
        part.unlink()
    if _waiting(duck).exists():
        _waiting(duck).rmdir()


def _shelf(settings: Settings, con: Connection) -> Path:
    return settings.home / "cache" / instance(con) / "standing"


def _waiting(duck: duckdb.DuckDBPyConnection) -> Path:
    return folder(duck) / "standing"


def _shape(kinds: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(kinds)).encode()).hexdigest()[:8]
