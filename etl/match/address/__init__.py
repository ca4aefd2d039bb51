"""Chinese addresses: read them and find their plate in the standard address library."""

import duckdb

from etl.match.address import decide, heads, names, text
from etl.match.address import plates as library
from etl.workbench import Workbench

TABLES = (
    *("in", "part", "text", "plate", "base", "building", "unit", "road", "index", "node", "name", "path", "former", "head", "key"),
    *("reading", "hit", "best", "coarse", "numeral"),
)


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
    for table in TABLES:
        con.execute(f"drop table if exists geo_{table}")


def match_feed(bench: Workbench) -> None:
    """`feed.address_text`, `feed.address`, `feed.region`, `feed.grid_cell` → `matched.address` (as `out` above) and `matched.division`.

    matched.division (code, name, level): the divisions delivered, and the communities that grids are named after (蒋坝村第一网格).
    """
    con = bench.con
    con.execute(r"""create or replace table matched.division as
        with delivered as (select rpad(code, 12, '0') code, name, level from feed.region where removed_on is null
          and regexp_full_match(code, '[0-9]{4,12}')),
        grid as (select rpad(region_code, 12, '0') code, regexp_extract(name,
          '^(.+(?:村|社区|居委会))第?[0-9一二三四五六七八九十]*(?:号|片区)?网格$', 1) as name
          from feed.grid_cell where removed_on is null and regexp_full_match(region_code, '[0-9]{9,12}'))
        select * from delivered
        union all select code, mode(name order by name) as name, 'community' from grid where name <> '' and right(code, 3) <> '000'
          and code not in (select code from delivered) group by code""")
    con.execute("create or replace temp view geo_texts as select distinct text, hint_region from feed.address_text where trim(text) <> ''")
    con.execute("create or replace temp view geo_plates as select * from feed.address where removed_on is null")
    match(con, "geo_texts", "geo_plates", "matched.division", "matched.address")
    con.execute("drop view geo_texts; drop view geo_plates")
