"""What a library's publication writes beside its tables, in the same transaction: members, edges, pairs for review, figures, disagreements."""

from pathlib import Path

import duckdb
from psycopg2.extensions import connection as Connection

from etl import db
from etl.engine import columns, count, folder
from etl.load import measured, standing
from etl.load.bulk import without_indexes
from etl.settings import Settings

KIND = {"population": "person", "legal_entity": "entity"}


def write(con: Connection, duck: duckdb.DuckDBPyConnection, library: str, settings: Settings) -> None:
    """Replaces match.<kind>_member and _edge where they differ; refreshes the pairs for review; opens and closes disagreements."""
    if kind := KIND.get(library):
        measure(con, duck, library, settings)
        state = standing.publication(con, library, before=_number(con, library))
        _replace(settings, con, duck, state, f"match.{kind}_member", f"matched.{kind}_member", ["dataset", "source_key", "role"])
        _replace(settings, con, duck, state, f"match.{kind}_edge", f"matched.{kind}_edge", ["left_record", "right_record", "rule"])
        _reviews(con, duck, kind, settings)
    if count(duck, "select count(*) from information_schema.tables where table_schema = 'out' and table_name = 'disagreement'"):
        _disagreements(con, duck, library)


def measure(con: Connection, duck: duckdb.DuckDBPyConnection, library: str, settings: Settings) -> None:
    """match.quality_run and match.blocking: the figures of the linkage that the newest entry in the books stands for."""
    if kind := KIND.get(library):
        measured.write(con, duck, library, kind, settings, _number(con, library))


def _number(con: Connection, library: str) -> int:
    """The newest entry in the books: that of the publication under way."""
    return int(db.rows(con, "select max(sequence) from ops.publication where library = %s", [library])[0][0])


def _replace(
    settings: Settings, con: Connection, duck: duckdb.DuckDBPyConnection, state: str | None, table: str, relation: str, key: list[str]
) -> None:
    """Brings a table, which the publication before left in `state`, to a relation's content; only what differs travels to PostgreSQL,
    and is deleted and inserted there."""
    there = columns(duck, relation)
    kinds = {n: there[n] for n in columns_of(con, table)}
    file = standing.read(settings, con, duck, state, table, kinds)
    gone, fresh = _compared(duck, file, relation, list(kinds))
    keys = ", ".join(key)
    if count(duck, f"select count(*) from {gone}"):
        duck.execute(f"create or replace temp view shipped as select {keys} from {gone}")
        db.rows(con, f"create temp table gone_row on commit drop as select {keys} from {table} limit 0")
        db.copy_in(con, duck, "shipped", "pg_temp.gone_row", folder(duck))
        db.rows(con, "analyze gone_row")
        db.rows(con, f"delete from {table} t using gone_row g where {' and '.join(f't.{k} = g.{k}' for k in key)}")
        db.rows(con, "drop table gone_row")
    if count(duck, f"select count(*) from {fresh}"):
        with without_indexes(con, table):
            db.copy_in(con, duck, fresh, table, folder(duck))
    if file.is_relative_to(folder(duck)):
        file.unlink()
    standing.prepare(duck, table, relation, kinds)


def _compared(duck: duckdb.DuckDBPyConnection, there: Path, relation: str, names: list[str]) -> tuple[str, str]:
    """What stands in a Parquet file and not in a DuckDB relation, and the other way round: two tables of DuckDB.

    DuckDB compares millions of rows in a second; PostgreSQL would have to take them all in and join them.
    """
    listed = ", ".join(names)
    duck.execute(
        f"create or replace temp table gone as select {listed} from read_parquet('{there}') except select {listed} from {relation}"
    )
    duck.execute(
        f"create or replace temp table fresh as select {listed} from {relation} except select {listed} from read_parquet('{there}')"
    )
    return "gone", "fresh"


def columns_of(con: Connection, table: str) -> list[str]:
    """The columns of a table in their order."""
    sql = "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum"
    return [str(r[0]) for r in db.rows(con, sql, [table])]


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


def _disagreements(con: Connection, duck: duckdb.DuckDBPyConnection, library: str) -> None:
    """`out.disagreement` is the state of today: what is not in it any more is closed, what is new is opened."""
    names = ["record_id", "field", "kept_value", "kept_from", "other_value", "other_from", "other_key"]
    listed = ", ".join(names)
    still = f"(select {listed} from quality.disagreement where library = '{library}' and closed_at is null) still"
    kinds, there = columns(duck, "out.disagreement"), folder(duck) / "there.parquet"
    db.copy_out(con, f"select {listed} from {still}", {n: kinds[n] for n in names}, there, duck)
    gone, fresh = _compared(duck, there, "out.disagreement", names)
    there.unlink()
    db.rows(con, f"create temp table told on commit drop as select {listed} from quality.disagreement limit 0")
    db.copy_in(con, duck, gone, "pg_temp.told", folder(duck))
    db.rows(con, "analyze told")
    same = " and ".join(f"d.{c} is not distinct from t.{c}" for c in names[1:])
    sql = f"update quality.disagreement d set closed_at = now() from told t where d.library = %s and d.closed_at is null and d.record_id = t.record_id and {same}"
    db.rows(con, sql, [library])
    db.rows(con, "delete from told")
    db.copy_in(con, duck, fresh, "pg_temp.told", folder(duck))
    db.rows(con, f"insert into quality.disagreement (library, {listed}) select %s, {listed} from told", [library])
