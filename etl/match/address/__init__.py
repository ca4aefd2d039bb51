"""Chinese addresses: read them and find their plate in the standard address library."""

import duckdb

from etl.match.address import decide, heads, names, text
from etl.match.address import plates as library


def match(con: duckdb.DuckDBPyConnection, texts: str, plates: str, regions: str, out: str) -> None:
    """Creates the table `out`: one answer for each row of `texts`.

    texts (text, hint_region): distinct texts; the hint is a 6, 9, 12 or 15 digit division or grid code of a structured column, or NULL;
    plates (address_code, county, town, community, road, number, estate, building, unit, region_code, longitude, latitude);
    regions (code, name, level): 12-digit divisions, as far as they are delivered.
    out (text, hint_region, address_code, region_code, level, score, runner_up): address_code only at level unit, building or number.
    """
    text.read(con, texts)
    library.build(con, plates)
    names.build(con, plates, regions)
    heads.read(con)
    decide.answer(con, out)
    for table in ("in", "part", "text", "plate", "base", "building", "unit", "road", "index", "node", "name", "path", "former", "head", "key",
                  "reading", "hit", "best", "coarse", "numeral"):  # fmt: skip
        con.execute(f"drop table if exists geo_{table}")
