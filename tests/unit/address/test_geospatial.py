"""The geospatial library is built from its feeds, in the shape that its migration creates."""

import re
from collections.abc import Iterator
from datetime import date

import duckdb
import pytest
import shapely

from etl.match.address import match_feed
from etl.merge import geospatial
from etl.settings import ROOT, load
from etl.spec import load as load_registry
from etl.workbench import Workbench, lay

TABLES = ("region", "address", "address_match", "place", "parcel", "building", "grid_cell")
SQUARE = shapely.to_wkb(shapely.set_srid(shapely.box(105.4, 28.8, 105.5, 28.9), 4490), include_srid=True)
POINT = shapely.to_wkb(shapely.set_srid(shapely.Point(105.4, 28.8), 4490), include_srid=True)
META = (
    "'{dataset}' dataset, '{key}' source_key, 'self' role, 1 row_number, "
    "date '2018-03-01' first_delivered_on, date '2018-03-01' delivered_on, {removed}::date removed_on"
)


def meta(dataset: str, key: str, removed: str = "null") -> str:
    return META.format(dataset=dataset, key=key, removed=removed)


@pytest.fixture()
def bench() -> Iterator[Workbench]:
    con = duckdb.connect()
    registry = load_registry()
    bench = Workbench(con, load(as_of="2018-03-01"), registry, registry.libraries["geospatial"])
    lay(bench, {}, {}, {})
    yield bench
    con.close()


def feed(bench: Workbench, name: str, *rows: str, **values: object) -> None:
    """Puts rows (SQL select lists) into a feed, the other fields empty."""
    body = " union all by name ".join(f"select {r}" for r in rows)
    bench.con.execute(f"create table feed_{name} as select * from feed.{name} union all by name ({body})", values or None)
    bench.con.execute(f"create or replace view feed.{name} as from feed_{name}")


def fed(bench: Workbench) -> duckdb.DuckDBPyConnection:
    """A small delivery of everything, matched and built."""
    plate = "'江阳区' county, '南城街道' town, '上平社区' community, '佳乐路' road, '510502001001' region_code"
    city = "'510500000000' code, '泸州市' as name, 'city' as level, $square::blob geom"
    feed(bench, "region", f"{meta('land/regions', '510500000000')}, {city}", square=SQUARE)
    feed(
        bench,
        "address",
        f"{meta('ps/plates', 'A1')}, 'A1' address_code, {plate}, '8号' as number, 105.41 longitude, 28.81 latitude",
        f"{meta('ps/plates', 'A2')}, 'A2' address_code, {plate}, '12' as number, '金科集美' estate, '9栋' building, '1单元' unit",
        f"{meta('ps/plates', 'A3', chr(39) + '2018-02-01' + chr(39))}, 'A3' address_code, {plate}, '9' as number",
    )
    feed(bench, "place", f"{meta('c/venues', '1')}, '体育馆' as name, '江阳区佳乐路8号' address, $point::blob geom", point=POINT)
    feed(
        bench,
        "grid_cell",
        f"{meta('u/grid', '510502001002001')}, '下平社区第一网格' as name, '510502001002' region_code, $square::blob geom",
        square=SQUARE,
    )
    texts = [("c/venues", "1", "address", "江阳区佳乐路8号"), ("h/records", "7", "residence", "江阳区佳乐路9号")]
    values = ", ".join(f"('{d}', '{k}', '{r}', '{t}', null::varchar)" for d, k, r, t in texts)
    bench.con.execute(
        f"create or replace view feed.address_text as select * from (values {values}) as t(dataset, source_key, role, text, hint_region)"
    )
    match_feed(bench)
    geospatial.build(bench)
    return bench.con


def columns_of_migration(table: str) -> list[str]:
    sql = (ROOT / "sql" / "migrations" / "0002_geospatial.sql").read_text(encoding="utf-8")
    found = re.search(rf"create table geospatial\.{table} \((.*?)\n\);", sql, re.DOTALL)
    assert found
    names = [line.split()[0] for line in found[1].splitlines() if line.strip()]
    return [n for n in names if n not in ("primary", "row_hash", "version_from")]


@pytest.mark.parametrize("delivered", [True, False])
def test_what_is_built_has_the_columns_of_the_published_tables(bench: Workbench, delivered: bool) -> None:
    if delivered:
        fed(bench)
    else:
        match_feed(bench)
        geospatial.build(bench)
    for table in TABLES:
        assert [r[0] for r in bench.con.execute(f"describe out.{table}").fetchall()] == columns_of_migration(table), table


def test_divisions_that_only_plates_or_grids_tell_stand_below_their_parents(bench: Workbench) -> None:
    con = fed(bench)
    assert con.execute("select code, name, level, parent_code, geom is not null from out.region order by code").fetchall() == [
        ("510500000000", "泸州市", "city", None, True),
        ("510502000000", "江阳区", "county", "510500000000", False),
        ("510502001000", "南城街道", "town", "510502000000", False),
        ("510502001001", "上平社区", "community", "510502001000", False),
        ("510502001002", "下平社区", "community", "510502001000", False),
    ]


def test_an_address_has_its_full_text_plain_numbers_and_a_point(bench: Workbench) -> None:
    con = fed(bench)
    assert con.execute("select full_address, number, building, unit, geom from out.address order by address_code").fetchall() == [
        ("四川省泸州市江阳区南城街道上平社区佳乐路8号", "8", None, None, "SRID=4490;POINT(105.4100000 28.8100000)"),
        ("四川省泸州市江阳区南城街道上平社区佳乐路12号金科集美9栋1单元", "12", "9", "1", None),
    ]


def test_a_removed_plate_is_neither_shown_nor_matched(bench: Workbench) -> None:
    con = fed(bench)
    assert con.execute("select dataset, role, address_code, level from out.address_match order by dataset").fetchall() == [
        ("c/venues", "address", "A1", "number"),
        ("h/records", "residence", None, "road"),
    ]


def test_a_place_gets_plate_and_region_through_its_address(bench: Workbench) -> None:
    con = fed(bench)
    assert con.execute("select address_code, region_code from out.place").fetchall() == [("A1", "510502001001")]


def test_areas_are_multipolygons_in_cgcs2000(bench: Workbench) -> None:
    con = fed(bench)
    for table in ("region", "grid_cell"):
        shape = shapely.from_wkb(con.execute(f"select geom from out.{table} where geom is not null").fetchall()[0][0])
        assert shape.geom_type == "MultiPolygon" and shapely.get_srid(shape) == 4490
        assert shape.equals(shapely.from_wkb(SQUARE))
    point = shapely.from_wkb(con.execute("select geom from out.place").fetchall()[0][0])
    assert (point.geom_type, shapely.get_srid(point), point.x) == ("Point", 4490, 105.4)
    assert bench.today == date(2018, 3, 1)
