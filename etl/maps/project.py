"""The layers as a QGIS project (.qgz: the project's XML, zipped), reading PostGIS through a service name: no password stands in it."""

import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

from etl import db
from etl.maps.layers import LAYERS, Band, Layer
from etl.settings import Settings

VERSION = "3.22.0"
CRS = {
    "proj4": "+proj=longlat +ellps=GRS80 +no_defs",
    "srsid": "27734",  # QGIS believes `authid` only beside a number of its own table; which one, it does not compare
    "srid": "4490",
    "authid": "EPSG:4490",
    "description": "China Geodetic Coordinate System 2000",
    "projectionacronym": "longlat",
    "ellipsoidacronym": "EPSG:7024",
    "geographicflag": "true",
}
GEOMETRY = {"Point": ("Point", "0", "marker"), "Polygon": ("MultiPolygon", "2", "fill")}
Extent = tuple[float, float, float, float]  # west, south, east, north, in degrees
COUNTRY: Extent = (73.5, 18.0, 135.1, 53.6)


def ident(layer: Layer) -> str:
    """The layer's id: QGIS takes none of ten characters or fewer, and gives the layer another that its tree does not know."""
    return f"jichu_layer_{layer.name}"


def extent(settings: Settings) -> Extent:
    """Where the city lies: its divisions and a margin; the country while there are none. Raises DatabaseError."""
    sql = "select st_xmin(e), st_ymin(e), st_xmax(e), st_ymax(e) from (select st_expand(st_extent(geom)::geometry, 0.02) as e from geospatial.region) x where e is not null"
    found: list[Extent] = db.query(settings, sql)
    return found[0] if found else COUNTRY


def write(folder: Path, service: str = "jichu", shown: Extent = COUNTRY) -> Path:
    """Writes 基础库.qgz and returns its path. `service`: a section of the user's pg_service.conf with host, database and account; `shown`: where it opens."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "基础库.qgz"
    text = ET.tostring(project(service, shown), encoding="unicode")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("基础库.qgs", f"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n{text}\n")
    return path


def project(service: str, shown: Extent = COUNTRY) -> ET.Element:
    """The project's XML."""
    root = ET.Element("qgis", {"projectname": "基础库", "version": VERSION})
    _text(root, "title", "基础库")
    _crs(ET.SubElement(root, "projectCrs"))
    tree = ET.SubElement(root, "layer-tree-group")
    layers = ET.SubElement(root, "projectlayers")
    order = ET.SubElement(root, "layerorder")
    for layer in LAYERS:
        checked = "Qt::Checked" if layer.name in ("county", "town", "shelter", "entity", "cell") else "Qt::Unchecked"
        source = datasource(layer, service)
        ET.SubElement(
            tree,
            "layer-tree-layer",
            {"id": ident(layer), "name": layer.title, "providerKey": "postgres", "source": source, "checked": checked, "expanded": "0"},
        )
        _layer(layers, layer, source)
        ET.SubElement(order, "layer", {"id": ident(layer)})
    canvas = ET.SubElement(root, "mapcanvas", {"name": "theMapCanvas"})
    _text(canvas, "units", "degrees")
    bounds = dict(zip(("xmin", "ymin", "xmax", "ymax"), map(str, shown), strict=True))
    box = ET.SubElement(canvas, "extent")
    for name, value in bounds.items():
        _text(box, name, value)
    _crs(ET.SubElement(canvas, "destinationsrs"))
    views = ET.SubElement(root, "ProjectViewSettings", {"UseProjectScales": "0"})
    _crs(ET.SubElement(views, "DefaultViewExtent", bounds))
    properties = ET.SubElement(root, "properties")
    enabled = ET.SubElement(ET.SubElement(properties, "SpatialRefSys"), "ProjectionsEnabled", {"type": "int"})
    enabled.text = "1"  # without it QGIS does not read projectCrs
    return root


def datasource(layer: Layer, service: str) -> str:
    """The layer's address as QGIS writes it; a query stands where a table's name does."""
    kind = GEOMETRY[layer.geometry][0]
    table = (
        '"' + layer.reads.replace('"', '\\"') + '"' if layer.reads.startswith("(") else ".".join(f'"{x}"' for x in layer.reads.split("."))
    )
    return f"service='{service}' key='{layer.key}' estimatedmetadata=true srid=4490 type={kind} checkPrimaryKeyUnicity='0' table={table} (geom) sql={layer.where}"


def _layer(parent: ET.Element, layer: Layer, source: str) -> None:
    _, wkb, _ = GEOMETRY[layer.geometry]
    scale = {"hasScaleBasedVisibilityFlag": "0"}
    if layer.from_scale or layer.to_scale:
        farthest, nearest = layer.from_scale or 100_000_000, layer.to_scale or 0
        scale = {"hasScaleBasedVisibilityFlag": "1", "minScale": str(farthest), "maxScale": str(nearest)}
    made = ET.SubElement(
        parent,
        "maplayer",
        {
            "type": "vector",
            "geometry": layer.geometry,
            "wkbType": wkb,
            "readOnly": "1",
            "labelsEnabled": str(int(bool(layer.label))),
            **scale,
        },
    )
    for name, text in (("id", ident(layer)), ("datasource", source), ("layername", layer.title), ("provider", "postgres")):
        _text(made, name, text)
    made.find("provider").set("encoding", "UTF-8")  # type: ignore[union-attr]
    _crs(ET.SubElement(made, "srs"))
    _renderer(made, layer)
    if layer.label:
        _labels(made, layer)


def _renderer(parent: ET.Element, layer: Layer) -> None:
    if layer.bands:
        made = ET.SubElement(parent, "renderer-v2", {"type": "graduatedSymbol", "attr": layer.by, "graduatedMethod": "GraduatedColor"})
        ranges = ET.SubElement(made, "ranges")
        for i, band in enumerate(layer.bands):
            label = words(band)
            ET.SubElement(
                ranges, "range", {"lower": str(band.lower), "upper": str(band.upper), "symbol": str(i), "label": label, "render": "true"}
            )
        colors = [b.color for b in layer.bands]
    elif layer.categories:
        made = ET.SubElement(parent, "renderer-v2", {"type": "categorizedSymbol", "attr": layer.by})
        categories = ET.SubElement(made, "categories")
        for i, (value, (_, label)) in enumerate(layer.categories.items()):
            ET.SubElement(categories, "category", {"value": value, "type": "string", "symbol": str(i), "label": label, "render": "true"})
        colors = [c for c, _ in layer.categories.values()]
    else:
        made, colors = ET.SubElement(parent, "renderer-v2", {"type": "singleSymbol"}), [layer.color]
    symbols = ET.SubElement(made, "symbols")
    for i, color in enumerate(colors):
        _symbol(symbols, str(i), layer, color)


def words(band: Band) -> str:
    """How a band is called in the legend."""
    return f"{band.lower:,.0f} 以上" if band.upper >= 10_000_000 else f"{band.lower:,.0f}–{band.upper:,.0f}"


def _symbol(parent: ET.Element, name: str, layer: Layer, color: str) -> None:
    kind = GEOMETRY[layer.geometry][2]
    symbol = ET.SubElement(parent, "symbol", {"type": kind, "name": name, "alpha": "1", "clip_to_extent": "1"})
    if kind == "marker":
        options = {
            "name": "circle",
            "color": _rgb(color),
            "outline_color": "255,255,255,255",
            "outline_width": "0.2",
            "size": str(layer.size),
            "size_unit": "MM",
        }
        part = ET.SubElement(symbol, "layer", {"class": "SimpleMarker", "enabled": "1", "pass": "0", "locked": "0"})
    else:
        style = "solid" if layer.fill else "no"
        edge = "120,120,120,255" if layer.fill else _rgb(color)
        options = {
            "color": _rgb(color),
            "style": style,
            "outline_color": edge,
            "outline_style": "solid",
            "outline_width": str(layer.size),
            "outline_width_unit": "MM",
        }
        part = ET.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "pass": "0", "locked": "0"})
    told = ET.SubElement(part, "Option", {"type": "Map"})
    for key, value in options.items():
        ET.SubElement(told, "Option", {"name": key, "type": "QString", "value": value})
        ET.SubElement(part, "prop", {"k": key, "v": value})  # what versions before 3.26 read


def _labels(parent: ET.Element, layer: Layer) -> None:
    labeling = ET.SubElement(parent, "labeling", {"type": "simple"})
    settings = ET.SubElement(labeling, "settings", {"calloutType": "simple"})
    # what is left out counts as nought for QGIS: without multilineHeight a label has no height and is not drawn
    font = {"fontFamily": "Noto Sans CJK SC", "fontSize": "9" if layer.fill else "11", "fontSizeUnit": "Point", "fontWeight": "50"}
    ink = {"textColor": "40,40,40,255", "textOpacity": "1", "multilineHeight": "1", "isExpression": "0", "fontKerning": "1"}
    style = ET.SubElement(settings, "text-style", {"fieldName": layer.label} | font | ink)
    halo = {"bufferDraw": "1", "bufferSize": "0.7", "bufferSizeUnits": "MM", "bufferColor": "255,255,255,255", "bufferOpacity": "1"}
    ET.SubElement(style, "text-buffer", halo)
    ET.SubElement(settings, "placement", {"placement": "6" if layer.geometry == "Point" else "1", "priority": "5"})
    drawn = {
        "drawLabels": "1",
        "obstacle": "1",
        "obstacleFactor": "1",
        "displayAll": "0",
        "fontMinPixelSize": "3",
        "fontMaxPixelSize": "10000",
    }
    ET.SubElement(settings, "rendering", drawn)


def _crs(parent: ET.Element) -> None:
    system = ET.SubElement(parent, "spatialrefsys")
    for name, value in CRS.items():
        _text(system, name, value)


def _rgb(color: str) -> str:
    return ",".join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5)) + ",255"


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text
