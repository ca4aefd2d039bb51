"""Spatial files: GeoJSON, KML, GeoPackage, zipped Shapefile with a GBK attribute table, and the DBF of older registers."""

import json
import struct
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyogrio
import shapely

from etl.demo import text
from etl.demo.formats.plain import escape_xml, file, json_objects, write_lines
from etl.demo.formats.sheets import write_archive
from etl.demo.rows import Output
from etl.demo.text import Text

GK_105E = (
    'PROJCS["CGCS2000_3_Degree_GK_CM_105E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],'
    'PARAMETER["Central_Meridian",105.0],PARAMETER["Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)
Shapes = npt.NDArray[np.object_]


def _shapes(out: Output) -> Shapes:
    assert out.geometry is not None
    return out.geometry


def geojson(crs: str = "") -> Callable[[Output], None]:
    """A FeatureCollection; crs names the reference system where the department writes one."""

    def write(out: Output) -> None:
        properties = json_objects(out.table, (), "")
        shapes = text.pool([None if g is None else shapely.to_geojson(g).replace(",", ", ").replace(":", ": ") for g in _shapes(out)])
        lines = text.join(
            '{"type": "Feature", "properties": ',
            properties,
            ', "geometry": ',
            text.where(np.array([g is not None for g in _shapes(out)]), shapes, "null"),
            "},\n",
        )
        if len(lines):
            lines = text.put(lines, [len(lines) - 1], [lines[-1].as_py()[:-2] + "\n"])
        head = {"type": "FeatureCollection", "name": out.dataset.stem} | (
            {"crs": {"type": "name", "properties": {"name": crs}}} if crs else {}
        )
        write_lines(file(out, "geojson"), lines, "utf-8", json.dumps(head)[:-1] + ', "features": [\n', "]}\n")

    return write


def kml(out: Output) -> None:
    """Placemarks with ExtendedData; points or polygons."""
    pieces: list[Text | str] = ["<Placemark><name>", escape_xml(out.table.column("name").combine_chunks()), "</name><ExtendedData>"]
    for name in out.table.column_names[1:]:
        pieces += [f'<Data name="{name}"><value>', escape_xml(out.table.column(name).combine_chunks()), "</value></Data>"]
    lines = text.join(*pieces, "</ExtendedData>", text.pool([_kml_shape(g) for g in _shapes(out)]), "</Placemark>\n")
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>应急避难场所</name>\n'
    write_lines(file(out, "kml"), lines, "utf-8", head, "</Document></kml>\n")


def _kml_shape(shape: shapely.Geometry) -> str:
    corners = " ".join(f"{x:.6f},{y:.6f},0" for x, y in shapely.get_coordinates(shape).tolist())
    if shape.geom_type == "Point":
        return f"<Point><coordinates>{corners}</coordinates></Point>"
    return f"<Polygon><outerBoundaryIs><LinearRing><coordinates>{corners}</coordinates></LinearRing></outerBoundaryIs></Polygon>"


def geopackage(out: Output) -> None:
    """One layer in EPSG:4490, dated with the delivery and not with the clock."""
    day = f"{out.date[:4]}-{out.date[4:6]}-{out.date[6:]}"
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{day}T00:00:00.000Z"})
    path = file(out, "gpkg")
    path.unlink(missing_ok=True)
    columns = [np.array(out.table.column(i).to_pylist(), dtype=object) for i in range(out.table.num_columns)]
    pyogrio.raw.write(
        path,
        shapely.to_wkb(_shapes(out)),
        columns,
        out.table.column_names,
        layer=out.dataset.stem,
        driver="GPKG",
        geometry_type="Polygon",
        crs="EPSG:4490",
        layer_options={"GEOMETRY_NAME": "geom"},
    )
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def dbf_bytes(table: pa.Table, fields: Sequence[tuple[str, str, int, int]], date: str) -> bytes:
    """dBASE III in GBK: fields are (name, C or N, width, decimals)."""
    widths = [f[2] for f in fields]
    length = 1 + sum(widths)
    year, month, day = int(date[:4]) - 1900, int(date[4:6]), int(date[6:8])
    head = struct.pack("<BBBBIHH20x", 3, year, month, day, table.num_rows, 33 + 32 * len(fields), length)
    for name, kind, width, decimals in fields:
        head += struct.pack("<11sc4xBB14x", name.encode("gbk"), kind.encode(), width, decimals)
    lines = []
    columns = [table.column(name).to_pylist() for name, *_ in fields]
    for row in zip(*columns, strict=True):
        cells = [_dbf_cell(v, kind, width) for v, (_, kind, width, _) in zip(row, fields, strict=True)]
        lines.append(b" " + b"".join(cells))
    return head + b"\r" + b"".join(lines) + b"\x1a"


def _dbf_cell(value: str | None, kind: str, width: int) -> bytes:
    raw = (value or "").encode("gbk", errors="replace")
    while len(raw) > width:
        value = (value or "")[:-1]
        raw = value.encode("gbk", errors="replace")
    return raw.rjust(width) if kind == "N" else raw.ljust(width)


def dbf(fields: Sequence[tuple[str, str, int, int]]) -> Callable[[Output], None]:
    """The attribute table alone."""

    def write(out: Output) -> None:
        file(out, "dbf").write_bytes(dbf_bytes(out.table, fields, out.date))

    return write


def shapefile(stem: str, fields: Sequence[tuple[str, str, int, int]]) -> Callable[[Output], None]:
    """Polygons of one ring, metres, in a zip with .shp, .shx, .dbf and .prj."""

    def write(out: Output) -> None:
        records, index, offset = [], [], 50
        boxes = []
        for n, shape in enumerate(_shapes(out), 1):
            ring = shapely.get_coordinates(shapely.orient_polygons(shape, exterior_cw=True))
            west, south, east, north = shape.bounds
            boxes.append((west, south, east, north))
            body = struct.pack("<i4dii i", 5, west, south, east, north, 1, len(ring), 0) + ring.astype("<f8").tobytes()
            records.append(struct.pack(">ii", n, len(body) // 2) + body)
            index.append(struct.pack(">ii", offset, len(body) // 2))
            offset += 4 + len(body) // 2
        box = np.array(boxes)
        bounds = (*box[:, :2].min(axis=0).tolist(), *box[:, 2:].max(axis=0).tolist()) if len(box) else (0.0,) * 4

        def head(words: int) -> bytes:
            return struct.pack(">i20xi", 9994, words) + struct.pack("<ii4d32x", 1000, 5, *bounds)

        members = {
            f"{stem}.dbf": dbf_bytes(out.table, fields, out.date),
            f"{stem}.prj": GK_105E.encode(),
            f"{stem}.shp": head(offset) + b"".join(records),
            f"{stem}.shx": head(50 + 4 * len(index)) + b"".join(index),
        }
        write_archive(file(out, "zip"), members, out.date)

    return write
