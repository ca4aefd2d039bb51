"""Pinyin of names, computed once per distinct name: homophones compare equal, and so does a name typed in pinyin."""

import duckdb
import pyarrow as pa
from pypinyin import Style, lazy_pinyin


def pinyin(con: duckdb.DuckDBPyConnection, names: str, out: str) -> None:
    """`names`: a query of one column `name` → table `out` (name, py): syllables without tone, letters kept, lower case."""
    found = con.execute(f"select distinct name from ({names}) where name is not null order by name").fetchall()
    distinct = [str(name) for (name,) in found]
    spelled = ["".join(lazy_pinyin(n, style=Style.NORMAL, errors=lambda x: x)).lower().replace(" ", "") for n in distinct]
    con.register("spelled_names", pa.table({"name": pa.array(distinct, pa.string()), "py": pa.array(spelled, pa.string())}))
    con.execute(f"create or replace table {out} as select * from spelled_names")
    con.unregister("spelled_names")
