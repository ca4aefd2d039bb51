"""The fixture: a handful of rows in the delivered format, with fictitious values (etl.propose.fictitious)."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import duckdb
import pyarrow as pa
import pyogrio
import shapely

from etl.clean.offset import to_bd09, to_gcj02
from etl.demo.formats.sheets import Sheet, letters, write_archive, write_workbook
from etl.demo.formats.spatial import dbf_bytes
from etl.engine import quote
from etl.propose.fictitious import Mask
from etl.propose.sample import OWN
from etl.spec import Source

SUFFIX = {"csv": ".csv", "text": ".txt", "xlsx": ".xlsx", "json": ".json", "xml": ".xml", "dbf": ".dbf", "geojson": ".geojson",
          "shapefile": ".zip", "geopackage": ".gpkg", "kml": ".kml"}  # fmt: skip
CLEAN, FOUND, REFUSED = 3, 2, 3  # rows of each fate, at most
DATE = "20180301"
Row = dict[str, str | None]


def rows(con: duckdb.DuckDBPyConnection, source: Source, mask: Mask) -> tuple[list[Row], list[Row], list[str | None]]:
    """Rows by fictitious values in delivered order, their context (@sheet, @title), their kind of geometry (None: none)."""
    shown = con.execute("describe select * from delivered").fetchall()
    delivered = [r[0] for r in shown]
    names = [n for n in delivered if n not in OWN]
    context = [n for n in ("@sheet", "@title") if n in delivered]
    shapes = ', "@geometry" as shape' if "@geometry" in delivered else ", null as shape"
    cleaned = [r[0] for r in con.execute("describe select * from cleaned").fetchall() if r[0] not in ("geom",)]
    picked = con.execute(f"""
        with told as (select c.*, f.fate, coalesce(f.reasons[1], '') as reason, len(c.findings) as found from cleaned c join fate f using (row_number)),
        ranked as (select row_number, row_number() over (partition by case when fate = 'quarantined' then split_part(reason, ':', 1) when found > 0 then 'found' else 'clean' end
            order by found desc, hash(row_number)) as place, fate, found from told where fate <> 'duplicate' and reason not like 'key_conflict%')
        select row_number from ranked where place <= case when fate = 'quarantined' then 1 when found > 0 then {FOUND} else {CLEAN} end
        order by fate = 'quarantined', found > 0, row_number limit {CLEAN + FOUND + REFUSED}""").fetchall()
    numbers = ", ".join(str(n) for (n,) in picked) or "0"
    taken = con.execute(f"""
        select {", ".join(f"d.{quote(n)}" for n in names + context)}{shapes}, {", ".join(f"c.{quote(n)} as {quote('cleaned ' + n)}" for n in cleaned)}
        from delivered d join cleaned c using (row_number) where row_number in ({numbers}) order by row_number""")
    out, around, kinds = [], [], []
    for number, record in enumerate(taken.fetchall(), 1):
        values = dict(zip([*names, *context, "shape"], record, strict=False))
        told = dict(zip(cleaned, record[len(names) + len(context) + 1 :], strict=True))
        out.append(mask.row({n: values[n] for n in names}, told, number))
        around.append({n: values[n] for n in context})
        kinds.append(_kind(values["shape"]))
    return out, around, kinds


def _kind(wkb: bytes | None) -> str | None:
    try:
        return shapely.from_wkb(wkb).geom_type.removeprefix("Multi") if wkb else None
    except shapely.errors.GEOSException:
        return None


def write(
    folder: Path,
    source: Source,
    taken: Sequence[Row],
    context: Sequence[Row],
    kinds: Sequence[str | None],
    header: Sequence[Sequence[str]],
    merges: Sequence[str],
) -> Path:
    """delivered.<suffix> in `folder`. `header`, `merges`: a worksheet's header rows and merged ranges, where it has more than one row."""
    path = folder / f"delivered{SUFFIX[source.delivery.format or 'csv']}"
    folder.mkdir(parents=True, exist_ok=True)
    names = list(taken[0]) if taken else [n for n in source.columns if not n.startswith("@")]
    shapes = [_shape(kind, i, source.delivery.crs) for i, kind in enumerate(kinds)]
    match source.delivery.format:
        case "csv" | "text":
            path.write_bytes(_separated(source, names, taken))
        case "xlsx":
            _workbook(path, source, names, taken, context, header, merges)
        case "json":
            path.write_text(_json(source, taken), encoding=source.delivery.encoding)
        case "xml":
            tag = source.delivery.records or "record"
            body = "\n".join(f"<{tag}>{''.join(f'<{n}>{escape(v)}</{n}>' for n, v in r.items() if v is not None)}</{tag}>" for r in taken)
            encoding = "UTF-8" if source.delivery.encoding.startswith("utf") else "GB18030"
            path.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>\n<records>\n{body}\n</records>\n'.encode(encoding))
        case "dbf":
            path.write_bytes(_dbf(names, taken))
        case "geojson":
            path.write_text(_geojson(source, taken, shapes), encoding=source.delivery.encoding)
        case "kml":
            path.write_text(_kml(taken, shapes), encoding="utf-8")
        case _:
            _layer(path, source, names, taken, shapes)
    return path


def _separated(source: Source, names: Sequence[str], taken: Sequence[Row]) -> bytes:
    terms = source.delivery
    codec, mark = (
        ("gb18030", b"") if terms.encoding.startswith("gb") else ("utf-8", b"\xef\xbb\xbf" if terms.encoding == "utf-8-sig" else b"")
    )

    def line(values: Sequence[str | None]) -> str:
        texts = [v or "" for v in values]
        if terms.quoted:
            texts = ['"' + t.replace('"', '""') + '"' if any(c in t for c in (terms.separator, '"', "\r", "\n")) else t for t in texts]
        return terms.separator.join(texts) + "\n"

    head = line(names) if terms.header else ""
    return mark + (head + "".join(line(list(r.values())) for r in taken)).encode(codec)


def _workbook(
    path: Path,
    source: Source,
    names: Sequence[str],
    taken: Sequence[Row],
    context: Sequence[Row],
    header: Sequence[Sequence[str]],
    merges: Sequence[str],
) -> None:
    """One worksheet for each that the rows came from: its title (nothing that names anybody), the header, the rows."""
    head: list[list[Any]] = [list(r) for r in header] or [list(names)]
    sheets: dict[str, list[list[Any]]] = {}
    titles: dict[str, str] = {}
    for row, around in zip(taken, context, strict=True):
        name = _harmless(around.get("@sheet") or "") or f"Sheet{len(sheets) + 1}"
        sheets.setdefault(name, []).append(list(row.values()))
        titles[name] = next((t for t in (around.get("@title") or "").split("\n") if _harmless(t)), "")
    made = []
    for name, body in (sheets or {"Sheet1": []}).items():
        title: list[list[Any]] = [[titles[name]]] if titles.get(name) else []
        span = [f"A1:{letters(len(head[0]) - 1)}1"] if title and len(head[0]) > 1 else []
        moved = [_moved(m, len(title)) for m in merges]
        made.append(Sheet(name, [*title, *head, *body], span + moved))
    write_workbook(path, made, DATE)


def _harmless(text: str) -> str:
    """A title or sheet name that names a table or a period; else nothing, for it may name a person."""
    return text if len(text) < 60 and not set(text) & set(":：") and re.search(r"\d年?|[表册单录账报]|情况|结果|信息|Sheet", text) else ""


def _moved(merge: str, rows_down: int) -> str:
    """A merged range counted from the header's first row, as columns and rows `0 0 1 0` (top left bottom right) → A1:A2 further down."""
    top, left, bottom, right = (int(n) for n in merge.split())
    return f"{letters(left)}{top + 1 + rows_down}:{letters(right)}{bottom + 1 + rows_down}"


def _json(source: Source, taken: Sequence[Row]) -> str:
    body: Any = list(taken)
    for key in reversed((source.delivery.records or "").split(".") if source.delivery.records else []):
        body = {key: body}
    return json.dumps(body, ensure_ascii=False, indent=1) + "\n"


def _dbf(names: Sequence[str], taken: Sequence[Row]) -> bytes:
    widths = {n: min(max((len((r[n] or "").encode("gbk", "replace")) for r in taken), default=1), 254) or 1 for n in names}
    table = pa.table({n: pa.array([r[n] for r in taken], pa.string()) for n in names})
    return dbf_bytes(table, [(n, "C", widths[n], 0) for n in names], DATE)


def _shape(kind: str | None, number: int, crs: str | None) -> shapely.Geometry | None:
    """A small fictitious shape of that kind in the middle of the city, in the source's system."""
    if kind is None:
        return None
    x, y = 105.44 + 0.01 * number, 28.87
    if crs in ("GCJ-02", "BD-09"):
        import numpy as np

        lon, lat = (to_gcj02 if crs == "GCJ-02" else to_bd09)(np.array([x]), np.array([y]))
        x, y = round(float(lon[0]), 6), round(float(lat[0]), 6)
    step = 0.001
    if crs in ("EPSG:4544", "EPSG:4523"):
        from pyproj import Transformer

        x, y = (round(v) for v in Transformer.from_crs("EPSG:4490", crs, always_xy=True).transform(x, y))
        step = 100
    if kind == "Point":
        return shapely.Point(x, y)
    if kind in ("LineString", "LinearRing"):
        return shapely.LineString([(x, y), (x + step, y + step)])
    return shapely.box(x, y, x + step, y + step)


def _geojson(source: Source, taken: Sequence[Row], shapes: Sequence[shapely.Geometry | None]) -> str:
    crs = source.delivery.crs or ""
    head = {"crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{crs[5:]}"}}} if crs in ("EPSG:4490",) else {}
    features = [
        {"type": "Feature", "properties": r, "geometry": json.loads(shapely.to_geojson(s)) if s is not None else None}
        for r, s in zip(taken, shapes, strict=True)
    ]
    return json.dumps({"type": "FeatureCollection", **head, "features": features}, ensure_ascii=False, indent=1) + "\n"


def _kml(taken: Sequence[Row], shapes: Sequence[shapely.Geometry | None]) -> str:
    marks = []
    for row, s in zip(taken, shapes, strict=True):
        own = "".join(f"<{n}>{escape(row[n] or '')}</{n}>" for n in ("name", "description") if row.get(n) is not None)
        data = "".join(
            f'<Data name="{n}"><value>{escape(v or "")}</value></Data>' for n, v in row.items() if n not in ("name", "description")
        )
        marks.append(f"<Placemark>{own}<ExtendedData>{data}</ExtendedData>{_kml_shape(s)}</Placemark>")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>\n'
        + "\n".join(marks)
        + "\n</Document></kml>\n"
    )


def _kml_shape(s: shapely.Geometry | None) -> str:
    if s is None:
        return ""
    corners = " ".join(f"{x:.6f},{y:.6f},0" for x, y in shapely.get_coordinates(s).tolist())
    inner = f"<coordinates>{corners}</coordinates>"
    if s.geom_type == "Polygon":
        return f"<Polygon><outerBoundaryIs><LinearRing>{inner}</LinearRing></outerBoundaryIs></Polygon>"
    return f"<{s.geom_type}>{inner}</{s.geom_type}>"


def _layer(path: Path, source: Source, names: Sequence[str], taken: Sequence[Row], shapes: Sequence[shapely.Geometry | None]) -> None:
    """A GeoPackage, or a zipped shapefile with its DBF in the declared encoding."""
    kind = next((s.geom_type for s in shapes if s is not None), "Point")
    table = pa.table(
        {
            **{n: pa.array([r[n] for r in taken], pa.string()) for n in names},
            "geom": pa.array([shapely.to_wkb(s) if s is not None else None for s in shapes], pa.binary()),
        }
    )
    crs = source.delivery.crs if (source.delivery.crs or "").startswith("EPSG") else "EPSG:4490"
    if source.delivery.format == "geopackage":
        pyogrio.write_arrow(table, path, layer="delivered", driver="GPKG", geometry_name="geom", geometry_type=kind, crs=crs)
        return
    encoding = "UTF-8" if source.delivery.encoding.startswith("utf") else "GBK"
    beside = path.with_suffix(".shapes")
    beside.mkdir()
    pyogrio.write_arrow(
        table,
        beside / "delivered.shp",
        driver="ESRI Shapefile",
        geometry_name="geom",
        geometry_type=kind,
        crs=crs,
        layer_options={"ENCODING": encoding},
    )
    write_archive(path, {p.name: p.read_bytes() for p in sorted(beside.iterdir())}, DATE)
    for p in beside.iterdir():
        p.unlink()
    beside.rmdir()
