"""Looking without touching: mistakes in what is declared, and deliveries that wait."""

import logging
import re

from etl import db, spec
from etl.settings import ROOT, Settings
from etl.spec.registry import nearest


def problems() -> list[str]:
    """Every mistake in schemas/, expectations/ and sql/, each with its file, key and the known alternatives."""
    from etl.spec import catalogue, suite

    registry = spec.load()
    found = [*registry.problems, *suite.problems(), *catalogue.problems(catalogue.load(), registry)]
    bare = [s for s in registry.sources.values() if not (ROOT / "expectations" / f"{s.stem}.yml").exists()]
    found += [f"schemas/sources/{s.stem}.yml：没有检查；请写 expectations/{s.stem}.yml" for s in bare]
    for library in registry.libraries.values():
        found += _beliefs(registry, library)
    found += _sql()
    return sorted(set(found))


# Statements that the parser takes as commands: their bodies are PostgreSQL's own to judge, at migration.
OPAQUE = re.compile(r"\s*(--[^\n]*\n\s*)*(do\b|comment on function|create( or replace)? function)", re.IGNORECASE)


def _sql() -> list[str]:
    """SQL that does not parse: column rules by DuckDB itself, the rest as PostgreSQL's dialect."""
    import duckdb
    import sqlglot
    from sqlglot.errors import SqlglotError

    from etl.clean import prepare

    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    found = []
    try:
        with duckdb.connect() as con:
            prepare(con)
    except duckdb.Error as e:
        found.append(f"sql/rules：{str(e).splitlines()[0]}")
    for path in sorted([*(ROOT / "sql" / "migrations").glob("*.sql"), *(ROOT / "sql" / "themes").glob("*.sql")]):
        try:
            whole = path.read_text(encoding="utf-8")
            sqlglot.tokenize(whole, read="postgres")  # quotes and comments that do not end
            for statement in re.split(r";\s*\n(?=\S)", re.sub(r"\$\$.*?\$\$", "''", whole, flags=re.DOTALL)):
                if not OPAQUE.match(statement):
                    sqlglot.parse(statement, read="postgres")
        except SqlglotError as e:
            found.append(f"{path.relative_to(ROOT)}：SQL 写法有误：{str(e).splitlines()[0]}")
    return found


def _beliefs(registry: spec.Registry, library: spec.Library) -> list[str]:
    """Datasets named in `believe` must exist, so that nobody believes a misspelt source."""
    import fnmatch

    found = []
    for name, fields in library.believe.items():
        for field, rule in fields.items():
            strange = [p for p in rule.order if not fnmatch.filter(registry.sources, p)]
            where = f"schemas/libraries/{library.name}.yml：believe.{name}.{field}.order"
            found += [f"{where}：没有数据集 {p}；{nearest(p, registry.sources)}" for p in strange]
    return found


def waiting(settings: Settings) -> list[str]:
    """Deliveries that are not complete, held or refused, one line each."""
    from etl import extract

    registry = spec.load()
    lines = [
        f"等待：{s.name} {folder.name} 还没有 _SUCCESS" for s in registry.sources.values() for folder in extract.incomplete(s, settings)
    ]
    if settings.database_url:
        try:
            open_ones = db.query(
                settings,
                "select dataset, delivery_id, state, reason from ops.delivery where state in ('held', 'rejected') order by loaded_at",
            )
        except Exception:
            return lines
        lines += [
            f"{'挂起' if state == 'held' else '拒收'}：{dataset} {delivery} {reason}" for dataset, delivery, state, reason in open_ones
        ]
    return lines
