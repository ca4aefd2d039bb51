"""DBF tables, zipped shapefiles, GeoPackages: what their headers say."""

import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pyogrio
import pyogrio.errors

from etl.errors import UsageError
from etl.extract import archive
from etl.extract.limits import limits
from etl.propose.form import Form
from etl.propose.record_form import INTERNET_MAP, KNOWN_CRS


def look_dbf(file: Path) -> Form:
    """A DBF: the reader finds the encoding of its text itself; GBK is what such files are written in."""
    form = Form({"format": "dbf", "encoding": "gbk"})
    form.facts.append("DBF，文字按 GBK 读（驱动字节不可信，读不通时自动改读 UTF-8）")
    return form


def look_shapefile(file: Path) -> Form:
    """A zipped shapefile; the projection is that of its .prj. Raises DeliveryRefused as the reader does for a bad archive."""
    members = archive.members(file, file.name, limits())
    shapes = [m for m in members if m.filename.lower().endswith(".shp")]
    if not shapes:
        raise UsageError(f"{file.name} 里没有 .shp 文件；压缩包只认 Shapefile")
    stem = PurePosixPath(shapes[0].filename).with_suffix("")
    written = next((m for m in members if PurePosixPath(m.filename).with_suffix("") == stem and m.filename.lower().endswith(".prj")), None)
    wkt = ""
    if written and written.file_size < 100_000:
        with zipfile.ZipFile(file) as z:
            wkt = z.read(written).decode("latin-1")
    utf8 = any(m.filename.lower().endswith(".cpg") and b"UTF" in _read(file, m).upper() for m in members)
    form = Form({"format": "shapefile", "encoding": "utf-8" if utf8 else "gbk"})
    form.facts.append(f"Shapefile“{stem.name}”，属性按 {form.terms['encoding']} 读")
    _with_crs(form, _crs_of_wkt(wkt), "文件没有 .prj" if not wkt else ".prj 不是已知的坐标系")
    return form


def look_geopackage(file: Path) -> Form:
    """A GeoPackage: the system of its first spatial layer. Raises UsageError for what is none."""
    try:
        layers = [(str(name), kind) for name, kind in pyogrio.list_layers(file)]
        info: dict[str, Any] = pyogrio.read_info(file, layer=layers[0][0])
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, IndexError):
        raise UsageError(f"{file.name} 不是完好的 GeoPackage") from None
    form = Form({"format": "geopackage"})
    form.facts.append(f"GeoPackage，图层 {'、'.join(name for name, _ in layers)}")
    if len(layers) > 1:
        form.doubts.append(f"有 {len(layers)} 个图层，含有所声明各列的图层都会读；只要一个时请删去另一个独有的列")
    crs = str(info["crs"] or "")
    _with_crs(form, crs if crs in KNOWN_CRS else _crs_of_wkt(crs), f"图层的坐标系写作“{crs[:40]}”" if crs else "图层没有写坐标系")
    return form


def _read(file: Path, member: zipfile.ZipInfo) -> bytes:
    with zipfile.ZipFile(file) as z, z.open(member) as f:
        return f.read(100)


def _crs_of_wkt(wkt: str) -> str | None:
    """EPSG of the systems that a spec can name; a zone without a number in front of the easting is CM 105E here."""
    if not wkt:
        return None
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        crs = CRS.from_user_input(wkt)
    except CRSError:
        return None
    code = crs.to_epsg(min_confidence=20)
    if code and f"EPSG:{code}" in KNOWN_CRS:
        return f"EPSG:{code}"
    if crs.is_geographic:
        return "EPSG:4326" if "WGS" in wkt.upper() else "EPSG:4490" if "2000" in wkt else None
    if "2000" in wkt and "105" in wkt:
        return "EPSG:4544"
    return "EPSG:4523" if "2000" in wkt and "35" in wkt else None


def _with_crs(form: Form, crs: str | None, otherwise: str) -> None:
    form.terms["crs"] = crs or "EPSG:4490"
    if crs:
        form.facts.append(f"坐标系 {crs}")
    else:
        form.doubts.append(f"crs：{otherwise}，暂作 EPSG:4490（坐标是米时按高斯—克吕格带号自动识别）；{INTERNET_MAP}")
