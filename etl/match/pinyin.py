"""Pinyin of names: homophones compare equal, and so does a name typed in pinyin.

Spelt character by character, so that a city of millions costs no more than the few thousand characters of its names.
"""

import duckdb
import pyarrow as pa
from pypinyin import Style, lazy_pinyin


def pinyin(con: duckdb.DuckDBPyConnection, names: str, out: str) -> None:
    """`names`: a query of one column `name` → table `out` (name, py): syllables without tone, letters kept, lower case."""
    con.execute(f"""
        create or replace table spelt_out as
        select name, i, lower(name[i]) as character
        from (select name, unnest(range(1, length(name) + 1)) as i from (select distinct name from ({names}) where name is not null))
    """)
    found = con.execute("select distinct character from spelt_out where character <> ' '").fetchall()
    characters = [str(c) for (c,) in found]
    syllables = ["".join(lazy_pinyin(c, style=Style.NORMAL, errors=lambda x: x)).lower() for c in characters]
    con.register("spelling_of", pa.table({"character": pa.array(characters, pa.string()), "syllable": pa.array(syllables, pa.string())}))
    con.execute(f"""
        create or replace table {out} as
        select name, string_agg(syllable, '' order by i) as py from spelt_out join spelling_of using (character) group by name
    """)
    con.unregister("spelling_of")
