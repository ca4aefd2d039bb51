"""Code tables as DuckDB reads them: every accepted spelling of every code."""

import duckdb
import pyarrow as pa

from etl.spec import CodeTable


def spellings(table: CodeTable) -> dict[str, str]:
    """Spelling → code: code, label, aliases; the code without its leading zero or, of one digit, with one; code and
    label together (`1男`, `男1`). A derived spelling never overrules a listed one."""
    listed = table.spellings()
    derived: dict[str, str] = {}
    for spelling, code in listed.items():
        if spelling.isdecimal():
            words = [word for word, c in listed.items() if c == code and not word.isascii()]
            derived |= {together: code for word in words for together in (f"{spelling}{word}", f"{word}{spelling}")}
    for code in table.codes:
        if code.isdecimal():
            derived[code.lstrip("0") if len(code) > 1 else f"0{code}"] = code
    return {k: v for k, v in {**derived, **listed}.items() if k}


def register(con: duckdb.DuckDBPyConnection, tables: list[CodeTable]) -> None:
    """Temporary table clean_spelling(code_table, spelling, code), spelled as `spelling_key` spells the delivered text; it may hold other tables too."""
    con.execute("create temp table if not exists clean_spelling (code_table varchar, spelling varchar, code varchar)")
    there = {r[0] for r in con.execute("select distinct code_table from clean_spelling").fetchall()}
    rows = [(t.name, s, c) for t in tables if t.name not in there for s, c in spellings(t).items()]
    if not rows:
        return
    names = ["code_table", "spelling", "code"]
    listed = pa.table({n: pa.array([r[i] for r in rows], pa.string()) for i, n in enumerate(names)})
    con.register("clean_listed", listed)
    con.execute(
        "insert into clean_spelling select code_table, key, min_by(code, length(spelling)) "
        "from (select *, spelling_key(spelling) as key from clean_listed) where key is not null group by code_table, key"
    )
    con.unregister("clean_listed")
