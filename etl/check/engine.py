"""A suite on one PostgreSQL table or view: surveyed, scanned, and what the scan does not know left to Great Expectations."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import psycopg2
from psycopg2.extensions import connection as Connection

from etl import db, judging
from etl.check import scan, stock
from etl.check.outcome import Outcome
from etl.check.scan import Changes, Counts
from etl.engine import quote
from etl.errors import DatabaseError
from etl.settings import load
from etl.spec.suite import Claim, Suite

CANDIDATE = "candidate"
# what a published table's claims came to when it was published; the books are written in the publication's own transaction
BEFORE = """
    select r.expectation, r.definition, r.checked, r.failed from quality.result r
    where r.target = %(target)s and not r.broken and r.delivery_id is null and r.definition <> '' and r.run_at = (
        select max(x.run_at) from quality.result x join ops.publication p on p.published_at = x.run_at and p.state = 'published' and p.published_on <= %(day)s
        where x.target = %(target)s
    )
"""
# when tables were last published with their counts
TOGETHER = """
    select r.target, max(r.run_at) from quality.result r join ops.publication p on p.published_at = r.run_at and p.state = 'published'
    where r.target = any(%s) and r.delivery_id is null and p.published_on <= %s group by r.target
"""


def run(suite: Suite, target: str, database_url: str, schema: str, table: str, *, today: date | None = None) -> list[Outcome]:
    """Every claim of the suite on `schema.table` (a table or view), in the suite's order.

    today: what `{$PARAMETER: today}` stands for in a suite; the business date unless given.
    A claim that cannot be checked is `broken`, whatever the reason; an unreachable database raises DatabaseError.
    """
    with db.reused(f"check {database_url}", partial(connect, database_url)) as con:
        ground = survey(con, suite, schema, table)
        if not ground.there:
            return [stock.broken(claim, target) for claim in suite.expectations]
        if not ground.filled and not any(c.type.startswith("expect_table_") for c in suite.expectations):
            return [outcome(claim, target, (0, 0)) for claim in suite.expectations]
        day = today or load().today
        ours = [c for c in suite.expectations if known(c, ground.places, day)]
        done = {o.expectation: o for o in _scanned(con, ours, target, schema, table, ground, day)}
    rest = [c for c in suite.expectations if c.name not in done]
    if rest:
        done |= {o.expectation: o for o in stock.validate(rest, target, database_url, schema, table, ground.places, day.isoformat())}
    return [done[c.name] for c in suite.expectations]


def connect(database_url: str) -> Connection:
    """A connection of the checks' own, with room to hash a whole table; each statement commits by itself."""
    try:
        con: Connection = psycopg2.connect(database_url, **stock.SESSION)
    except psycopg2.OperationalError:
        raise DatabaseError("质量检查连不上数据库") from None
    con.autocommit = True
    return con


def known(claim: Claim, places: Mapping[str, str], day: date) -> bool:
    """Whether the scan can judge a claim."""
    return judging.by_row(claim, day) is not None or judging.whole(claim, places) is not None


def outcome(claim: Claim, target: str, counts: Counts) -> Outcome:
    """The claim as it was met; nothing judged is met."""
    checked, failed = counts
    met = checked == 0 or judging.met(claim, checked, failed)
    meant = scan.definition(claim)
    return Outcome(
        target, claim.name, claim.dimension, claim.severity, met, False, checked, failed, claim.because, claim.column, definition=meant
    )


@dataclass(frozen=True)
class Ground:
    """What stands where: the table, whether it has rows, and where the other tables are that the suite reads."""

    there: bool
    filled: bool
    places: dict[str, str]


def survey(con: Connection, suite: Suite, schema: str, table: str) -> Ground:
    """Looks around first. A table that is read beside the checked one is taken from its candidate, when a candidate is checked and
    there is one."""
    named = {str(c.kwargs["table"]) for c in suite.expectations if c.type == "expect_column_values_to_refer_to"}
    for claim in suite.expectations:
        named |= set(re.findall(r"\{(\w+\.\w+)\}", str(claim.kwargs.get("unexpected_rows_query", "")) + (claim.concerns or "")))
    if not db.rows(con, "select to_regclass(format('%%I.%%I', %s, %s)) is not null", [schema, table])[0][0]:
        return Ground(False, False, {})
    filled = bool(db.rows(con, f"select exists (select from {quote(schema)}.{quote(table)})")[0][0])
    sought = sorted(named) if schema == CANDIDATE else []
    waiting = db.rows(
        con, "select t from unnest(%s::text[]) t where to_regclass('candidate.' || replace(t, '.', '__')) is not null", [sought]
    )
    return Ground(True, filled, {t: f"{CANDIDATE}.{t.replace('.', '__')}" if (t,) in waiting else t for t in named})


def _scanned(con: Connection, claims: Sequence[Claim], target: str, schema: str, table: str, ground: Ground, day: date) -> list[Outcome]:
    """The claims that the scan knows: those about single rows on what changed where that is enough, the others on the whole."""
    counts, judged = _by_changes(con, claims, target, schema, table, ground.places, day)
    whole = [c for c in claims if c.name not in counts]
    found = scan.count(con, f"{quote(schema)}.{quote(table)}", whole, ground.places, day, judged)
    counts |= found.counts
    return [stock.broken(c, target) if c.name in found.broken else outcome(c, target, counts[c.name]) for c in claims]


def _by_changes(
    con: Connection, claims: Sequence[Claim], target: str, schema: str, table: str, places: Mapping[str, str], day: date
) -> tuple[dict[str, Counts], dict[str, int]]:
    """`scan.count_changes`; empty when the past gives no ground to stand on."""
    write, delete = f"{CANDIDATE}.{quote(table + '__write')}", f"{CANDIDATE}.{quote(table + '__delete')}"
    there = "select to_regclass(%s) is not null and to_regclass(%s) is not null"
    if schema != CANDIDATE or "/" in target or not db.rows(con, there, [write, delete])[0][0]:
        return {}, {}
    before = _standing(con, target, day)
    valid = {c.name: before[c.name, meant] for c in claims if (c.name, meant := scan.definition(c)) in before}
    everything = [valid[c.name][0] for c in claims if c.name in valid and (r := judging.by_row(c, day)) and r.judged == "true"]
    key = _key(con, delete)
    if not everything or not key:
        return {}, {}
    changes = Changes(target, write, delete, key, _beside(con, target, places, day))
    changed, size = scan.sizes(con, changes)
    if set(everything) != {size} or changed > scan.LITTLE * size:
        return {}, {}
    return scan.count_changes(con, changes, claims, valid, places, day)


def _key(con: Connection, delete: str) -> tuple[str, ...]:
    """The key columns of a candidate: all that is said of what it deletes."""
    listed = db.rows(con, "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum", [delete])
    return tuple(str(n) for (n,) in listed)


def _beside(con: Connection, target: str, places: Mapping[str, str], day: date) -> dict[str, tuple[str, tuple[str, ...]]]:
    """`Changes.beside`: of the tables that are read beside the checked one, those whose last publication was this one's too."""
    waiting = {t: p for t, p in places.items() if p.startswith(f"{CANDIDATE}.")}
    if not waiting:
        return {}
    last = dict(db.rows(con, TOGETHER, [[target, *waiting], day]))
    gone = {t: f"{CANDIDATE}.{quote(t.replace('.', '__') + '__delete')}" for t in waiting if last.get(t) and last[t] == last.get(target)}
    return {waiting[t]: (g, _key(con, g)) for t, g in gone.items()}


def _standing(con: Connection, target: str, day: date) -> dict[tuple[str, str], Counts]:
    """(claim, its definition) → counts of the published table."""
    with con.cursor() as c:
        c.execute(BEFORE, {"target": target, "day": day})
        return {(name, meant): (int(checked), int(failed)) for name, meant, checked, failed in c.fetchall()}
