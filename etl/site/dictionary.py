"""The data dictionary: schemas, tables, columns, functions, code tables, indicators; every place has a lasting address."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from etl.site import words
from etl.site.database import Column, Table
from etl.site.known import Known, Resource, table_page
from etl.site.lineage import cleaned_by, standard
from etl.site.page import Page

HERE = (("数据字典", "dictionary/index.html"),)
ORDER = (
    "population",
    "legal_entity",
    "geospatial",
    "statistics",
    "credit",
    "certificate",
    "registry",
    "theme",
    "catalog",
    "quality",
    "ops",
    "match",
    "staging",
)
ANALYSTS = 10  # rows of an example


def pages(k: Known) -> Iterator[Page]:
    """Every page of the dictionary."""
    main = [t for t in k.database.tables.values() if k.database.main(t.path) == t.path]
    schemas = sorted(k.database.schemas, key=lambda s: (ORDER.index(s) if s in ORDER else len(ORDER), s))
    listed = [(s, k.database.schemas[s], [t for t in main if t.schema == s]) for s in schemas]
    counts = {"tables": len(k.database.tables), "columns": sum(len(t.columns) for t in k.database.tables.values())}
    yield Page("dictionary/index.html", "dictionary.html.j2", "数据字典", "dictionary", {"schemas": listed, **counts})
    for table in main:
        yield _table(k, table)
    yield Page("dictionary/functions.html", "functions.html.j2", "函数", "dictionary", {"functions": k.database.functions}, HERE)
    used = _used(k)
    yield Page("dictionary/codes.html", "codes.html.j2", "代码表", "dictionary", {"codes": k.registry.codes, "used": used}, HERE)
    yield Page("dictionary/indicators.html", "indicators.html.j2", "统计指标", "dictionary", {"indicators": k.books.indicators}, HERE)


def _used(k: Known) -> dict[str, list[tuple[str, str]]]:
    """Code table → (dataset, delivered column) that uses it; one of the departments that share a form."""
    out: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for alike in k.stems.values():
        for name in alike[0].columns:
            if codes := k.codes(alike[0], name):
                out[codes].append((alike[0].name, k.delivered(alike[0], name)))
    return dict(out)


def _table(k: Known, table: Table) -> Page:
    stem = k.staging.get(table.path)
    columns = [_staged(k, stem, c) if stem else _column(k, table, c) for c in table.columns]
    past = k.database.past(table.path)
    fill = k.fills.get(table.path)
    given = {
        "table": table, "columns": columns, "past": past, "resources": _resources(k, table, stem), "example": example(table),
        "as_of": [f for f in k.database.functions if f.schema == table.schema and f.name == f"{table.name}_as_of"],
        "indexes": k.database.indexes.get(table.path, []), "reads": k.database.reads.get(table.path, []),
        "read_by": sorted(v for v, tables in k.database.reads.items() if table.path in tables), "library": k.library_of(table.path), "stem": stem,
        "filled_by": [s.name for s in k.stems[stem]] if stem else _filling(k, table), "fill": fill, "seen": k.seen.get(table.path, []),
        "questions": [q for q in k.questions if re.search(rf"\b{re.escape(table.path)}\b", q[1])],
    }  # fmt: skip
    title = f"{words.title(table.comment) or table.name}（{table.path}）"
    return Page(table_page(table.path), "table.html.j2", title, "dictionary", given, HERE)


def _filling(k: Known, table: Table) -> list[str]:
    """The datasets that fill a library table, one of those that share a form."""
    stems = dict.fromkeys(o.stem for m in k.lineage.of_table(table.path) for o in m.origins)
    return [k.stems[s][0].name for s in sorted(stems)]


def _resources(k: Known, table: Table, stem: str | None) -> list[Resource]:
    subjects = [s.name for s in k.stems[stem]] if stem else [s for s in k.resources if s == table.path or s.startswith(f"{table.path}#")]
    return [k.resources[s] for s in sorted(subjects) if s in k.resources]


def _column(k: Known, table: Table, column: Column) -> dict[str, Any]:
    path = f"{table.path}.{column.name}"
    made = k.lineage.columns.get(path)
    fill = k.fills.get(table.path)
    sources = dict.fromkeys(o.stem for o in made.origins) if made else {}
    return {
        "column": column, "path": path, "standard": standard(column.comment), "codes": k.codes_of(path, column) if made else "",
        "sources": [(k.owners(s), k.stems[s][0]) for s in sources], "how": made.how if made else "", "lineage": made is not None,
        "empty": fill.rows - fill.filled[column.name] if fill else None, "rows": fill.rows if fill else 0,
        "resources": k.items.get((table.path, column.name), []), "checks": len(k.on_column.get(path, [])), "rule": "", "delivered": "", "to": (),
    }  # fmt: skip


def _staged(k: Known, stem: str, column: Column) -> dict[str, Any]:
    """A cleaned column: the delivered one and the rule that made it, and where it goes."""
    source = k.stems[stem][0]
    delivered, rule = cleaned_by(k.registry, source).get(column.name, ("", ""))
    counted = k.staged.get(f"staging.{source.table}", {})
    rows = sum(f.rows for f in counted.values())
    path = f"staging.{source.table}.{column.name}"
    return {
        "column": column, "path": path, "standard": k.registry.rules[rule].standard if rule else "", "codes": k.codes(source, delivered), "sources": [],
        "how": "", "lineage": False, "empty": rows - sum(f.filled.get(column.name, 0) for f in counted.values()) if counted else None, "rows": rows,
        "resources": k.items.get((f"staging.{source.table}", column.name), []), "checks": 0, "rule": rule,
        "delivered": k.delivered(source, delivered) if delivered else "", "to": k.reached(stem, [column.name]),
    }  # fmt: skip


def example(table: Table) -> str:
    """A query to begin with: the key, then what says most, no geometry; the newest first where there is a date."""
    plain = [c for c in table.columns if not c.type.startswith("geometry") and c.name not in ("row_hash", "version_from")]
    chosen = sorted(plain, key=lambda c: (c.key is None, table.columns.index(c)))[:6]
    names = [c.name for c in table.columns if c in chosen]
    quoted = [n if re.fullmatch(r"[a-z_][a-z0-9_]*", n) and n != "function" else f'"{n}"' for n in names]
    if shape := next((c.name for c in table.columns if c.type.startswith("geometry")), None):
        quoted.append(f"st_astext({shape}) as {shape}")
    dated = next((c.name for c in plain if c.type in ("date", "timestamp with time zone") and c.key is None), None)
    order = f"\norder by {dated} desc nulls last" if dated else ""
    return f"select {', '.join(quoted)}\nfrom {table.schema}.{table.name}{order}\nlimit {ANALYSTS};"
