"""The floor of a cold load: every delivered byte read and decoded once, every row that stands in the end COPYed once into the same
tables, their indexes built. Nothing that loads a city can be quicker with one reader and one connection."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg2

from etl.bench.reading import read_all
from etl.bench.world import DAYS, World, program

STORED = """
    select quote_ident(n.nspname) || '.' || quote_ident(c.relname), string_agg(quote_ident(a.attname), ', ' order by a.attnum)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
    where c.relkind = 'r' and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        and n.nspname not in ('pg_catalog', 'information_schema', 'candidate')
        and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    group by 1 order by 1
"""


def prepare(world: World, loaded: str, name: str) -> dict[str, str]:
    """The rows of every table of a loaded database as ready CSV, and a database of the same tables without rows and indexes.

    Returns table → its columns; the CSV is `folder/<table>.csv`, the indexes and constraints wait in `folder/post.dump`. Not measured.
    """
    folder = world.folder / "floor"
    folder.mkdir(exist_ok=True)
    tables = dict(world.query(loaded, STORED, superuser=True))
    connection = psycopg2.connect(world.url(loaded, superuser=True))
    try:
        with connection.cursor() as cursor:
            for table, columns in tables.items():
                with (folder / f"{table}.csv").open("wb") as f:
                    cursor.copy_expert(f"copy (select {columns} from {table}) to stdout (format csv)", f, size=1 << 20)
    finally:
        connection.close()
    dump = folder / "schema.dump"
    _run([program("pg_dump"), "-Fc", "--schema-only", "--no-owner", "--no-privileges", "-f", str(dump), world.url(loaded, superuser=True)])
    world.cluster.server.drop_database(name)
    world.cluster.make_library_database(name)
    _restore(world.url(name, superuser=True), dump, "pre-data")
    return tables


def _restore(url: str, dump: Path, section: str) -> None:
    """One part of a dump's schema; extensions are there already, so what it says of them may fail."""
    command = [program("pg_restore"), "--no-owner", "--no-privileges", f"--section={section}", "-d", url, str(dump)]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def side(given: Mapping[str, Any]) -> dict[str, Any]:
    """The floor itself. given: drop, url, folder, tables. Returns the seconds of each part, bytes and rows."""
    folder, began = Path(given["folder"]), time.monotonic()
    read, delivered = read_all(Path(given["drop"]), DAYS[0])
    reading, written = time.monotonic() - began, {}
    connection = psycopg2.connect(given["url"])
    try:
        for table, columns in given["tables"].items():
            with connection, connection.cursor() as cursor, (folder / f"{table}.csv").open("rb") as f:
                cursor.copy_expert(f"copy {table} ({columns}) from stdin (format csv)", f, size=1 << 20)
                written[table] = cursor.rowcount
    finally:
        connection.close()
    copying = time.monotonic() - began - reading
    _restore(given["url"], folder / "schema.dump", "post-data")
    indexing = time.monotonic() - began - reading - copying
    return {"bytes": read, "delivered": delivered, "rows": written, "reading": reading, "copying": copying, "indexing": indexing}


def again(given: Mapping[str, Any]) -> dict[str, Any]:
    """The reading and hashing of what full registers deliver again in the second week. given: drop."""
    began = time.monotonic()
    read, rows = read_all(Path(given["drop"]), DAYS[1], kind="full", hashed=True)
    return {"bytes": read, "rows": rows, "seconds": time.monotonic() - began}
