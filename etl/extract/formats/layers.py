"""Zipped shapefiles and GeoPackages through GDAL (pyogrio), in batches."""

import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyogrio
import pyogrio.errors

from etl.errors import DeliveryRefused
from etl.extract import archive
from etl.extract.columns import plain
from etl.extract.encoding import decode_field
from etl.extract.formats import dbase
from etl.extract.formats.geometry import flattened
from etl.extract.reading import Raw, Reading
from etl.extract.rows import BATCH, texts
from etl.extract.values import text
from etl.warned import unwarned

SHAPEFILE = {".shp", ".shx", ".dbf"}
SQLITE = b"SQLite format 3\0"


def read_shapefile(raw: Raw, reading: Reading) -> None:
    """Reads the shapefiles of one ZIP, unpacked under names of our own. DBF text is decoded here: drivers guess."""
    members = archive.members(raw.path, raw.name, reading.limits)
    sets: dict[str, dict[str, zipfile.ZipInfo]] = {}
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if not path.name.startswith(".") and path.parts[0] != "__MACOSX":
            sets.setdefault(str(path.with_suffix("")), {})[path.suffix.lower()] = member
    shapes = [parts for _, parts in sorted(sets.items()) if ".shp" in parts]
    if not shapes:
        raise DeliveryRefused("format", f"{raw.name} 里没有 .shp 文件")
    for number, parts in enumerate(shapes):
        if missing := sorted(SHAPEFILE - set(parts)):
            raise DeliveryRefused("truncated", f"{raw.name} 里的 Shapefile 不完整，缺 {'、'.join(missing)}")
        for suffix in SHAPEFILE:
            with (reading.scratch / f"shape-{number}{suffix}").open("wb") as out:
                for block in archive.unpack(raw.path, parts[suffix], raw.name, reading.limits):
                    out.write(block)
        codec = dbase.codec(Raw(reading.scratch / f"shape-{number}.dbf", raw.name), reading)
        _layer(raw, reading.scratch / f"shape-{number}.shp", None, reading, codec)


def read_geopackage(raw: Raw, reading: Reading) -> None:
    """Reads the layers of one GeoPackage that hold the declared columns; other layers are noted."""
    with raw.path.open("rb") as f:
        if f.read(len(SQLITE)) != SQLITE:
            raise DeliveryRefused("format", f"{raw.name} 不是 GeoPackage")
    path = reading.scratch / "package.gpkg"  # under a name of our own: GDAL reads meanings into names
    path.symlink_to(raw.path.resolve())
    tables = _tables(raw)
    layers = [name for layer, _ in _gdal(raw, pyogrio.list_layers, path) if (name := str(layer)).casefold() in tables]
    fields = {layer: [str(f) for f in _gdal(raw, pyogrio.read_info, path, layer=layer)["fields"]] for layer in layers}
    known = {plain(n) for n in reading.names.declared}
    suited = [n for n in layers if known <= {plain(f) for f in fields[n]}]
    if not suited:
        best = max(layers, key=lambda n: len(known & {plain(f) for f in fields[n]}), default=None)
        reading.names.require(fields[best] if best else [], raw.name)
    for layer in layers:
        if layer in suited:
            _layer(raw, path, layer, reading, None)
        else:
            reading.note(f"{raw.name} 的图层“{layer}”没有约定的列，未读")


def _tables(raw: Raw) -> set[str]:
    """The package's tables, in lower case. A view is no layer of ours: it may compute without end."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(raw.path))}?mode=ro&immutable=1", uri=True)) as con:
            found = con.execute("select name from sqlite_master where type = 'table' and sql not like 'create virtual%'").fetchall()
    except (sqlite3.Error, UnicodeDecodeError):
        raise DeliveryRefused("format", f"{raw.name} 读不通，文件可能已损坏") from None
    return {str(name).casefold() for (name,) in found}


def _layer(raw: Raw, path: Path, layer: str | None, reading: Reading, codec: str | None) -> None:
    """One layer in batches. `codec`: DBF bytes come as Latin-1 and are decoded here."""
    options: dict[str, Any] = {"encoding": "ISO-8859-1"} if codec else {}
    with unwarned:
        for delivered, shape, batch in _batches(raw, path, layer, options):
            names = [_decoded(n, codec) for n in delivered]
            final = reading.names.header(names, raw.name)
            columns = {f: _texts(batch.column(n), codec) for f, n in zip(final, delivered, strict=True)}
            geometry = flattened(batch.column(shape)) if shape else pa.nulls(batch.num_rows, pa.binary())
            reading.write(raw, columns, keep_blank=True, geometry=geometry)


def _batches(raw: Raw, path: Path, layer: str | None, options: dict[str, Any]) -> Iterator[tuple[list[str], str | None, pa.RecordBatch]]:
    """Column names, the geometry's name, and a batch, through GDAL's Arrow stream."""
    try:
        with pyogrio.open_arrow(path, layer=layer, batch_size=BATCH, use_pyarrow=True, **options) as (meta, reader):
            shape = meta["geometry_name"] or "wkb_geometry"
            shape = shape if shape in reader.schema.names else None
            for batch in reader:
                yield [str(n) for n in meta["fields"]], shape, batch
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError, pa.ArrowException):
        raise DeliveryRefused("format", f"{raw.name} 读不通，文件可能已损坏") from None


def _gdal(raw: Raw, call: Any, *args: Any, **kwargs: Any) -> Any:
    """A call into GDAL; its errors become the delivery's refusal."""
    try:
        return call(*args, **kwargs)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError):
        raise DeliveryRefused("format", f"{raw.name} 读不通，文件可能已损坏") from None


def _decoded(value: str, codec: str | None) -> str:
    return decode_field(value.encode("latin-1"), codec) if codec else value


def _texts(values: pa.Array, codec: str | None) -> pa.Array:
    """A driver's column as text: text as it is, numbers shortest, dates ISO; binary columns are left out (NULL)."""
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        return pa.nulls(len(values), pa.string())
    try:
        plain_values = values.to_pylist()
    except UnicodeDecodeError:  # a GeoPackage's text is UTF-8 by its standard, whatever a tool wrote into it
        plain_values = [v if v is None else _repaired(v) for v in values.cast(pa.binary()).to_pylist()]
    if codec:
        plain_values = [_decoded(v, codec).rstrip("\0 ") if isinstance(v, str) else v for v in plain_values]
    return texts([text(v) for v in plain_values])


def _repaired(raw: bytes) -> str:
    """Text that is not UTF-8 throughout: GB18030 where it is that, else with U+FFFD for what cannot be read."""
    for codec in ("utf-8", "gb18030"):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace")
