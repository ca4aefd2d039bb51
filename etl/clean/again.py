"""A register that comes again: what a row was cleaned to the last time it is again, as long as row and rules are the same.

Cleaning looks at each row by itself, so its results can be kept: a full register of a million rows of which a hundredth changed is
cleaned in that hundredth. The memo is only a memo: without it everything is cleaned, to the same result.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import duckdb

from etl import store
from etl.clean.query import Reading, content, source_key
from etl.clean.rules import rule_of
from etl.engine import count, folder, literal, quote
from etl.settings import ROOT, Settings
from etl.spec import Registry, Source

Clean = Callable[[Path, Path], Path]
OF_TODAY = ("id_date", "future_date")  # problems that may be none tomorrow
NOT_YET = "bad_date"  # what refuses a row for a required date that lies ahead


def memo(settings: Settings, registry: Registry, source: Source) -> Path:
    """Where the last full delivery of a source lies as it was cleaned; another place when anything changes that decides how."""
    tables = sorted({t for c in source.columns.values() if (t := c.codes if (rule := rule_of("", c)).lookup == "@" else rule.lookup)})
    told = [_code(), source.name, source.model_dump_json(), *(registry.codes[t].model_dump_json() for t in tables)]
    version = hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
    return settings.home / "cache" / "cleaned" / source.name / f"{version}.parquet"


def remember(cleaned: Path, place: Path) -> None:
    """Keeps what was cleaned besides where it stands. What several machines wrote is not kept."""
    if not cleaned.is_file():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    for old in place.parent.glob("*.parquet"):
        old.unlink(missing_ok=True)
    try:
        os.link(cleaned, place)
    except OSError:  # another file system
        with store.write_atomically(place) as beside:
            shutil.copyfile(cleaned, beside)


@cache
def _code() -> str:
    """What is the same of all sources: rules, macros, and this package."""
    digest = hashlib.sha256()
    for path in [
        ROOT / "schemas" / "rules.yml",
        *sorted((ROOT / "sql" / "rules").glob("*.sql")),
        *sorted((ROOT / "etl" / "clean").glob("*.py")),
    ]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def comparable(columns: list[Reading], source: Source) -> bool:
    """Whether the delivered columns alone tell fingerprint and key, and a running number is kept as it came."""
    told = not any(c.of_context or (c.in_key and c.key_part != c.name) for c in columns)
    return told and all(c.column.rule == "text" for c in columns if c.delivered in source.running_number)


def clean_again(
    con: duckdb.DuckDBPyConnection, source: Source, rows: Path, out: Path, before: Path, columns: list[Reading], clean: Clean
) -> Path:
    """Writes `out` as `clean(rows, out)` would, with what `before` remembers. The macro `blank_trim` is there."""
    landing, present = f"read_parquet({literal(str(rows))})", columns[0].present
    _recall(con, source, landing, before, columns)
    known, delivered = count(con, "select count(*) from recalled"), count(con, f"select count(*) from {landing}")
    if not known:
        return clean(rows, out)
    parts = [
        f"select m.* replace (r.row_number as row_number) from recalled r join read_parquet({literal(str(before))}) m on m.row_number = r.remembered"
    ]
    if known < delivered:
        unknown = folder(con) / "unknown.parquet"
        listed = ", ".join(quote(n) for n in ["row_number", *sorted(present - {"row_number"})])
        rest = f"select {listed} from {landing} where row_number not in (select row_number from recalled)"
        con.execute(f"copy ({rest}) to {literal(str(unknown))} (format parquet)")
        cleaned = clean(unknown, folder(con) / "unknown_cleaned.parquet")
        parts.insert(0, f"select * from read_parquet({literal(str(cleaned))}, hive_partitioning = false)")
    con.execute(f"copy ({' union all '.join(parts)}) to {literal(str(out))} (format parquet, compression zstd, compression_level 1)")
    con.execute("drop table recalled")
    return out


def _recall(con: duckdb.DuckDBPyConnection, source: Source, landing: str, before: Path, columns: list[Reading]) -> None:
    """Temporary table `recalled` (row_number, remembered): rows of the landing that came before with the same key and content, and as which."""
    present = columns[0].present
    told = [c for c in columns if c.in_key or c.delivered in source.running_number]
    texts = ", ".join(f"{c.source} as {c.name}" for c in told)
    misshapen = 'where "@shape" is null' if "@shape" in present else ""
    alike = "".join(f" and m.{quote(c.column.as_)} is not distinct from d.{c.name}" for c in told if c.delivered in source.running_number)
    ahead = any("{today}" in c.rule.problem and c.column.required for c in columns)
    refused = (
        f" and (len(m.reasons) = 0 or not list_bool_or(list_transform(m.reasons, lambda r: starts_with(r, '{NOT_YET}:'))))" if ahead else ""
    )
    con.execute(f"""
        create or replace temp table recalled as
        with delivered as (
            select *, {source_key(columns, source)} as source_key
            from (select row_number, {content(source, columns, present)} as row_hash, {texts} from {landing} {misshapen})
        )
        select d.row_number, m.row_number as remembered
        from delivered d join read_parquet({literal(str(before))}) m on m.row_hash = d.row_hash and m.source_key is not distinct from d.source_key{alike}
        where (len(m.findings) = 0 or not list_has_any(list_transform(m.findings, lambda f: f.problem), {list(OF_TODAY)})){refused}
    """)
    con.execute("""
        delete from recalled using (select row_number, min(remembered) as first from recalled group by row_number having count(*) > 1) twice
        where recalled.row_number = twice.row_number and recalled.remembered > twice.first
    """)
