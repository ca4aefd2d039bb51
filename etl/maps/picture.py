"""The same layers drawn without QGIS: the city by town, and its fullest town in detail, as one PNG."""

import math
from pathlib import Path
from typing import Any

from etl import db
from etl.maps.layers import LAYERS, Layer, relation
from etl.maps.project import words
from etl.settings import Settings

DETAIL = 0.02  # degrees to each side of the fullest cell
EMPTY = "#f2f2f2"


def draw(settings: Settings, path: Path) -> Path:
    """Draws the layers with Chinese labels; `settings.database_url` may be an analyst's own. Returns the path."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams["font.family"] = ["Noto Sans CJK SC", "sans-serif"]
    figure, (whole, near) = plt.subplots(1, 2, figsize=(17, 9.5), gridspec_kw={"width_ratios": [1, 1.05]})
    for name in ("town", "county", "shelter"):
        _draw(whole, _rows(settings, _layer(name)), _layer(name))
    whole.set_title("街道乡镇居住人口与避难场所", fontsize=15)
    centre = db.query(
        settings,
        f"select st_x(c), st_y(c) from (select st_centroid(geom) as c from {relation(_layer('cell'))} order by residents desc nulls last limit 1) x",
    )
    if centre:
        x, y = centre[0]
        box = f"st_makeenvelope({x - DETAIL}, {y - DETAIL}, {x + DETAIL}, {y + DETAIL}, 4490)"
        for name in ("cell", "parcel", "building", "address", "entity", "venue", "station", "shelter"):
            _draw(near, _rows(settings, _layer(name), box), _layer(name))
        near.set_xlim(x - DETAIL, x + DETAIL)
        near.set_ylim(y - DETAIL, y + DETAIL)
    near.set_title("人口最多的网格周围：网格、用地、楼栋、单位", fontsize=15)
    for axes in (whole, near):
        axes.set_aspect(1 / math.cos(math.radians(sum(axes.get_ylim()) / 2)))  # a degree of longitude is shorter, by the latitude's cosine
        axes.tick_params(labelsize=8)
        axes.ticklabel_format(useOffset=False)
        axes.set_xlabel("经度（度）")
        axes.set_ylabel("纬度（度）")
        axes.legend(loc="best", fontsize=8, framealpha=0.9)
    figure.text(0.995, 0.005, "坐标系 CGCS2000（EPSG:4490）；小于 10 人的不显示", ha="right", fontsize=9)
    figure.tight_layout(rect=(0, 0.02, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    plt.close(figure)
    return path


def _layer(name: str) -> Layer:
    return next(x for x in LAYERS if x.name == name)


def _rows(settings: Settings, layer: Layer, box: str = "") -> Any:
    """The layer's features as a GeoDataFrame with `by` and `label`; `box` keeps those that it meets."""
    import geopandas
    import shapely

    columns = list(dict.fromkeys(c for c in (layer.by, layer.label) if c))
    condition = f"geom && {box}" if box else "geom is not null"
    listed = ", ".join([*columns, "st_asbinary(geom)"])
    found = db.query(settings, f"select {listed} from {relation(layer)} {'and' if layer.where else 'where'} {condition}")
    data = {c: [r[i] for r in found] for i, c in enumerate(columns)}
    return geopandas.GeoDataFrame(data, geometry=[shapely.from_wkb(bytes(r[-1])) for r in found], crs="EPSG:4490")


def _draw(axes: Any, rows: Any, layer: Layer) -> None:
    if not len(rows):
        return
    if layer.bands:
        values = rows[layer.by].astype("float64")
        _plot(axes, rows[values.isna()], layer, EMPTY, f"{layer.title} 不显示")
        for band in layer.bands:
            inside = (values >= band.lower if band is layer.bands[0] else values > band.lower) & (values <= band.upper)
            _plot(axes, rows[inside], layer, band.color, f"{layer.title} {words(band)}")
    elif layer.categories:
        for value, (color, label) in layer.categories.items():
            _plot(axes, rows[rows[layer.by] == value], layer, color, label)
    else:
        _plot(axes, rows, layer, layer.color, layer.title)
    if layer.label and not layer.fill:
        for name, shape in zip(rows[layer.label], rows.geometry, strict=True):
            point = shape.representative_point()
            axes.annotate(name, (point.x, point.y), ha="center", fontsize=13, weight="bold", color="#202020")


def _plot(axes: Any, rows: Any, layer: Layer, color: str, label: str) -> None:
    """One color of a layer, with its entry in the legend."""
    if not len(rows):
        return
    if layer.geometry == "Point":
        rows.plot(ax=axes, color=color, markersize=layer.size**2 * 4, edgecolor="white", linewidth=0.3, label=label, zorder=5)
        return
    rows.plot(
        ax=axes, color=color if layer.fill else "none", edgecolor="#888888" if layer.fill else color, linewidth=layer.size * 2, alpha=0.85
    )
    axes.fill(
        [], [], facecolor=color if layer.fill else "none", edgecolor=color, label=label
    )  # GeoPandas' polygons have no entry of their own
