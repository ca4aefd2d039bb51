"""One delivery into its staging table: rows, quarantine, findings and account in one transaction."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from etl import db, migrate, store
from etl.account import Account
from etl.engine import columns, count, folder, quote
from etl.errors import DatabaseError
from etl.load.bulk import without_indexes
from etl.settings import Settings
from etl.spec import Registry, Source

FIXED = {
    "source_key": "VARCHAR",
    "row_hash": "UUID",
    "row_number": "BIGINT",
    "first_delivered_on": "DATE",
    "delivered_on": "DATE",
    "removed_on": "DATE",
}


@dataclass(frozen=True)
class Taken:
    """A delivery as it goes on the books."""

    dataset: str
    delivery_id: str
    delivered_on: date
    kind: str
    content_sha256: str
    watermark: str | None
    notes: tuple[str, ...] = ()


def instance(con: Connection) -> str:
    """Which database this is, so that caches of another are never believed; nor those of a future that a restore to a point in time undid."""
    sql = "select id::text, left(pg_walfile_name(pg_current_wal_lsn()), 8) from ops.instance"
    ((ident, timeline),) = db.rows(con, sql)
    return str(ident) if timeline == "00000001" else f"{ident}-{timeline}"


def _version(con: Connection, source: Source) -> str:
    """Names the state of a dataset's staging rows: its last applied delivery, and the columns its spec asks for."""
    applied = db.rows(con, "select coalesce(max(sequence), 0) from ops.delivery where dataset = %s and state = 'loaded'", [source.name])[0][
        0
    ]
    return str(applied)


def snapshot(settings: Settings, con: Connection, duck: duckdb.DuckDBPyConnection, registry: Registry, source: Source) -> Path:
    """The dataset's staging rows as a Parquet file: the cache of the last commit, else read back from the database."""
    kinds = {**FIXED, **{n: k for n, (k, _) in registry.outputs(source).items()}}
    shape = hashlib.sha256(json.dumps(kinds).encode()).hexdigest()[:8]
    shelf = settings.home / "cache" / instance(con) / source.name
    file = shelf / f"{_version(con, source)}-{shape}.parquet"
    if not file.exists():
        migrate.staging(con, registry, source)
        listed = ", ".join(f"encode(st_asewkb({quote(n)}), 'hex')" if k == "BLOB" else quote(n) for n, k in kinds.items())
        sql = f"select {listed} from staging.{quote(source.table)} where dataset = '{source.name}'"
        db.copy_out(con, sql, kinds, file, duck)
        store.forget(shelf, file)
    return file


def past(settings: Settings, con: Connection, duck: duckdb.DuckDBPyConnection, registry: Registry, source: Source) -> Path:
    """The replaced versions of a dataset's rows as a Parquet file (column replaced_on beside those of the snapshot)."""
    kinds = {**FIXED, **{n: k for n, (k, _) in registry.outputs(source).items()}, "replaced_on": "DATE"}
    shape = hashlib.sha256(json.dumps(kinds).encode()).hexdigest()[:8]
    shelf = settings.home / "cache" / instance(con) / "past" / source.name
    file = shelf / f"{_version(con, source)}-{shape}.parquet"
    if not file.exists():
        listed = ", ".join(f"encode(st_asewkb({quote(n)}), 'hex')" if k == "BLOB" else quote(n) for n, k in kinds.items())
        db.copy_out(
            con, f"select {listed} from staging.{quote(source.table + '__past')} where dataset = '{source.name}'", kinds, file, duck
        )
        store.forget(shelf, file)
    return file


def keep_snapshot(
    settings: Settings, con: Connection, duck: duckdb.DuckDBPyConnection, registry: Registry, source: Source, before: Path, taken: Taken
) -> None:
    """Writes the cache of the state just committed: the snapshot before, with `incoming` laid over it."""
    kinds = {**FIXED, **{n: k for n, (k, _) in registry.outputs(source).items()}}
    shape = hashlib.sha256(json.dumps(kinds).encode()).hexdigest()[:8]
    file = settings.home / "cache" / instance(con) / source.name / f"{_version(con, source)}-{shape}.parquet"
    con.commit()
    listed = ", ".join(quote(n) for n in kinds)
    part = folder(duck) / "snapshot.parquet"
    duck.execute(f"""
        copy (
            select {listed} from incoming
            union all
            select {listed.replace('"removed_on"', "case when gone.source_key is not null then date '" + str(taken.delivered_on) + "' else s.removed_on end")}
            from (select * from read_parquet('{before}') anti join incoming using (source_key)) s left join (select source_key from removed) gone using (source_key)
        ) to '{part}' (format parquet, compression zstd, compression_level 1)
    """)
    file.parent.mkdir(parents=True, exist_ok=True)
    store.take_place(part, file)
    store.forget(file.parent, file)


def changes(duck: duckdb.DuckDBPyConnection, taken: Taken, cleaned: Path, before: Path, *, vintages: bool = False) -> None:
    """DuckDB table `incoming`: the new and changed rows as the staging table holds them; with `vintages` also what was
    said again unchanged, for to repeat a figure is to release it anew."""
    taken_fates = "'new', 'changed', 'unchanged'" if vintages else "'new', 'changed'"
    duck.execute(f"""
        create or replace table incoming as
        select '{taken.dataset}' as dataset, '{taken.delivery_id}' as delivery_id,
            coalesce(s.first_delivered_on, date '{taken.delivered_on}') as first_delivered_on,
            date '{taken.delivered_on}' as delivered_on, null::date as removed_on,
            c.* exclude (findings, reasons)
        from read_parquet('{cleaned}') c
        join fate f on f.row_number = c.row_number and f.fate in ({taken_fates})
        left join (select source_key, first_delivered_on from read_parquet('{before}')) s on s.source_key = c.source_key
    """)


def candidate(con: Connection, duck: duckdb.DuckDBPyConnection, source: Source, scratch: Path) -> str:
    """Copies `incoming` into an unlogged table of the same shape; its name."""
    name = source.name.replace("/", "__")
    db.rows(con, f"drop table if exists candidate.{quote(name)}")
    db.rows(con, f"create unlogged table candidate.{quote(name)} (like staging.{quote(source.table)})")
    db.copy_in(con, duck, "incoming", f"candidate.{quote(name)}", scratch)
    db.rows(con, f"analyze candidate.{quote(name)}")
    con.commit()
    return name


def commit(
    con: Connection,
    duck: duckdb.DuckDBPyConnection,
    source: Source,
    taken: Taken,
    account: Account,
    landed: Path,
    cleaned: Path,
    scratch: Path,
    results: Callable[[Connection], None],
) -> None:
    """Applies the candidate rows, quarantine, findings and account of one delivery in one transaction."""
    table, waiting = f"staging.{quote(source.table)}", f"candidate.{quote(source.name.replace('/', '__'))}"
    with con:
        # Departments share a table (grid_residents): two first loads would each wait for the other's look at it.
        db.rows(con, "select pg_advisory_xact_lock(hashtext(%s))", [table])
        _only_once(con, taken)
        listed = [
            r[0]
            for r in db.rows(
                con, "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped", [waiting]
            )
        ]
        sets = ", ".join(f"{quote(c)} = excluded.{quote(c)}" for c in listed if c not in ("dataset", "source_key"))
        names = ", ".join(quote(c) for c in listed)
        past = f"staging.{quote(source.table + '__past')}"
        db.rows(
            con,
            f"insert into {past} ({names}, replaced_on) select {', '.join('t.' + quote(c) for c in listed)}, %s from {table} t join {waiting} w using (dataset, source_key)",
            [taken.delivered_on],
        )
        first = not db.rows(con, f"select exists (select from {table})")[0][0]
        with without_indexes(con, table):
            conflict = "" if first else f" on conflict (dataset, source_key) do update set {sets}"
            db.rows(con, f"insert into {table} ({names}) select {names} from {waiting}{conflict}")
        _keys(con, duck, taken, scratch)
        db.rows(
            con,
            f"update {table} t set removed_on = %s from spoken_key k where k.removed and t.dataset = %s and t.source_key = k.source_key",
            [taken.delivered_on, taken.dataset],
        )
        _books(con, taken, account)
        _close(con, taken)
        if account.rows_quarantined:
            quarantine(con, duck, taken, landed, scratch)
        if taken.kind == "increment":
            _overtaken(con, table, taken)
        findings(con, duck, taken, cleaned, scratch)
        results(con)
        db.rows(con, f"drop table {waiting}")


def _only_once(con: Connection, taken: Taken) -> None:
    """Stops a run whose lock's connection was cut, when another run has loaded the same delivery meanwhile."""
    sql = "select 1 from ops.delivery where dataset = %s and delivery_id = %s and state = 'loaded'"
    if db.rows(con, sql, [taken.dataset, taken.delivery_id]):
        raise DatabaseError(f"{taken.dataset} {taken.delivery_id} 已由另一次运行装载（本次运行的锁断开过）；没有重复装载，再运行一次即可")


def _keys(con: Connection, duck: duckdb.DuckDBPyConnection, taken: Taken, scratch: Path) -> None:
    """Temporary table spoken_key(source_key, rewritten, removed): the keys of which the delivery says something that has to be written down."""
    db.rows(con, "create temp table spoken_key (source_key text, rewritten boolean, removed boolean) on commit drop")
    waiting = "select exists (select from quality.finding where dataset = %s and closed_on is null) or exists (select from quality.quarantine where dataset = %s and status = 'open')"
    told = "false"
    if db.rows(con, waiting, [taken.dataset, taken.dataset])[0][0]:  # else nothing was wrong that a key could settle
        told = "fate in ('new', 'changed')" if taken.kind == "full" else "fate <> 'duplicate'"
    duck.execute(f"""
        create or replace table spoken_key as
        select source_key, bool_or(rewritten) as rewritten, bool_or(removed) as removed
        from (
            select source_key, fate in ('new', 'changed') as rewritten, false as removed from fate where {told}
            union all select source_key, true, true from removed
        ) where source_key is not null group by source_key
    """)
    if count(duck, "select count(*) from spoken_key"):
        db.copy_in(con, duck, "spoken_key", "pg_temp.spoken_key", scratch)


def _close(con: Connection, taken: Taken) -> None:
    """What this delivery mended: quarantined rows and findings whose key came again, or left a full register."""
    # The whole register came again: every earlier refusal of it is settled or said anew. A retry says anew what it tried.
    tried = "not exists (select from unnest(q.reasons) r where r like 'key_conflict%%')"
    again = {"full": "true", "replay": tried}.get(taken.kind, "false")
    # An increment that comes late says nothing of what was refused after it.
    newer = "select delivery_id from ops.delivery where dataset = %s and delivered_on > %s"
    not_newer = f"and q.delivery_id not in ({newer})" if taken.kind == "increment" else ""
    db.rows(
        con,
        "update quality.quarantine q set status = 'fixed', closed_by = %s where q.dataset = %s and q.status = 'open' "
        f"and ({again} or q.source_key in (select source_key from spoken_key)) {not_newer}",
        [taken.delivery_id, taken.dataset, *([taken.dataset, taken.delivered_on] if not_newer else [])],
    )
    db.rows(
        con,
        "update quality.finding f set closed_on = %s from spoken_key k where k.rewritten and f.dataset = %s and f.source_key = k.source_key and f.closed_on is null",
        [taken.delivered_on, taken.dataset],
    )


def _overtaken(con: Connection, table: str, taken: Taken) -> None:
    """Refusals of an increment that came late are settled where a later delivery has already spoken of the key: what it
    brought, good or refused, is what counts, and a retry must not bring back the older version."""
    db.rows(
        con,
        f"""
        with newer as (
            select t.source_key, t.delivery_id from {table} t where t.dataset = %s and t.delivered_on > %s
            union all
            select n.source_key, n.delivery_id from quality.quarantine n join ops.delivery d on d.dataset = n.dataset and d.delivery_id = n.delivery_id
            where n.dataset = %s and n.status = 'open' and d.delivered_on > %s and d.kind <> 'replay'
        )
        update quality.quarantine q set status = 'fixed', closed_by = newer.delivery_id from newer
        where q.dataset = %s and q.delivery_id = %s and q.status = 'open' and q.source_key = newer.source_key
        """,
        [*[taken.dataset, taken.delivered_on] * 2, taken.dataset, taken.delivery_id],
    )


def quarantine(con: Connection, duck: duckdb.DuckDBPyConnection, taken: Taken, landed: Path, scratch: Path) -> None:
    """The refused rows with every reason and the record as delivered."""
    shown = ", ".join(
        f"{quote(c)} := {quote(c)}"
        for c in columns(duck, f"read_parquet('{landed}')")
        if c not in ("row_number", "@geometry", "@shape", "@file", "@title")
    )
    duck.execute(f"""
        create or replace temp view refused as
        select '{taken.dataset}' as dataset, '{taken.delivery_id}' as delivery_id, f.row_number, f.source_key, f.reasons,
            replace(to_json(struct_pack({shown}))::varchar, '\\u0000', '') as record
        from fate f join read_parquet('{landed}') r on r.row_number = f.row_number
        where f.fate = 'quarantined'
    """)
    db.copy_in(con, duck, "refused", "quality.quarantine", scratch)


def findings(con: Connection, duck: duckdb.DuckDBPyConnection, taken: Taken, cleaned: Path, scratch: Path) -> None:
    """The wrong fields of rows that loaded."""
    duck.execute(f"""
        create or replace table found as
        select '{taken.dataset}' as dataset, source_key, finding."column" as column_name, finding.problem as problem, finding.value as value,
            row_number, '{taken.delivery_id}' as delivery_id, date '{taken.delivered_on}' as opened_on
        from (
            select c.source_key, c.row_number, unnest(c.findings) as finding
            from read_parquet('{cleaned}') c join fate f on f.row_number = c.row_number and f.fate in ('new', 'changed')
        )
    """)
    if count(duck, "select count(*) from found"):
        db.copy_in(con, duck, "found", "quality.finding", scratch)


def _books(con: Connection, taken: Taken, account: Account) -> None:
    values: dict[str, Any] = {**taken.__dict__, **account.as_dict(), "state": "loaded", "reason": None, "notes": list(taken.notes)}
    _upsert_delivery(con, values)


def reject(
    con: Connection,
    taken: Taken,
    state: str,
    reason: str,
    account: Account | None = None,
    beside: Callable[[Connection], None] = lambda con: None,
) -> None:
    """Books a delivery that is not applied: rejected or held, with its reason and, if counted, its rows; `beside` writes what
    belongs to the same transaction."""
    counts = account.as_dict() if account else {}
    with con:
        _upsert_delivery(con, {**taken.__dict__, **counts, "state": state, "reason": reason, "notes": list(taken.notes)})
        beside(con)
        db.rows(con, f"drop table if exists candidate.{quote(taken.dataset.replace('/', '__'))}")  # what the checks looked at


def _upsert_delivery(con: Connection, values: dict[str, Any]) -> None:
    names = list(values)
    sets = ", ".join(f"{n} = excluded.{n}" for n in names if n not in ("dataset", "delivery_id"))
    sql = f"insert into ops.delivery ({', '.join(names)}) values %s on conflict (dataset, delivery_id) do update set {sets}, loaded_at = now(), sequence = default"
    with con.cursor() as c:
        execute_values(c, sql, [tuple(values.values())])


def write_results(con: Connection, outcomes: Sequence[Any], delivery_id: str | None) -> None:
    """Check outcomes (etl.check.Outcome) into quality.result."""
    fields = (
        "target",
        "expectation",
        "dimension",
        "severity",
        "success",
        "broken",
        "checked",
        "failed",
        "because",
        "column_name",
        "definition",
    )
    if outcomes:
        with con.cursor() as c:
            execute_values(
                c,
                f"insert into quality.result ({', '.join(fields)}, delivery_id) values %s",
                [(*(getattr(o, f) for f in fields), delivery_id) for o in outcomes],
            )
