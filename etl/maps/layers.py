"""The layers, from the top of the map to its ground: what each reads, how it is drawn, from which scale on."""

from dataclasses import dataclass, field
from typing import Literal

Geometry = Literal["Point", "Polygon"]
Color = str  # "#rrggbb"


@dataclass(frozen=True)
class Band:
    """Values from `lower` (exclusive, but for the first) to `upper` (inclusive) in one color."""

    lower: float
    upper: float
    color: Color


@dataclass(frozen=True)
class Layer:
    """One layer. `reads` is a table, or a query in brackets, that an analyst may read; every row has a unique `key` and a `geom` of EPSG:4490.

    `categories` (value → color, label) or `bands` colour by `by`; `label` is the column written beside each feature. `from_scale`: shown
    from 1:n on inwards, None at every scale; `to_scale`: hidden from there on inwards, where it would cover what is finer. `size`: a
    marker's diameter or an outline's width, in millimetres.
    """

    name: str
    title: str
    reads: str
    key: str
    geometry: Geometry
    color: Color
    where: str = ""
    by: str = ""
    categories: dict[str, tuple[Color, str]] = field(default_factory=dict)
    bands: tuple[Band, ...] = ()
    label: str = ""
    size: float = 2.0
    fill: bool = True
    from_scale: int | None = None
    to_scale: int | None = None


RESIDENTS = (
    Band(0, 50, "#fff5eb"),
    Band(50, 200, "#fdd0a2"),
    Band(200, 1000, "#fd8d3c"),
    Band(1000, 5000, "#e6550d"),
    Band(5000, 20_000, "#a63603"),
    Band(20_000, 10_000_000, "#5a1a02"),
)
CELLS = (
    Band(0, 10, "#f7fbff"),
    Band(10, 50, "#c6dbef"),
    Band(50, 200, "#6baed6"),
    Band(200, 1000, "#2171b5"),
    Band(1000, 10_000_000, "#08306b"),
)
PLACES = "(select dataset || '|' || source_key as id, name, category, capacity, st_pointonsurface(geom)::geometry(Point, 4490) as geom from geospatial.place where dataset like '{}/%')"
LAND = (
    "(select dataset || '|' || source_key as id, name, category, left(category, 1) as class, area, plot_ratio, geom from geospatial.parcel)"
)
CELL = "(select dataset || '|' || source_key as id, name, residents, geom from masked.grid_resident)"

LAYERS = (
    Layer("shelter", "避难场所", PLACES.format("emergency"), "id", "Point", "#1a9850", label="name", size=3.4),
    Layer("station", "水文雨量测站", PLACES.format("water"), "id", "Point", "#2c7fb8", size=3.0),
    Layer("venue", "文化体育场馆", PLACES.format("culture"), "id", "Point", "#c51b8a", size=3.0),
    Layer(
        "entity",
        "单位",
        "masked.entity",
        "entity_id",
        "Point",
        "#525252",
        where="status = 'open' and geom is not null",
        by="kind",
        categories={
            "enterprise": ("#e31a1c", "企业"),
            "self_employed": ("#fdbf6f", "个体工商户"),
            "school": ("#6a3d9a", "学校"),
            "public_institution": ("#1f78b4", "机关事业单位"),
            "social_organization": ("#33a02c", "社会组织"),
            "cooperative": ("#b15928", "合作社"),
            "other": ("#969696", "其他"),
        },
        size=1.8,
        from_scale=100_000,
    ),
    Layer("address", "标准门牌", "geospatial.address", "address_code", "Point", "#737373", size=1.0, label="number", from_scale=10_000),
    Layer(
        "county", "区县界", "geospatial.region", "code", "Polygon", "#252525", where="level = 'county'", label="name", fill=False, size=0.7
    ),
    Layer(
        "town",
        "街道乡镇居住人口",
        "theme.city_activity_town",
        "town_code",
        "Polygon",
        "#fdd0a2",
        by="residents",
        bands=RESIDENTS,
        label="town",
        size=0.2,
        to_scale=100_000,
    ),
    Layer(
        "building",
        "楼栋",
        "(select dataset || '|' || source_key as id, name, category, floors, geom from geospatial.building)",
        "id",
        "Polygon",
        "#bdbdbd",
        from_scale=15_000,
        size=0.1,
    ),
    Layer(
        "parcel",
        "规划用地",
        LAND,
        "id",
        "Polygon",
        "#d9d9d9",
        by="class",
        categories={
            "R": ("#ffff99", "R 居住"),
            "A": ("#fb9a99", "A 公共管理与服务"),
            "B": ("#e31a1c", "B 商业服务业"),
            "M": ("#b15928", "M 工业"),
            "W": ("#cab2d6", "W 物流仓储"),
            "S": ("#bdbdbd", "S 道路交通"),
            "U": ("#a6cee3", "U 公用设施"),
            "G": ("#b2df8a", "G 绿地广场"),
        },
        size=0.1,
        from_scale=100_000,
    ),
    Layer("cell", "网格居住人口", CELL, "id", "Polygon", "#c6dbef", by="residents", bands=CELLS, size=0.1, from_scale=100_000),
)


def relation(layer: Layer) -> str:
    """What stands after `from` to read the layer's rows."""
    source = f"{layer.reads} as x" if layer.reads.startswith("(") else layer.reads
    return f"{source} where {layer.where}" if layer.where else source
