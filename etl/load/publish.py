"""Publishing a library: write the difference as a candidate, check it, apply it in one transaction.

Analysts see the old state or the new one, never a mixture: nothing but the last step touches a published table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import duckdb
from psycopg2.extensions import connection as Connection

from etl import abreast, db
from etl.engine import columns, count, folder, quote
from etl.errors import DatabaseError
from etl.load import standing
from etl.load.bulk import without_indexes
from etl.settings import Settings
from etl.spec import Library

ADDED = ("row_hash", "version_from")  # columns that publishing itself fills


@dataclass(frozen=True)
class Change:
    """What publishing does to one table."""

    table: str
    written: int
    deleted: int


def hashed(duck: duckdb.DuckDBPyConnection, table: str) -> str:
    """The fingerprint of a row's content, as an expression over `out.<table>`."""
    kinds = columns(duck, _out(table))
    text = ", ".join(f"coalesce({'hex(' + quote(c) + ')' if k == 'BLOB' else quote(c) + '::varchar'}, '\\x01')" for c, k in kinds.items())
    return f"md5(concat_ws('\\x02', {text}))::uuid"


def _out(table: str) -> str:
    return f"out.{quote(table.split('.')[1])}"


def fingerprints(duck: duckdb.DuckDBPyConnection, table: str, key: list[str]) -> dict[str, str]:
    """DuckDB table `hash_<schema>__<table>`: keys and fingerprints of the table as it is to be; its columns' types."""
    relation = f"hash_{table.replace('.', '__')}"
    listed = ", ".join(map(quote, key))
    duck.execute(f"create or replace table {relation} as select {listed}, {hashed(duck, table)} as row_hash from {_out(table)}")
    return columns(duck, relation)


def difference(
    settings: Settings, con: Connection, duck: duckdb.DuckDBPyConnection, state: str | None, table: str, key: list[str]
) -> Change:
    """Fills candidate.<schema>__<table>__write and __delete with what differs from the published table, which a publication left in `state`."""
    name, scratch = table.replace(".", "__"), folder(duck)
    published = standing.read(settings, con, duck, state, table, fingerprints(duck, table, key))
    on = " and ".join(f"p.{quote(k)} is not distinct from c.{quote(k)}" for k in key)
    first = count(duck, f"select count(*) from read_parquet('{published}')") == 0
    listed, whole = ", ".join(map(quote, key)), _out(table)
    if not first:
        duck.execute(
            f"create or replace temp table changed as select {listed} from hash_{name} c "
            f"anti join read_parquet('{published}') p on {on} and p.row_hash = c.row_hash"
        )
        whole = f"(select c.* from {whole} c semi join changed p on {on})"
    duck.execute(
        f"create or replace view write_{name} as select *, {hashed(duck, table)} as row_hash, date '{settings.today}' as version_from from {whole}"
    )
    duck.execute(
        f"create or replace table delete_{name} as select p.* exclude (row_hash) from read_parquet('{published}') p anti join hash_{name} c on {on}"
    )
    if published.is_relative_to(scratch):
        published.unlink()
    write, delete = f"candidate.{quote(name + '__write')}", f"candidate.{quote(name + '__delete')}"
    db.rows(con, f"drop view if exists candidate.{quote(name)}; drop table if exists {write}, {delete}")
    db.rows(con, f"create unlogged table {write} (like {table} including defaults)")
    db.rows(con, f"create unlogged table {delete} as select {listed} from {table} limit 0")
    written = db.copy_in(con, duck, f"write_{name}", write, scratch)
    deleted = db.copy_in(con, duck, f"delete_{name}", delete, scratch)
    _candidate_view(con, table, name, key, empty=first)
    return Change(table, written, deleted)


def _candidate_view(con: Connection, table: str, name: str, key: list[str], *, empty: bool) -> None:
    """candidate.<schema>__<table>: the whole table as it would be, for the checks."""
    write, delete = f"candidate.{quote(name + '__write')}", f"candidate.{quote(name + '__delete')}"
    names = ", ".join(
        f"{quote(r[0])}"
        for r in db.rows(
            con,
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
            [table],
        )
    )
    keep = " and ".join(f"x.{quote(k)} = t.{quote(k)}" for k in key)
    stays = f"select {names} from {table} t where not exists (select from {write} x where {keep}) and not exists (select from {delete} x where {keep}) union all "
    db.rows(con, f"create view candidate.{quote(name)} as {'' if empty else stays}select {names} from {write}")
    for t in (write, delete):
        db.rows(con, f"analyze {t}")


def apply(con: Connection, table: str, key: list[str], *, history: bool, today: date) -> None:
    """Moves replaced and deleted versions to <table>_history, then deletes and inserts. Within the caller's transaction."""
    name = table.replace(".", "__")
    write, delete = f"candidate.{quote(name + '__write')}", f"candidate.{quote(name + '__delete')}"
    names = ", ".join(
        quote(r[0])
        for r in db.rows(
            con,
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
            [table],
        )
    )
    on = " and ".join(f"t.{quote(k)} = x.{quote(k)}" for k in key)
    listed = ", ".join(map(quote, key))
    gone = f"(select {listed} from {write} union all select {listed} from {delete})"
    fill = f"insert into {table} ({names}) select {names} from {write}"
    if db.rows(con, f"select exists (select from {table})")[0][0]:
        if history:  # a version that lived for less than a day was never anybody's past
            db.rows(
                con,
                f"insert into {table}_history ({names}, version_to) select {_prefixed(names)}, %s from {table} t join {gone} x on {on} where t.version_from < %s",
                [today, today],
            )
        db.rows(con, f"delete from {table} t using {gone} x where {on}")
        db.rows(con, fill)
        return
    with without_indexes(con, table):
        db.rows(con, fill)


def _prefixed(names: str) -> str:
    return ", ".join(f"t.{n.strip()}" for n in names.split(","))


def drop_candidates(con: Connection, library: Library) -> None:
    """Removes what the checks looked at."""
    for table in library.tables:
        name = table.replace(".", "__")
        db.rows(con, f"drop view if exists candidate.{quote(name)}")
        db.rows(con, f"drop table if exists candidate.{quote(name + '__write')}, candidate.{quote(name + '__delete')}")


def publish(
    settings: Settings,
    duck: duckdb.DuckDBPyConnection,
    library: Library,
    inputs: str,
    check: Callable[[str, str], str | None],
    also: Callable[[Connection], None] = lambda con: None,
    refused: Callable[[Connection, int | None], None] = lambda con, sequence: None,
) -> list[Change]:
    """Publishes DuckDB's `out.*` tables as the library.

    `check(table, candidate name)` runs the table's suite and returns a Chinese reason when it must be held (it is called in several threads);
    `also` writes what belongs to the same transaction (edges, members, disagreements). Returns the changes;
    an empty list means held, and the last good state stays; then `refused` writes beside the entry of that number in the
    books, None when the same candidate was held or discarded for the same reasons just before.
    """
    standing.forget(duck)
    with db.session(settings) as con:
        with con:
            before = standing.publication(con, library.name)
        changes = _differences(settings, duck, library, before)
        held = _checked(settings, library, check)
        with con:
            if held:
                refused(con, _hold(con, library, settings.today, inputs, "；".join(held)))
                drop_candidates(con, library)
                return []
            _only_after(con, library, before)
            for table, spec in library.tables.items():
                apply(con, table, spec.key, history=spec.history, today=settings.today)
            db.rows(
                con,
                "insert into ops.publication (library, published_on, inputs, state, rows_written, rows_deleted) values (%s, %s, %s, 'published', %s, %s)",
                [library.name, settings.today, inputs, sum(c.written for c in changes), sum(c.deleted for c in changes)],
            )
            also(con)
            drop_candidates(con, library)
            now = standing.publication(con, library.name)
        _keep(settings, con, duck, library, now or "")
        return changes


def _differences(settings: Settings, duck: duckdb.DuckDBPyConnection, library: Library, before: str | None) -> list[Change]:
    """The candidates of all tables, some at a time: PostgreSQL takes a core for each table that it takes in."""
    found: dict[str, Change] = {}

    def one(table: str, proceed: Callable[[], None]) -> None:
        with db.transaction(settings) as con, duck.cursor() as own:
            found[table] = difference(settings, con, own, before, table, library.tables[table].key)

    abreast.each(list(library.tables), one, abreast.places(settings, len(library.tables)))
    return [found[t] for t in library.tables]


def _checked(settings: Settings, library: Library, check: Callable[[str, str], str | None]) -> list[str]:
    """Why the candidates must be held, in the order of the tables; some are checked at a time, each on connections of its own."""
    found: dict[str, str | None] = {}

    def one(table: str, proceed: Callable[[], None]) -> None:
        found[table] = check(table, table.replace(".", "__"))

    abreast.each(list(library.tables), one, abreast.places(settings, len(library.tables)))
    return [reason for t in library.tables if (reason := found[t])]


def _only_after(con: Connection, library: Library, before: str | None) -> None:
    """Stops a run whose lock's connection was cut, when another run has published the library meanwhile: what it applies is the
    difference to another state."""
    db.rows(con, "select pg_advisory_xact_lock(hashtext(%s))", [f"publish {library.name}"])
    if standing.publication(con, library.name) != before:
        raise DatabaseError(f"{library.title}已由另一次运行发布（本次运行的锁断开过）；没有重复发布，再运行一次即可")


def _keep(settings: Settings, con: Connection, duck: duckdb.DuckDBPyConnection, library: Library, state: str) -> None:
    """What has been published, for the next publication to be compared with."""
    for table in library.tables:
        relation = f"hash_{table.replace('.', '__')}"
        standing.prepare(duck, table, relation, columns(duck, relation))
    standing.place(settings, con, duck, state)
    standing.forget(duck)


def _hold(con: Connection, library: Library, today: date, inputs: str, reason: str) -> int | None:
    """Books a candidate as held; its sequence, None when nothing has changed since it was last held or discarded."""
    last = db.rows(
        con, "select state, inputs, reason from ops.publication where library = %s order by sequence desc limit 1", [library.name]
    )
    if last in ([("held", inputs, reason)], [("discarded", inputs, reason)]):
        return None
    sql = "insert into ops.publication (library, published_on, inputs, state, reason) values (%s, %s, %s, 'held', %s) returning sequence"
    return int(db.rows(con, sql, [library.name, today, inputs, reason])[0][0])
