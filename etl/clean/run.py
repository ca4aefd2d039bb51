"""Cleans one landing: all of it one DuckDB query, but for the geometry."""

import re
from datetime import date
from functools import cache, partial
from pathlib import Path

import duckdb

from etl.clean import again, codes, verdict
from etl.clean.geometry import standardise
from etl.clean.query import Reading, outputs, readings, source_key, staged
from etl.engine import columns as columns_of
from etl.engine import count, quote, unplanned
from etl.settings import ROOT
from etl.spec import Registry, Source
from etl.spread import Input, Part, Work, spread_to_files

# In the order in which they build on each other.
MACROS = ("text", "citizen_id", "entity_code", "name", "date", "number", "contact", "code", "certificate", "statistics")


CALL = re.compile(r"\b(\w+)\s*\(")


@cache
def _macros() -> dict[str, tuple[str, frozenset[str]]]:
    """Macro → its statement and what that calls."""
    text = ";\n".join((ROOT / "sql" / "rules" / f"{name}.sql").read_text(encoding="utf-8") for name in MACROS)
    with duckdb.connect() as con:  # its own: the one of the module is every thread's
        statements = [s.query for s in con.extract_statements(text)] + [verdict.clip_macro()]
    named = (re.findall(r"create or replace temp macro (\w+)(.*)", s, re.DOTALL)[0] for s in statements)
    return {name: (s, frozenset(CALL.findall(body))) for s, (name, body) in zip(statements, named, strict=True)}


def _called(sql: str) -> set[str]:
    """The macros that a text calls, and those that these call."""
    macros, found = _macros(), set[str]()
    waiting = set(CALL.findall(sql)) & macros.keys()
    while waiting:
        found |= waiting
        waiting = {called for name in waiting for called in macros[name][1]} & macros.keys() - found
    return found


def prepare(con: duckdb.DuckDBPyConnection, sql: str | None = None) -> None:
    """The macros of sql/rules, as temporary macros of this connection: those that `sql` calls, else all. Each takes DuckDB a millisecond or two."""
    there = set(con.execute("select coalesce(getvariable('clean_macros'), [])").fetchall()[0][0])
    wanted = (set(_macros()) if sql is None else _called(sql)) - there
    for name, (statement, _) in _macros().items():
        if name in wanted:
            con.execute(statement)
    if wanted:
        con.execute("set variable clean_macros = ?", [sorted(wanted | there)])


def clean(
    con: duckdb.DuckDBPyConnection, registry: Registry, source: Source, rows: Path, out: Path, today: date, memo: Path | None = None
) -> Path:
    """Reads `rows` (rows.parquet of a landing) and writes `out` (cleaned.parquet); gives its path, or the pattern of
    the files that several machines wrote instead.

    `today`: the business date; nobody is born after it. `memo`: what was cleaned the last time, by the same rules
    (`again.memo`); it need not be there. Nothing of a row is lost: what cannot be read is empty
    and named in `findings`, and `reasons` is not empty where the row cannot stand.
    """

    def whole(rows: Path, out: Path) -> Path:
        work = Work("clean", partial(cleaned, registry, source, today), {"delivered_rows": Input(rows, key=None)})
        with unplanned(con, count(con, f"select count(*) from read_parquet('{rows}')")):
            return spread_to_files(con, work, out)

    known = memo if memo and memo.exists() else None
    columns = readings(source, today, frozenset(columns_of(con, f"read_parquet('{rows}')"))) if known else []
    if known and again.comparable(columns, source):
        prepare(con, "blank_trim(")
        written = again.clean_again(con, source, rows, out, known, columns, whole)
    else:
        written = whole(rows, out)
    con.execute("drop table if exists temp.clean_geometry")
    return written


def cleaned(registry: Registry, source: Source, today: date, con: duckdb.DuckDBPyConnection, part: Part) -> dict[str, str]:
    """SQL of cleaned.parquet over the view `delivered_rows`: each row by itself, so that it does not matter how many there are."""
    landing = "delivered_rows"
    present = frozenset(columns_of(con, landing))
    columns = readings(source, today, present)
    sql = select(registry, source, columns, staged(source, columns, landing, present), present)
    prepare(con, f"spelling_key( {sql}")
    codes.register(con, [registry.codes[t] for t in sorted({c.table for c in columns if c.table})])
    if source.geometry:
        standardise(con, source, landing if "@geometry" in present else None)
    return {"cleaned": sql}


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
