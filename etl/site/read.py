"""Reads the books whole, in one consistent state of the database."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg2.extensions import connection as Connection

from etl import db
from etl.engine import quote
from etl.site import books, words
from etl.site import facts as f
from etl.site.database import Database, Table
from etl.spec import Registry

LARGE = 3_000_000  # rows above which a table's fill is judged on a sample
SAMPLE = 5  # per cent


@dataclass(frozen=True)
class Books:
    """Everything that the pages tell of runs, rows and checks."""

    deliveries: dict[str, list[f.Delivery]]
    publications: dict[str, list[f.Publication]]
    results: dict[str, list[f.History]]
    findings: dict[str, list[f.Finding]]
    finding_days: list[tuple[str, date, int, int]]
    refusals: dict[str, list[f.Refusal]]
    refused: dict[str, int]
    disputes: list[f.Dispute]
    indicators: list[f.Indicator]
    totals: tuple[int, int, int]
    claims: list[tuple[str, date, str, str, float, int]]
    kept: dict[tuple[str, str], list[tuple[date, float]]]
    stages: list[tuple[str, str, str, int, float]]
    late: list[f.Late]
    odd: dict[str, str]
    tickets: dict[str, dict[str, int]]

    def held(self) -> list[f.Delivery]:
        """Deliveries that wait for a decision."""
        return [d for each in self.deliveries.values() for d in each if d.state == "held"]


def read(con: Connection, registry: Registry, ruled: list[tuple[str, str]], today: date) -> Books:
    """The books as of `today`, of the datasets that are declared. `ruled`: (dataset, name) of every check that a column rule makes."""
    deliveries = [
        f.Delivery(n, i, day, kind, state, code, notes, dict(zip(books.COUNTS, rows, strict=True)))
        for n, i, day, kind, state, code, notes, *rows in db.rows(con, books.DELIVERIES)
        if n in registry.sources
    ]
    claims = _fetch(con, books.CLAIMS, {"targets": [t for t, _ in ruled], "claims": [c for _, c in ruled]})
    return Books(
        deliveries=_grouped(deliveries, "dataset"),
        publications=_grouped([f.Publication(*r) for r in db.rows(con, books.PUBLICATIONS)], "library"),
        results=_grouped(_histories(con), "target"),
        findings=_grouped([f.Finding(*r) for r in db.rows(con, books.FINDINGS)], "dataset"),
        finding_days=[(n, day, int(up), int(down)) for n, day, up, down in db.rows(con, books.FINDING_DAYS)],
        refusals=_grouped([_refusal(registry, *r) for r in db.rows(con, books.REFUSALS)], "dataset"),
        refused={str(n): int(k) for n, k in db.rows(con, books.REFUSED_ROWS)},
        disputes=[f.Dispute(*r) for r in db.rows(con, books.DISAGREEMENTS) if _told(registry, r[2]) and r[3] in registry.sources],
        indicators=[f.Indicator(*r) for r in db.rows(con, books.INDICATORS) if r[3] in registry.sources],
        totals=tuple(int(x) for x in db.rows(con, books.DELIVERED)[0]),  # type: ignore[arg-type]
        claims=[(n, day, d, s, float(v), int(k)) for n, day, d, s, v, k in claims],
        kept=_kept(con),
        late=[
            f.Late(n, words.DUE[due], last, expected, days)
            for n, due, last, expected, days in db.rows(con, books.LATE, [today])
            if n in registry.sources
        ],
        odd={
            n: "空的" if empty else "比往常短一半以上" if short else "与上次完全相同"
            for n, empty, short, _ in _fetch(con, books.ODD, {"today": today})
            if n in registry.sources
        },
        tickets=_tickets(con),
        stages=[(r, w, s, int(n or 0), float(t)) for r, w, s, n, t in db.rows(con, books.STAGES)],
    )


def _told(registry: Registry, source: str) -> bool:
    """Whether the site knows a side of a disagreement: a declared dataset, or a documented override."""
    return source in registry.sources or source.startswith("override/")


def _kept(con: Connection) -> dict[tuple[str, str], list[tuple[date, float]]]:
    """(scope, name) → total scores as they stood, oldest first."""
    out: dict[tuple[str, str], list[tuple[date, float]]] = defaultdict(list)
    for scope, name, day, value in db.rows(con, books.KEPT_SCORES):
        out[scope, name].append((day, float(value)))
    return dict(out)


def _tickets(con: Connection) -> dict[str, dict[str, int]]:
    """Department → state of its tickets (hints not counted) → how many."""
    out: dict[str, dict[str, int]] = defaultdict(dict)
    for department, state, n in db.rows(con, books.TICKETS):
        out[department][state] = int(n)
    return dict(out)


def _fetch(con: Connection, sql: str, named: dict[str, Any]) -> list[tuple[Any, ...]]:
    with con.cursor() as c:
        c.execute(sql, named)
        return list(c.fetchall())


def _grouped(items: list[Any], attribute: str) -> dict[str, list[Any]]:
    out: dict[str, list[Any]] = defaultdict(list)
    for item in items:
        out[getattr(item, attribute)].append(item)
    return dict(out)


def _histories(con: Connection) -> list[f.History]:
    found: dict[tuple[str, str, str], tuple[str, str, str, list[f.Result]]] = {}
    for target, name, column, dimension, severity, success, broken, checked, failed, day, because in db.rows(con, books.RESULTS):
        entry = found.setdefault((target, name, column), (dimension, severity, "" if broken else words.scrubbed(because), []))
        entry[3].append(f.Result(day, success, broken, int(checked), int(failed)))
    return [f.History(t, n, c, d, s, b, tuple(r)) for (t, n, c), (d, s, b, r) in found.items()]


def _refusal(registry: Registry, dataset: str, code: str, column: str, opened: int, closed: int) -> f.Refusal:
    """A column is named only when it is declared: anything else in quotation marks might be a value."""
    source = registry.sources.get(dataset)
    known = source is not None and column in source.columns
    return f.Refusal(dataset, code if words.SAFE_CODE.fullmatch(code) else "", column if known else "", opened, closed)


def fill(con: Connection, database: Database, registry: Registry) -> tuple[dict[str, f.Fill], dict[str, dict[str, f.Fill]]]:
    """How full the library tables are (schema.table →), and the staging tables per dataset (dataset →): one scan a table."""
    tables = {t for library in registry.libraries.values() for t in library.tables}
    whole: dict[str, f.Fill] = {}
    by_dataset: dict[str, dict[str, f.Fill]] = {}
    for table in database.tables.values():
        if table.path in tables:
            for _, counted in _counts(con, table, "''", "true"):
                whole[table.path] = counted
        elif table.schema == "staging" and not table.name.endswith("__past"):
            by_dataset[table.path] = dict(_counts(con, table, "dataset", "removed_on is null"))
    return whole, by_dataset


def _counts(con: Connection, table: Table, per: str, where: str) -> list[tuple[str, f.Fill]]:
    sampled = table.estimate > LARGE
    counted = ", ".join(f"count({quote(c.name)})" for c in table.columns)
    sample = f" tablesample system ({SAMPLE}) repeatable (1)" if sampled else ""
    sql = f"select {per}, count(*), {counted} from {quote(table.schema)}.{quote(table.name)}{sample} where {where} group by 1 order by 1"
    names = [c.name for c in table.columns]
    return [(str(key), f.Fill(int(rows), dict(zip(names, map(int, each), strict=True)), sampled)) for key, rows, *each in db.rows(con, sql)]
