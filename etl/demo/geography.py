"""Luzhou's divisions with invented but plausible shapes: Voronoi cells around real seats, the same for every seed."""

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import MultiPoint, Point, Polygon
from shapely.ops import voronoi_diagram

from etl.demo.chance import Chance, Floats, Ints
from etl.demo.words import DATA, divisions

CITY = "510500000000"
COUNTIES = ("510502", "510503", "510504", "510521", "510522", "510524", "510525")
PARKS = {"county_510571": "510502", "county_510572": "510504"}
OLD_COUNTY_NAMES = {"510502": "市中区", "510503": "纳溪县"}


@dataclass(frozen=True)
class Communities:
    """Villages and communities that people live in. Arrays of one length."""

    code: Ints
    name: list[str]
    town: list[str]
    town_code: Ints
    county: list[str]
    county_index: Ints
    rural: npt.NDArray[np.bool_]
    lon: Floats
    lat: Floats
    weight: Floats


@dataclass(frozen=True)
class Region:
    """One polygon of land/regions, EPSG:4490."""

    code: str
    name: str
    level: str
    shape: shapely.Geometry


def _cells(points: list[tuple[float, float]], within: shapely.Geometry) -> list[shapely.Geometry]:
    """The Voronoi cell of each point, clipped."""
    if len(points) == 1:
        return [within]
    diagram = list(voronoi_diagram(MultiPoint(points), envelope=within.buffer(1)).geoms)
    tree = shapely.STRtree(diagram)
    found = tree.query([Point(p) for p in points], predicate="within")
    order = dict(zip(found[0].tolist(), found[1].tolist(), strict=True))
    return [shapely.set_precision(diagram[order[i]].intersection(within), 1e-6) for i in range(len(points))]


def _scatter(chance: Chance, shape: shapely.Geometry, n: int, margin: float) -> list[tuple[float, float]]:
    """n points in a shape, spread by taking the best of many candidates each time."""
    inner = shape.buffer(-margin)
    inner = shape.buffer(-margin / 5) if inner.is_empty else inner
    inner = shape if inner.is_empty else inner
    west, south, east, north = inner.bounds
    ids = np.arange(max(200, 120 * n))
    x = west + chance.uniform("x", ids) * (east - west)
    y = south + chance.uniform("y", ids) * (north - south)
    inside = shapely.contains_xy(inner, x, y)
    x, y = x[inside], y[inside]
    if not len(x):
        centre = shape.representative_point()
        return [(centre.x, centre.y)] * n
    chosen, distance = [0], np.hypot(x - x[0], y - y[0])
    while len(chosen) < min(n, len(x)):
        best = int(np.argmax(distance * (0.6 + 0.4 * chance.uniform(f"taste{len(chosen)}", np.arange(len(x))))))
        chosen.append(best)
        distance = np.minimum(distance, np.hypot(x - x[best], y - y[best]))
    return [(float(x[i]), float(y[i])) for i in (chosen * n)[:n]]


@cache
def _county_shapes() -> dict[str, shapely.Geometry]:
    shape = json.loads((DATA / "shape.json").read_text(encoding="utf-8"))
    outline = Polygon(shape["outline"])
    owners, points = [], []
    for county, anchors in shape["anchors"].items():
        for lon, lat in anchors:
            owners.append(county)
            points.append((lon, lat))
    cells = _cells(points, outline)
    return {c: shapely.set_precision(shapely.union_all([g for o, g in zip(owners, cells, strict=True) if o == c]), 1e-6) for c in COUNTIES}


@cache
def _towns() -> dict[str, tuple[tuple[float, float], shapely.Geometry]]:
    """9-digit town code → seat, polygon. The county seat's town is the first with a street office or the first."""
    seats = json.loads((DATA / "shape.json").read_text(encoding="utf-8"))["seats"]
    out: dict[str, tuple[tuple[float, float], shapely.Geometry]] = {}
    for county, shape in _county_shapes().items():
        codes = [c[:9] for c in divisions() if c.startswith(county) and c.endswith("000") and not c.endswith("000000")]
        points = [tuple(seats[county]), *_scatter(Chance("shape").sub(county), shape, len(codes) - 1, 0.01)]
        for code, seat, cell in zip(codes, points, _cells(points, shape), strict=True):
            out[code] = (seat, cell)
    return out


@cache
def regions() -> tuple[Region, ...]:
    """City, counties, towns: the features of land/regions."""
    names = divisions()
    counties = _county_shapes()
    city = Region(CITY, "泸州市", "city", shapely.set_precision(shapely.union_all(list(counties.values())), 1e-6))
    return (
        city,
        *(Region(f"{c}000000", names[f"{c}000000"], "county", g) for c, g in counties.items()),
        *(Region(f"{t}000", names[f"{t}000"], "town", g) for t, (_, g) in _towns().items()),
    )


@cache
def communities() -> Communities:
    """Where people live; weights sum to one."""
    names, towns = divisions(), _towns()
    share = json.loads((DATA / "shape.json").read_text(encoding="utf-8"))["share"]
    codes = [c for c in names if not c.endswith("000")]
    lon, lat = np.zeros(len(codes)), np.zeros(len(codes))
    of_town: dict[str, list[int]] = {}
    for i, c in enumerate(codes):
        of_town.setdefault(c[:9], []).append(i)
    for town, members in of_town.items():
        points = _scatter(Chance("shape").sub(town), towns[town][1], len(members), 0.006)
        lon[members], lat[members] = [p[0] for p in points], [p[1] for p in points]
    rural = np.array([c[9] == "2" for c in codes])
    county = np.array([COUNTIES.index(c[:6]) for c in codes])
    code = np.array([int(c) for c in codes])
    raw = np.exp(0.8 * Chance("shape").uniform("weight", code)) * np.where(rural, 1.0, 3.2)
    total = np.bincount(county, raw, len(COUNTIES))
    weight = raw / total[county] * np.array([share[COUNTIES[i]] for i in county])
    return Communities(
        code=code,
        name=[names[c] for c in codes],
        town=[names[f"{c[:9]}000"] for c in codes],
        town_code=code // 1000,
        county=[names[f"{c[:6]}000000"] for c in codes],
        county_index=county,
        rural=rural,
        lon=lon,
        lat=lat,
        weight=weight / weight.sum(),
    )
