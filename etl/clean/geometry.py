"""Geometry of a spatial delivery → valid EWKB in CGCS2000 longitude/latitude (EPSG:4490), vectorised over a batch of rows.

Delivered coordinates are believed only as far as their range allows: axes are exchanged back, a zone prefix in the
easting is recognised, degrees in a file declared as projected are taken as degrees.
"""

from functools import cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyproj
import shapely
from numpy.typing import NDArray

from etl.clean.offset import to_bd09, to_gcj02, undo
from etl.spec import Source

BATCH = 50_000
BOX = (104.9, 27.4, 106.8, 29.6)  # west, south, east, north of the city, generous
KINDS = {0: "point", 4: "point", 1: "line", 2: "line", 5: "line", 3: "polygon", 6: "polygon"}  # by GEOS type number
COLLECTION = 7
Shapes = NDArray[np.object_]
Flags = NDArray[np.bool_]


def standardise(con: duckdb.DuckDBPyConnection, source: Source, landing: str | None) -> None:
    """Temporary table clean_geometry(row_number, geom, problem) for the rows of a landing; empty geometry without one."""
    con.execute("create or replace temp table clean_geometry (row_number bigint, geom blob, problem varchar)")
    if landing is None or source.geometry is None:
        return
    reader = con.cursor()
    for batch in reader.sql(f'select row_number, "@geometry" from {landing}').to_arrow_reader(BATCH):
        wkb = np.array(batch.column(1).to_pylist(), dtype=object)
        geom, problem = read(wkb, source.delivery.crs or "EPSG:4490", set(source.geometry.kinds))
        done = {"row_number": batch.column(0), "geom": pa.array(geom, pa.binary()), "problem": pa.array(problem, pa.string())}
        con.register("clean_batch", pa.table(done))
        con.execute("insert into clean_geometry select * from clean_batch")
        con.unregister("clean_batch")
    reader.close()


def read(wkb: NDArray[Any], crs: str, kinds: set[str]) -> tuple[list[bytes | None], list[str | None]]:
    """WKB in `crs` → (EWKB with SRID 4490 or None, problem of schemas/rules.yml `geometry` or None), one per row."""
    shapes: Shapes = shapely.force_2d(shapely.from_wkb(wkb, on_invalid="ignore"))
    missing = is_missing(shapes)
    shapes[missing] = None
    shapes, exchanged = to_degrees(shapes, crs)
    broken = ~shapely.is_valid(shapes) & ~missing
    shapes[broken] = shapely.make_valid(shapes[broken])
    shapes = of_kinds(shapes, kinds)
    wrong = ~missing & shapely.is_missing(shapes)
    outside = is_outside(shapes)
    shapes[outside] = None
    problem = np.select(
        [missing, wrong, outside, exchanged, broken],
        ["geometry_missing", "geometry_kind", "outside_city", "geometry_exchanged", "geometry_repaired"],
        default="",
    )
    return list(shapely.to_wkb(shapely.set_srid(shapes, 4490), include_srid=True)), [str(p) or None for p in problem]


def is_missing(shapes: Shapes) -> Flags:
    """Absent, unreadable, empty, not finite, or everything at 0,0."""
    bounds = shapely.bounds(shapes)
    return np.asarray(shapely.is_missing(shapes) | shapely.is_empty(shapes) | ~np.isfinite(bounds).all(axis=1) | (bounds == 0).all(axis=1))


def to_degrees(shapes: Shapes, crs: str) -> tuple[Shapes, Flags]:
    """Shapes in longitude/latitude of CGCS2000, and which came with their axes exchanged."""
    x, y = np.nanmean(_ends(shapes), axis=2)
    projected = np.abs(y) > 1000
    # Degrees: latitude here never reaches 60, longitude never falls below 70. Metres: a northing has seven digits
    # and begins with 2–5; an easting has six, or eight with its zone.
    exchanged = np.where(projected, ~_is_northing(y) & _is_northing(x), (np.abs(x) < 60) & (y > 70) & (y < 140))
    coordinates, owner = shapely.get_coordinates(shapes, return_index=True)
    turn = exchanged[owner]
    coordinates[turn] = coordinates[turn][:, ::-1]
    metres = (np.abs(coordinates) > 1000).any(axis=1)
    if metres.any():
        coordinates[metres] = _from_metres(coordinates[metres])
    if crs in ("GCJ-02", "BD-09") and len(coordinates):
        shift = to_gcj02 if crs == "GCJ-02" else to_bd09
        coordinates = np.column_stack(undo(shift, coordinates[:, 0], coordinates[:, 1]))
    return np.asarray(shapely.set_coordinates(shapes.copy(), coordinates), dtype=object), np.asarray(exchanged, dtype=bool)


def _ends(shapes: Shapes) -> NDArray[np.float64]:
    """Least and greatest x, least and greatest y of each shape: shape (2, n, 2); 0 where there is none."""
    bounds = np.nan_to_num(shapely.bounds(shapes))
    return np.stack([bounds[:, [0, 2]], bounds[:, [1, 3]]])


def _is_northing(v: NDArray[np.float64]) -> Flags:
    return np.asarray((v > 2_000_000) & (v < 6_000_000))


def _from_metres(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gauss–Krüger easting, northing → degrees. The zone in front of an eight-digit easting says which system it is:
    25–45 three-degree (EPSG 4513 + zone − 25), 13–23 six-degree (4491 + zone − 13); without one CM 105E (4544)."""
    out = np.empty_like(points)
    zones = np.floor(points[:, 0] / 1_000_000).astype(int)
    for zone in np.unique(zones):
        rows = zones == zone
        epsg = 4513 + zone - 25 if 25 <= zone <= 45 else 4491 + zone - 13 if 13 <= zone <= 23 else 4544
        out[rows] = np.column_stack(_transformer(int(epsg)).transform(points[rows, 0], points[rows, 1]))
    return out


@cache
def _transformer(epsg: int) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(epsg, 4490, always_xy=True)


def of_kinds(shapes: Shapes, kinds: set[str]) -> Shapes:
    """Shapes of the kinds asked for; of a collection (a repaired polygon may leave lines behind) the parts that are; else None."""
    types = shapely.get_type_id(shapes)
    for i in np.flatnonzero(types == COLLECTION):
        shapes[i] = _parts_of(shapes[i], kinds)
    good = np.isin(shapely.get_type_id(shapes), [t for t, kind in KINDS.items() if kind in kinds])
    shapes[~good] = None
    return shapes


def _parts_of(collection: shapely.GeometryCollection, kinds: set[str]) -> shapely.Geometry | None:
    """The parts of the greatest dimension among `kinds`, as one shape."""
    parts = shapely.get_parts(shapely.get_parts(np.array([collection], dtype=object)))
    for kind in ("polygon", "line", "point"):
        same = [p for p in parts if KINDS.get(shapely.get_type_id(p)) == kind]
        if same and kind in kinds:
            return shapely.union_all(same)
    return None


def is_outside(shapes: Shapes) -> Flags:
    """Not wholly within the city's box."""
    west, south, east, north = shapely.bounds(shapes).T
    within = (west >= BOX[0]) & (south >= BOX[1]) & (east <= BOX[2]) & (north <= BOX[3])
    return np.asarray(~within & ~shapely.is_missing(shapes))
