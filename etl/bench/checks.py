"""The cost of the suites: ours beside Great Expectations run naively, on whole tables of the loaded city."""

from collections.abc import Mapping
from typing import Any

LARGEST = 12  # tables of each kind that are compared, by rows: the small ones only measure Great Expectations' fixed cost


def side(given: Mapping[str, Any]) -> dict[str, Any]:
    """given: url, today. Seconds of both ways over the largest staging and library tables, and the claims on which they differ (none)."""
    from datetime import date

    from etl import spec
    from etl.check.cost import compare
    from etl.spec.suite import load_suite

    registry = spec.load()
    tables = [(s.stem, s.name, "staging", s.table) for s in registry.sources.values() if "{" not in s.stem]
    stems = {t[3]: t for t in tables}  # departments that share a table share its suite
    library = {t: (t.replace(".", "/"), t, *t.split(".")) for x in registry.libraries.values() for t in x.tables}
    chosen = _largest(given["url"], [*stems.values()]) + _largest(given["url"], [*library.values()])  # type: ignore[list-item]
    costs = []
    for stem, target, schema, table in chosen:
        suite = load_suite(stem)
        if suite:
            costs.append(compare(suite, target, given["url"], schema, table, today=date.fromisoformat(given["today"])))
    return {
        "ours": sum(c.ours for c in costs),
        "naive": sum(c.naive or 0 for c in costs),
        "rows": sum(c.rows for c in costs),
        "claims": sum(c.claims for c in costs),
        "differing": [f"{c.target} {name}" for c in costs for name in c.differing],
        "tables": {c.target: [c.rows, round(c.ours, 3), round(c.naive or 0, 3)] for c in costs},
    }


def _largest(url: str, tables: list[tuple[str, str, str, str]]) -> list[tuple[str, str, str, str]]:
    """The largest of them, by PostgreSQL's own estimate of their rows."""
    import psycopg2

    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select n.nspname, c.relname, c.reltuples from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.reltuples > 0"
            )
            rows = {(schema, table): count for schema, table, count in cursor.fetchall()}
    finally:
        connection.close()
    there = [t for t in tables if (t[2], t[3]) in rows]
    return sorted(there, key=lambda t: -rows[t[2], t[3]])[:LARGEST]
