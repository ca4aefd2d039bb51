"""Geometry: axes, zones, offsets of internet maps, repair (standards.md §6)."""

from typing import Any

import numpy as np
import pytest
import shapely
from cleaning import source_of

from etl.clean.geometry import read
from etl.clean.offset import to_bd09, to_gcj02, undo

LON, LAT = 105.443, 28.872
EAST, NORTH = 543218.739, 3195163.157


def _read(shape: shapely.Geometry | None, crs: str, kind: str) -> tuple[shapely.Geometry | None, str | None]:
    geom, problem = read(np.array([None if shape is None else shapely.to_wkb(shape)], dtype=object), crs, {kind})
    return (None if geom[0] is None else shapely.from_wkb(geom[0])), problem[0]


@pytest.mark.parametrize(
    ("crs", "x", "y", "problem"),
    [
        ("EPSG:4490", LON, LAT, None),
        ("EPSG:4326", LON, LAT, None),
        ("EPSG:4490", LAT, LON, "geometry_exchanged"),
        ("EPSG:4544", EAST, NORTH, None),
        ("EPSG:4544", NORTH, EAST, "geometry_exchanged"),
        ("EPSG:4523", 35_000_000 + EAST, NORTH, None),
        ("EPSG:4523", NORTH, 35_000_000 + EAST, "geometry_exchanged"),
        ("EPSG:4544", 35_000_000 + EAST, NORTH, None),
        ("EPSG:4544", LON, LAT, None),
        ("GCJ-02", 105.4465906, 28.8689611, None),
        ("BD-09", 105.4530972, 28.8749026, None),
    ],
)
def test_points_come_out_in_cgcs2000_degrees_to_a_centimetre(crs: str, x: float, y: float, problem: str | None) -> None:
    point, found = _read(shapely.Point(x, y), crs, "point")
    assert point is not None and found == problem
    assert shapely.get_srid(point) == 4490
    assert (point.x, point.y) == pytest.approx((LON, LAT), abs=1.5e-7)


@pytest.mark.parametrize("shift", [to_gcj02, to_bd09])
def test_the_offsets_of_internet_maps_are_undone_to_far_below_a_centimetre(shift: Any) -> None:
    random = np.random.default_rng(1)
    lon, lat = random.uniform(105.1, 106.5, 2000), random.uniform(27.6, 29.4, 2000)
    x, y = undo(shift, *shift(lon, lat))
    assert max(np.abs(x - lon).max(), np.abs(y - lat).max()) * 111_000 < 0.001


def test_a_bow_tie_is_repaired_and_said_so() -> None:
    shape, problem = _read(shapely.from_wkt("POLYGON((105.4 28.8,105.5 28.9,105.5 28.8,105.4 28.9,105.4 28.8))"), "EPSG:4490", "polygon")
    assert shape is not None and shape.is_valid and shape.geom_type == "MultiPolygon"
    assert problem == "geometry_repaired"


def test_of_a_collection_the_asked_kind_is_kept() -> None:
    shape, problem = _read(
        shapely.from_wkt("GEOMETRYCOLLECTION(POINT(105.4 28.8),POLYGON((105.4 28.8,105.5 28.9,105.5 28.8,105.4 28.8)))"),
        "EPSG:4490",
        "polygon",
    )
    assert shape is not None and shape.geom_type == "Polygon" and problem is None


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        (None, "geometry_missing"),
        (shapely.Point(), "geometry_missing"),
        (shapely.Point(0, 0), "geometry_missing"),
        (shapely.LineString([(105.4, 28.8), (105.5, 28.9)]), "geometry_kind"),
        (shapely.Point(116.4, 39.9), "outside_city"),
    ],
)
def test_what_is_no_geometry_of_the_city_is_empty_and_named(shape: Any, problem: str) -> None:
    assert _read(shape, "EPSG:4490", "point") == (None, problem)


def test_a_row_outside_the_city_is_refused_and_one_without_geometry_only_where_it_is_required(run: Any) -> None:
    rows = [
        {"编号": str(i), "@geometry": g}
        for i, g in enumerate([shapely.to_wkb(shapely.Point(116, 39)), None, b"not wkb", shapely.to_wkb(shapely.Point(LON, LAT))])
    ]
    delivery = {"channel": "file", "kind": "full", "format": "geojson", "crs": "EPSG:4490"}
    for required in (True, False):
        source = source_of({"编号": {"as": "n"}}, ["编号"], delivery=delivery, geometry={"kinds": ["point"], "required": required})
        got = run(source, rows)
        missing = ["bad_geometry: 列“几何”没有几何或读不出"] if required else []
        assert [r["reasons"] for r in got] == [["outside_city: 列“几何”图形不在本市范围"], missing, missing, []]
        assert [[f["problem"] for f in r["findings"]] for r in got] == [["outside_city"], ["geometry_missing"], ["geometry_missing"], []]
        assert got[3]["geom"][:5] == b"\x01\x01\x00\x00\x20", "EWKB with its SRID"
