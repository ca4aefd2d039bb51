"""Maps: divisions, parcels, grid cells, buildings, stations, venues, shelters."""

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyproj
import shapely

from etl.demo import text
from etl.demo.chance import Chance, Floats, Ints
from etl.demo.city import City
from etl.demo.formats import spatial
from etl.demo.geography import COUNTIES, communities, regions
from etl.demo.plates import BUILDING, GROUPS
from etl.demo.rows import Dataset, Rows
from etl.demo.text import Text

LAND_USES = ("R2", "R1", "B1", "A33", "M1", "G1", "S1", "E2", "U1", "W1", "A5", "B2")
NUMERALS = tuple(g[:-1] for g in GROUPS)


@cache
def _to_metres() -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(4490, 4544, always_xy=True)


@cache
def _to_degrees() -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(4544, 4490, always_xy=True)


def _place(name: Text, lon: Floats, lat: Floats, area: Floats | None = None) -> dict[str, dict[str, pa.Array]]:
    size = np.full(len(lon), np.nan) if area is None else area
    return {"place": {"name": name, "lon": pa.array(lon), "lat": pa.array(lat), "area_m2": pa.array(size)}}


def rectangles(x: Floats, y: Floats, width: Floats, height: Floats, angle: Floats, digits: int) -> npt.NDArray[np.object_]:
    """Turned rectangles around centres, in the units of x and y."""
    corners = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1], [-1, -1]]) / 2
    dx, dy = corners[:, 0] * width[:, None], corners[:, 1] * height[:, None]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    rings = np.stack([x[:, None] + dx * cos - dy * sin, y[:, None] + dx * sin + dy * cos], axis=-1)
    return np.asarray(shapely.polygons(np.round(rings, digits)))


def land_regions(city: City) -> Rows:
    every = regions()
    n = len(every)
    columns = {
        "code": text.pool([r.code for r in every]),
        "name": text.pool([r.name for r in every]),
        "level": text.pool([r.level for r in every]),
    }
    seats = [r.shape.representative_point() for r in every]
    facts = _place(columns["name"], np.array([s.x for s in seats]), np.array([s.y for s in seats]))
    return Rows(np.arange(n), columns, facts=facts, geometry=np.array([r.shape for r in every], dtype=object))


def _somewhere(chance: Chance, ids: Ints) -> tuple[Ints, Floats, Floats]:
    """A community and a point near it."""
    w = communities()
    at = chance.choose("community", ids, w.weight)
    return at, w.lon[at] + (chance.uniform("lon", ids) - 0.5) * 0.01, w.lat[at] + (chance.uniform("lat", ids) - 0.5) * 0.01


def parcels(city: City) -> Rows:
    chance = city.chance.sub("parcels")
    count = max(int(len((city.before or city).people) * 0.01), 12)
    ids = np.arange(count)
    where, lon, lat = _somewhere(chance, ids)
    x, y = _to_metres().transform(lon, lat)
    shapes = rectangles(
        np.asarray(x),
        np.asarray(y),
        60 + 200 * chance.uniform("w", ids),
        60 + 200 * chance.uniform("h", ids),
        3 * chance.uniform("a", ids),
        3,
    )
    area = shapely.area(shapes)
    centre = shapely.centroid(shapes)
    back_lon, back_lat = _to_degrees().transform(shapely.get_x(centre), shapely.get_y(centre))
    told = np.where(chance.happens("wrong area", ids, 0.03 * city.harshness), area * 10, area)
    use = text.pick([*LAND_USES, "X9", "99"], chance.choose("use", ids, [*([1.0] * len(LAND_USES)), 0.1, 0.06]))
    use = text.where(chance.happens("changed use", ids, 0.02) & (city.day >= 2), "R2", use)
    columns = {
        "DKBH": text.join("DK", text.pick(COUNTIES, communities().county_index[where]), text.padded(ids + 1, 6)),
        "YDXZ": use,
        "MJ": text.pool([f"{v:.1f}" for v in told]),
        "RJL": text.pool([f"{v:.2f}" for v in 0.5 + 3.5 * chance.uniform("ratio", ids)]),
    }
    return Rows(ids, columns, facts=_place(use, np.asarray(back_lon), np.asarray(back_lat), area), geometry=shapes)


def grid_cells(city: City) -> Rows:
    w, chance = communities(), city.chance.sub("grid")
    count = np.where(w.rural, 1, 3)
    people = np.bincount(city.plates.community, minlength=len(w.code))
    used = np.flatnonzero(people > 0)
    where = np.repeat(used, count[used])
    number = np.arange(len(where)) - np.repeat(np.cumsum(count[used]) - count[used], count[used]) + 1
    ids = w.code[where] * 1000 + number
    west = w.lon[where] - 0.006 + (number - 1) * 0.006
    south = w.lat[where] - 0.006
    boxes = np.asarray(shapely.box(np.round(west, 5), np.round(south, 5), np.round(west + 0.006, 5), np.round(south + 0.008, 5), ccw=True))
    known = len((city.before or city).people)
    usual = text.pick(city.people.name, chance.integers("manager", ids, 0, known))
    newly = chance.happens("new manager", ids, 0.01) & (city.day >= 2)
    columns = {
        "grid_code": text.of(ids),
        "grid_name": text.join(text.pick(w.name, where), "第", text.pick(NUMERALS, number - 1), "网格"),
        "division_code": text.of(w.code[where]),
        "manager": text.where(newly, text.pick(city.people.name, chance.integers("next manager", ids, 0, known)), usual),
    }
    centre = shapely.centroid(boxes)
    return Rows(ids, columns, facts=_place(columns["grid_name"], shapely.get_x(centre), shapely.get_y(centre)), geometry=boxes)


def buildings(city: City) -> Rows:
    p, chance = city.plates, city.chance.sub("buildings")
    every = np.flatnonzero(p.level == BUILDING)
    ids = every[chance.happens("member", every, 0.93)]
    name = text.join(
        text.pick(p.estates, p.estate[ids]),
        text.of(p.building[ids]),
        "栋",
        text.where(chance.happens("renamed", ids, 0.005) & (city.day >= 2), "（新）", ""),
    )
    shapes = rectangles(p.lon[ids], p.lat[ids], 0.00028 + 0 * p.lon[ids], 0.00014 + 0 * p.lon[ids], 3 * chance.uniform("angle", ids), 7)
    columns = {
        "bldg_code": text.join("F", p.codes(ids)),
        "name": name,
        "address": text.join("泸州市", pa.compute.utf8_slice_codeunits(p.full(ids), 6, 200)),
        "floors": text.of(chance.integers("floors", ids, 5, 34)),
        "built_year": text.of(chance.integers("year", ids, 1984, 2018)),
        "use": text.pick(["住宅", "商住", "办公"], chance.choose("use", ids, [0.7, 0.2, 0.1])),
    }
    centre = shapely.centroid(shapes)
    return Rows(ids, columns, facts=_place(name, shapely.get_x(centre), shapely.get_y(centre)), geometry=shapes)


def stations(city: City) -> Rows:
    chance, ids = city.chance.sub("stations"), np.arange(14)
    where, lon, lat = _somewhere(chance, ids)
    w = communities()
    lon, lat = np.round(lon, 6), np.round(lat, 6)
    town = pa.compute.replace_substring_regex(text.pick(w.town, where), "(街道|镇|乡)$", "")
    name = text.join(town, text.pick(["水位站", "水文站", "雨量站"], ids % 3))
    columns = {
        "stcd": text.of(60_404_567 + 7 * ids),
        "stnm": name,
        "sttp": text.pick(["ZQ", "PP", "RR", "ZZ"], chance.integers("type", ids, 0, 4)),
        "addvcd": text.pick(COUNTIES, w.county_index[where]),
    }
    return Rows(ids, columns, facts=_place(name, lon, lat), geometry=np.asarray(shapely.points(lon, lat)))


def gcj02(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """WGS 84 (CGCS2000) to the public GCJ-02 formula, degrees."""
    x, y, pi = lon - 105.0, lat - 35.0, np.pi
    wave = (20 * np.sin(6 * pi * x) + 20 * np.sin(2 * pi * x)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + wave
    north += (20 * np.sin(pi * y) + 40 * np.sin(pi / 3 * y)) * 2 / 3 + (160 * np.sin(pi / 12 * y) + 320 * np.sin(pi * y / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + wave
    east += (20 * np.sin(pi * x) + 40 * np.sin(pi / 3 * x)) * 2 / 3 + (150 * np.sin(pi / 12 * x) + 300 * np.sin(pi / 30 * x)) * 2 / 3
    axis, flat, radians = 6_378_245.0, 0.00669342162296594323, np.radians(lat)
    m = 1 - flat * np.sin(radians) ** 2
    return lon + east * 180 / (axis / np.sqrt(m) * np.cos(radians) * pi), lat + north * 180 / (axis * (1 - flat) / (m * np.sqrt(m)) * pi)


def venues(city: City) -> Rows:
    chance = city.chance.sub("venues")
    ids = np.arange(max(20, len((city.before or city).people) // 2000))
    where, lon, lat = _somewhere(chance, ids)
    w = communities()
    kinds = ("图书馆", "文化站", "影剧院", "体育馆", "博物馆")
    renamed = chance.happens("renamed", ids, 0.06) & (city.day >= 1)
    name = text.join(
        text.pick(w.town, where), text.pick(kinds, chance.integers("kind", ids, 0, 5)), text.of(ids + 1), text.where(renamed, "（新）", "")
    )
    x, y = gcj02(lon, lat)
    columns = {
        "id": text.join("V", text.of(234_567 + 13 * ids)),
        "name": name,
        "type": text.pick(["文化", "体育"], chance.integers("type", ids, 0, 2)),
        "address": text.join(text.pick(w.county, where), text.pick(w.town, where), text.pick(w.name, where)),
        "tel": text.join("0830-", text.of(chance.integers("tel", ids, 2_000_000, 4_000_000))),
    }
    return Rows(ids, columns, facts=_place(name, lon, lat), geometry=np.asarray(shapely.points(np.round(x, 6), np.round(y, 6))))


def shelters(city: City) -> Rows:
    chance, ids = city.chance.sub("shelters"), np.arange(15)
    where, lon, lat = _somewhere(chance, ids)
    w = communities()
    lon, lat = np.round(lon, 6), np.round(lat, 6)
    name = text.join(text.pick(w.town, where), text.pick(w.name, where), "应急避难场所")
    held = chance.integers("capacity", ids, 300, 6000)
    capacity = text.where(chance.happens("about", ids, 0.1 * city.harshness), text.join("约", text.of(held), "人"), text.of(held))
    columns = {
        "name": name,
        "code": text.join("BN", text.pick(COUNTIES, w.county_index[where]), text.padded(ids + 1, 4)),
        "capacity": capacity,
        "area": text.of(held * 2),
    }
    points = np.asarray(shapely.points(lon, lat))
    boxes = np.asarray(shapely.box(lon - 0.0005, lat - 0.0004, lon + 0.0005, lat + 0.0004))
    return Rows(ids, columns, facts=_place(name, lon, lat), geometry=np.where(ids % 2 == 0, points, boxes))


_PARCEL_FIELDS = (("DKBH", "C", 30, 0), ("YDXZ", "C", 10, 0), ("MJ", "N", 16, 1), ("RJL", "N", 8, 2))
DATASETS = [
    Dataset(
        "land/regions", ("code",), "full", land_regions, spatial.geojson("urn:ogc:def:crs:EPSG::4490"), clean=True, ordered=True, days=(0,)
    ),
    Dataset("planning/parcels", ("DKBH",), "full", parcels, spatial.shapefile("规划用地", _PARCEL_FIELDS), "YDXZ", days=(0, 2, 6)),
    Dataset("urban_management/grid_cells", ("grid_code",), "full", grid_cells, spatial.geopackage, "manager", days=(0, 2, 6), ordered=True),
    Dataset("housing/buildings", ("bldg_code",), "full", buildings, spatial.geopackage, "use", days=(0, 2, 6), ordered=True),
    Dataset("water/stations", ("stcd",), "full", stations, spatial.geojson(), clean=True, ordered=True),
    Dataset("culture/venues", ("id",), "full", venues, spatial.geojson(), clean=True, ordered=True),
    Dataset("emergency/shelters", ("code",), "full", shelters, spatial.kml, clean=True, ordered=True),
]
