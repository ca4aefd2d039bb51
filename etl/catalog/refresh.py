"""Writes the catalogue: what is declared and what the database holds, compared with what stands there, only differences."""

from collections import defaultdict
from dataclasses import asdict
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from etl import db
from etl.catalog import datasets, tables
from etl.catalog.model import Resource
from etl.settings import Settings
from etl.spec import Registry
from etl.spec import catalogue as declared
from etl.spec.catalogue import Catalogue

KEPT = [
    "name",
    "classification",
    "provider",
    "provider_code",
    "abstract",
    "format",
    "share_type",
    "share_condition",
    "share_mode",
    "open",
    "open_condition",
    "update_cycle",
]
KEPT += ["published_on", "subject", "kind", "department", "basis", "updated_on"]
ITEM = ["resource_code", "name", "data_type", "length", "table_name", "column_name", "position", "description", "code_table", "readable_as"]
CODE = ["code_table", "code", "label", "title", "edition"]


def refresh(settings: Settings, registry: Registry) -> dict[str, int]:
    """Brings catalog.resource, catalog.item and catalog.code_value up to date in one transaction. Idempotent; a resource keeps its code for ever.

    Returns {"resources": n, "items": n, "written": rows inserted or changed, "deleted": rows gone}. Raises UsageError
    when schemas/catalog.yml does not cover a department, format or type, or when a table or column has no comment.
    """
    catalogue = declared.load()
    with db.transaction(settings) as con:
        db.rows(con, "lock table catalog.code in share row exclusive mode")  # two runs must not give one number twice
        found = collect(con, registry, catalogue)
        codes = _codes(con, found)
        resources = _resource_rows(found, codes)
        items = [
            (codes[r.subject], i.name, i.data_type, i.length, i.table_name, i.column_name, n, i.description, i.code_table, i.readable_as)
            for r in found
            for n, i in enumerate(r.items, 1)
        ]
        values = [(t.name, code, label, t.title, t.edition) for t in registry.codes.values() for code, label in t.codes.items()]
        written = deleted = 0
        for table, key, names, rows in (
            ("resource", ["resource_code"], ["resource_code", *KEPT, "related_codes"], resources),
            ("item", ["resource_code", "column_name"], ITEM, items),
            ("code_value", ["code_table", "code"], CODE, values),
        ):
            w, d = _write(con, table, key, names, rows)
            written, deleted = written + w, deleted + d
    return {"resources": len(resources), "items": len(items), "written": written, "deleted": deleted}


def collect(con: Connection, registry: Registry, catalogue: Catalogue) -> list[Resource]:
    """Every resource that is declared or published, in a stable order."""
    credit_codes = provider_codes(con, registry, catalogue)
    loaded = db.rows(con, "select dataset, min(delivered_on), max(delivered_on) from ops.delivery where state = 'loaded' group by dataset")
    published = db.rows(
        con, "select library, min(published_on), max(published_on) from ops.publication where state = 'published' group by library"
    )
    found = datasets.resources(registry, catalogue, credit_codes, {n: (a, b) for n, a, b in loaded})
    found += tables.resources(con, registry, catalogue, credit_codes, {n: (a, b) for n, a, b in published})
    return sorted(found, key=lambda r: (r.front, r.subject))


def provider_codes(con: Connection, registry: Registry, catalogue: Catalogue) -> dict[str, str]:
    """Department → credit code: as declared, else that of the one organ of this name in the legal entity library."""
    known = {n: d.code for n, d in registry.departments.items() if d.code}
    wanted = {d.title.removeprefix("市"): n for n, d in registry.departments.items() if n not in known}
    strip = f"^(四川省)?{catalogue.city}市"
    sql = "select regexp_replace(name, %s, ''), min(uscc) from legal_entity.entity where uscc is not null and regexp_replace(name, %s, '') = any(%s) group by 1 having count(distinct uscc) = 1"
    return known | {wanted[name]: code for name, code in db.rows(con, sql, [strip, strip, list(wanted)])}


def _codes(con: Connection, found: list[Resource]) -> dict[str, str]:
    """Subject → code. A subject keeps its number; a new one gets the next that was never given under its front code."""
    book: dict[str, tuple[str, int]] = {s: (front, n) for s, front, n in db.rows(con, "select subject, front, sequence from catalog.code")}
    last: dict[str, int] = defaultdict(int)
    for front, n in book.values():
        last[front] = max(last[front], n)
    new = []
    for r in found:
        if r.subject not in book:
            last[r.front] += 1
            book[r.subject] = (r.front, last[r.front])
            new.append((r.subject, r.front, last[r.front]))
    if new:
        with con.cursor() as c:
            execute_values(c, "insert into catalog.code (subject, front, sequence) values %s", new)
    return {r.subject: f"{book[r.subject][0]}/{book[r.subject][1]:06d}" for r in found}


def _resource_rows(found: list[Resource], codes: dict[str, str]) -> list[tuple[Any, ...]]:
    """Rows of catalog.resource; a relation is told on both sides, and one to a table stands for its parts."""
    parts: dict[str, set[str]] = defaultdict(set)
    for r in found:
        parts[r.subject.split("#")[0]].add(r.subject)
    related: dict[str, set[str]] = defaultdict(set)
    for r in found:
        for name in r.related:
            for other in ({name} if "#" in name else parts[name]) & codes.keys():
                related[r.subject].add(codes[other])
                related[other].add(codes[r.subject])
    rows = []
    for r in found:
        told = asdict(r)
        rows.append((codes[r.subject], *(told[n] for n in KEPT), sorted(related[r.subject])))
    return rows


def _write(con: Connection, table: str, key: list[str], names: list[str], rows: list[tuple[Any, ...]]) -> tuple[int, int]:
    """Makes catalog.<table> hold exactly these rows, touching only what differs. Returns rows written and deleted."""
    listed, on = ", ".join(names), " and ".join(f"t.{k} = n.{k}" for k in key)
    rest = [n for n in names if n not in key]
    with con.cursor() as c:
        c.execute(f"create temp table new_{table} (like catalog.{table}) on commit drop")
        execute_values(c, f"insert into new_{table} ({listed}) values %s", rows, page_size=1000)
        c.execute(f"delete from catalog.{table} t where not exists (select from new_{table} n where {on})")
        deleted = c.rowcount
        c.execute(
            f"insert into catalog.{table} as t ({listed}) select {listed} from new_{table} on conflict ({', '.join(key)}) do update set "
            + ", ".join(f"{n} = excluded.{n}" for n in rest)
            + f" where ({', '.join('t.' + n for n in rest)}) is distinct from ({', '.join('excluded.' + n for n in rest)})"
        )
        return c.rowcount, deleted
