"""What is held and waits for a person (ops.hold, ops.pending), and what was decided (ops.decision). Counts and rule names only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from etl import db
from etl.errors import UsageError
from etl.settings import Settings

if TYPE_CHECKING:
    import duckdb
    from psycopg2.extensions import connection as Connection

Failed = Sequence[dict[str, Any]]  # {"check", "column", "rows", "because"}: ops.hold.failed
FIELDS = "kind, what, id, day, reason, rows_in, rows_removed, rows_quarantined, failed, held_at"
# A question on the Airflow page says that it is still there every few minutes; one that has been silent for so long is lost.
SILENT = timedelta(minutes=40)
WORDS = {"released": "放行", "discarded": "弃用"}


class AlreadyDecided(UsageError):
    """Somebody was faster."""


@dataclass(frozen=True)
class Pending:
    """One row of ops.pending: `kind` delivery or library, `what` a dataset or a library, `id` delivery_id or publication."""

    kind: str
    what: str
    id: str
    day: date
    reason: str
    rows_in: int | None
    rows_removed: int | None
    rows_quarantined: int | None
    failed: list[dict[str, Any]]
    held_at: datetime


def pending(settings: Settings, what: str | None = None) -> list[Pending]:
    """What is held now, oldest first; of one dataset or library when `what` is given."""
    found = db.query(settings, f"select {FIELDS} from ops.pending where %s is null or what = %s order by held_at, what", [what, what])
    return [Pending(**dict(zip(FIELDS.split(", "), row, strict=True))) for row in found]


def put(con: Connection, what: str, ident: str, failed: Failed) -> None:
    """Writes down why something is held, within the caller's transaction."""
    from psycopg2.extras import Json

    db.rows(
        con,
        "insert into ops.hold (what, id, failed) values (%s, %s, %s) on conflict (what, id) do update set failed = excluded.failed",
        [what, ident, Json(list(failed))],
    )


def decided(con: Connection, what: str, ident: str, decision: str, by: str, why: str, via: str) -> None:
    """Writes down a decision, within the caller's transaction; AlreadyDecided when there is one."""
    earlier(con, what, ident)
    db.rows(
        con,
        "insert into ops.decision (what, id, decision, by, why, via) values (%s, %s, %s, %s, %s, %s)",
        [what, ident, decision, by, why, via],
    )


def earlier(con: Connection, what: str, ident: str) -> None:
    """Raises AlreadyDecided, with who, when and why, if this was decided before."""
    found = db.rows(con, "select decision, by, why, at from ops.decision where what = %s and id = %s", [what, ident])
    for decision, by, why, at in found:
        raise AlreadyDecided(f"{what} {ident} 已由 {by} 于 {at:%Y-%m-%d %H:%M} {WORDS[decision]}：{why}")


def claim(settings: Settings) -> list[Pending]:
    """What is held and is not being asked about; marked as asked about from now on, so that nobody is asked twice."""
    sql = """
        insert into ops.hold (what, id, asked_at) select what, id, now() from ops.pending where asked_at is null or asked_at < now() - %s
        on conflict (what, id) do update set asked_at = now() where hold.asked_at is null or hold.asked_at < now() - %s returning what, id
    """
    claimed = {(what, ident) for what, ident in db.query(settings, sql, [SILENT, SILENT])}
    return [p for p in pending(settings) if (p.what, p.id) in claimed]


def still_asked(settings: Settings, what: str, ident: str) -> bool:
    """Whether this is still held; if so, that it is being asked about is said anew."""
    sql = "update ops.hold set asked_at = now() where what = %s and id = %s and exists (select from ops.pending p where p.what = hold.what and p.id = hold.id) returning 1"
    return bool(db.query(settings, sql, [what, ident]))


def reasons(duck: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Why the rows of the delivery in table `fate` are refused: reason and column with the number of rows, most first; no values."""
    found = duck.execute("""
        select split_part(reason, ':', 1), nullif(regexp_extract(reason, '列“([^”]*)”', 1), ''), count(*) as n
        from (select unnest(reasons) as reason from fate where fate = 'quarantined') group by 1, 2 order by n desc, 1, 2 limit 12
    """).fetchall()
    return [{"check": check, "column": column, "rows": n, "because": None} for check, column, n in found]
