"""What a library's publication writes beside its tables, in the same transaction: members, edges, pairs for review, figures, disagreements."""

import duckdb
from psycopg2.extensions import connection as Connection

from etl import db
from etl.engine import count, folder
from etl.load import measured
from etl.settings import Settings

KIND = {"population": "person", "legal_entity": "entity"}


def write(con: Connection, duck: duckdb.DuckDBPyConnection, library: str, settings: Settings) -> None:
    """Replaces match.<kind>_member and _edge where they differ; refreshes the pairs for review; opens and closes disagreements."""
    scratch = folder(duck)
    if kind := KIND.get(library):
        measure(con, duck, library, settings)
        _replace(con, duck, f"match.{kind}_member", f"matched.{kind}_member", ["dataset", "source_key", "role"], scratch)
        _replace(con, duck, f"match.{kind}_edge", f"matched.{kind}_edge", ["left_record", "right_record", "rule"], scratch)
        _reviews(con, duck, kind, settings)
    if count(duck, "select count(*) from information_schema.tables where table_schema = 'out' and table_name = 'disagreement'"):
        _disagreements(con, duck, library, scratch)


def measure(con: Connection, duck: duckdb.DuckDBPyConnection, library: str, settings: Settings) -> None:
    """match.quality_run and match.blocking: the figures of the linkage that the newest entry in the books stands for."""
    if kind := KIND.get(library):
        ((sequence,),) = db.rows(con, "select max(sequence) from ops.publication where library = %s", [library])
        measured.write(con, duck, library, kind, settings, sequence)


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


def _reviews(con: Connection, duck: duckdb.DuckDBPyConnection, kind: str, settings: Settings) -> None:
    """match.review: the open pairs of today. A judged pair keeps what it showed when it was judged, until the judgement ends."""
    names = "left_record, right_record, probability, bits, reason, weights"
    db.rows(
        con,
        "update match.review r set state = coalesce((select case j.verdict when 'same' then 'accepted' when 'different' then 'rejected' else 'undecided' end "
        "from match.judgement j where j.kind = r.kind and j.left_record = r.left_record and j.right_record = r.right_record and j.withdrawn_at is null "
        "and (j.until is null or j.until >= %s)), 'open') where kind = %s and state <> 'open'",
        [settings.today, kind],
    )
    db.rows(con, f"create temp table likely on commit drop as select {names} from match.review limit 0")
    duck.execute(f"create or replace temp view shipped as select {names} from matched.{kind}_review")
    db.copy_in(con, duck, "shipped", "pg_temp.likely", folder(duck))
    db.rows(con, "analyze likely")
    on = "r.kind = %s and r.left_record = n.left_record and r.right_record = n.right_record"
    db.rows(
        con,
        f"delete from match.review r where r.kind = %s and r.state = 'open' and r.reason <> 'sample' and not exists (select from likely n where {on})",
        [kind, kind],
    )
    db.rows(
        con,
        f"update match.review r set probability = n.probability, bits = n.bits, reason = n.reason, weights = n.weights from likely n where {on} "
        "and r.state in ('open', 'undecided') and r.reason <> 'sample' and (r.probability, r.bits, r.reason, r.weights) is distinct from (n.probability, n.bits, n.reason, n.weights)",
        [kind],
    )
    db.rows(
        con,
        f"insert into match.review (kind, {names}) select %s, {names} from likely n where not exists (select from match.review r where {on})",
        [kind, kind],
    )


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
