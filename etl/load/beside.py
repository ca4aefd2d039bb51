"""What a library's publication writes beside its tables, in the same transaction: members, edges, disagreements."""

import duckdb
from psycopg2.extensions import connection as Connection

from etl import db
from etl.engine import count
from etl.settings import Settings

KIND = {"population": "person", "legal_entity": "entity"}


def write(con: Connection, duck: duckdb.DuckDBPyConnection, library: str, settings: Settings) -> None:
    """Replaces match.<kind>_member and _edge where they differ; opens and closes disagreements."""
    scratch = settings.home / "tmp"
    if kind := KIND.get(library):
        _replace(con, duck, f"match.{kind}_member", f"matched.{kind}_member", ["dataset", "source_key", "role"], scratch)
        _replace(con, duck, f"match.{kind}_edge", f"matched.{kind}_edge", ["left_record", "right_record", "rule"], scratch)
    if count(duck, "select count(*) from information_schema.tables where table_schema = 'out' and table_name = 'disagreement'"):
        _disagreements(con, duck, library, scratch)


def _replace(con: Connection, duck: duckdb.DuckDBPyConnection, table: str, relation: str, key: list[str], scratch: object) -> None:
    """Brings a table to a relation's content by deleting and inserting only what differs."""
    from pathlib import Path

    name = table.replace(".", "_")
    listed = ", ".join(
        r[0]
        for r in db.rows(
            con,
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
            [table],
        )
    )
    db.rows(con, f"create temp table new_{name} (like {table}) on commit drop")
    duck.execute(f"create or replace temp view shipped as select {listed} from {relation}")
    db.copy_in(con, duck, "shipped", f"pg_temp.new_{name}", Path(str(scratch)))
    db.rows(con, f"analyze new_{name}")
    if not db.rows(con, f"select exists (select from {table})")[0][0]:
        db.rows(con, f"insert into {table} ({listed}) select {listed} from new_{name}")
        return
    same = " and ".join(f"t.{c} is not distinct from n.{c}" for c in listed.split(", ") if c not in key)
    on = " and ".join(f"t.{k} = n.{k}" for k in key)
    db.rows(con, f"delete from {table} t where not exists (select from new_{name} n where {on} and {same or 'true'})")
    db.rows(con, f"insert into {table} ({listed}) select {listed} from new_{name} n where not exists (select from {table} t where {on})")


def _disagreements(con: Connection, duck: duckdb.DuckDBPyConnection, library: str, scratch: object) -> None:
    """`out.disagreement` is the state of today: what is not in it any more is closed, what is new is opened."""
    from pathlib import Path

    names = "record_id, field, kept_value, kept_from, other_value, other_from, other_key"
    db.rows(
        con,
        "create temp table told (record_id text, field text, kept_value text, kept_from text, other_value text, other_from text, other_key text) on commit drop",
    )
    duck.execute(f"create or replace temp view shipped as select {names} from out.disagreement")
    db.copy_in(con, duck, "shipped", "pg_temp.told", Path(str(scratch)))
    db.rows(con, "analyze told")
    same = " and ".join(f"d.{c} is not distinct from t.{c}" for c in names.split(", "))
    db.rows(
        con,
        f"update quality.disagreement d set closed_at = now() where library = %s and closed_at is null and not exists (select from told t where {same})",
        [library],
    )
    db.rows(
        con,
        f"insert into quality.disagreement (library, {names}) select %s, {names} from told t where not exists (select from quality.disagreement d where d.library = %s and d.closed_at is null and {same})",
        [library, library],
    )
