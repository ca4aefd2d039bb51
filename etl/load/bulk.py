"""A first load without indexes: they are the cost of a bulk insert, so they are built once, behind it."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import connection as Connection

from etl import db
from etl.engine import quote


@contextmanager
def without_indexes(con: Connection, table: str) -> Iterator[None]:
    """Within the caller's transaction: drops the indexes and the key of an empty table, and builds them again at the end.

    Does nothing when the table holds rows. Others see the table empty with its indexes, or full with them.
    """
    if db.rows(con, f"select exists (select from {table})")[0][0]:
        yield
        return
    db.rows(con, f"lock table {table} in access exclusive mode")
    keys = db.rows(
        con, "select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = %s::regclass and contype in ('p', 'u')", [table]
    )
    others = db.rows(
        con,
        "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index i where indrelid = %s::regclass "
        "and not exists (select from pg_constraint c where c.conindid = i.indexrelid)",
        [table],
    )
    for name, _ in keys:
        db.rows(con, f"alter table {table} drop constraint {quote(name)}")
    for name, _ in others:
        db.rows(con, f"drop index {name}")
    yield
    db.rows(con, "set local maintenance_work_mem = '256MB'")
    for name, definition in keys:
        db.rows(con, f"alter table {table} add constraint {quote(name)} {definition}")
    for _, definition in others:
        db.rows(con, definition)
    db.rows(con, f"analyze {table}")
