"""Cleans one landing: all of it one DuckDB query, but for the geometry."""

from datetime import date
from pathlib import Path

import duckdb

from etl.clean import codes, verdict
from etl.clean.geometry import standardise
from etl.clean.query import Reading, outputs, readings, source_key, staged
from etl.engine import columns as columns_of
from etl.engine import literal, quote
from etl.settings import ROOT
from etl.spec import Registry, Source

# In the order in which they build on each other.
MACROS = ("text", "citizen_id", "entity_code", "name", "date", "number", "contact", "code", "certificate", "statistics")


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """The macros of sql/rules, as temporary macros of this connection; once."""
    if con.execute("select getvariable('clean_macros')").fetchall() == [(True,)]:
        return
    for name in MACROS:
        con.execute((ROOT / "sql" / "rules" / f"{name}.sql").read_text(encoding="utf-8"))
    con.execute(verdict.clip_macro())
    con.execute("set variable clean_macros = true")


def clean(con: duckdb.DuckDBPyConnection, registry: Registry, source: Source, rows: Path, out: Path, today: date) -> None:
    """Reads `rows` (rows.parquet of a landing) and writes `out` (cleaned.parquet).

    `today`: the business date; nobody is born after it. Nothing of a row is lost: what cannot be read is empty
    and named in `findings`, and `reasons` is not empty where the row cannot stand.
    """
    prepare(con)
    landing = f"read_parquet({literal(str(rows))})"
    present = frozenset(columns_of(con, landing))
    columns = readings(source, today, present)
    codes.register(con, [registry.codes[t] for t in sorted({c.table for c in columns if c.table})])
    if source.geometry:
        standardise(con, source, landing if "@geometry" in present else None)
    sql = select(registry, source, columns, staged(source, columns, landing, present), present)
    con.execute(f"copy ({sql}) to {literal(str(out))} (format parquet, compression zstd, compression_level 1)")
    for name in ("clean_spelling", "clean_geometry"):
        con.execute(f"drop table if exists temp.{name}")


def select(registry: Registry, source: Source, columns: list[Reading], stages: str, present: frozenset[str]) -> str:
    """cleaned.parquet as one select over the stages."""
    cleaned = list(outputs(registry, columns))
    problems = [f"{c.sql(c.rule.problem)} as {c.name}_p" for c in columns if c.rule.problem != "null"]
    delivered = [c.name for c in columns] + [c.key_part for c in columns if c.key_part != c.name]
    whole = ["row_number", "row_hash", "rest_columns", f"{source_key(columns, source)} as source_key"]
    shaped = ["shape_found"] if "@shape" in present else []
    sql = f"select {', '.join(whole + shaped + delivered + problems + cleaned)} from ({stages})"

    flags = [f"{condition} as {quote(flag)}" for flag, (condition, _) in verdict.row_problems(columns).items()]
    sql = f"select *, {', '.join(flags)} from ({sql})" if flags else sql
    if source.geometry:
        sql = f"select s.*, g.geom, g.problem as geometry_problem from ({sql}) s left join clean_geometry g using (row_number)"

    names = [final(n, columns, source) for n in registry.outputs(source)]
    findings = verdict.findings(columns, source.geometry is not None)
    reasons = verdict.reasons(registry, source, columns, bool(shaped))
    return f"select row_number, source_key, row_hash, {', '.join(names)}, {findings} as findings, {reasons} as reasons from ({sql})"


def final(name: str, columns: list[Reading], source: Source) -> str:
    """A cleaned column as it is written: a point with its axes exchanged is put right, one outside the city is emptied."""
    if name == source.rest:
        return f"rest_columns::json as {quote(name)}"
    if name in ("longitude", "latitude") and verdict.has_point(columns):
        other = "latitude" if name == "longitude" else "longitude"
        return f'case when "coordinate_exchanged {name}" then {other} when is_{name}_here({name}) then {name} end as {name}'
    return quote(name)
