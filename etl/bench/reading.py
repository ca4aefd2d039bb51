"""Every delivered byte read and decoded once, by the quickest reader at hand for its format, and nothing done with it.

This is half of the floor that a load is measured against, and with `hashed` the reading and hashing of a full register that comes again.
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb
import httpx
import psycopg2
import pyarrow as pa
import pyarrow.csv as pacsv
from defusedxml.ElementTree import iterparse

from etl import connections, spec
from etl.connections import Connection
from etl.spec import Source

PAGE = 1000
BLOCK = 16 * 1024**2
Read = tuple[int, int]  # bytes, rows


def deliveries(drop: Path, day: str, *, kind: str | None = None) -> Iterator[tuple[Source, Path | Connection]]:
    """Every dataset that is delivered on a day (YYYY-MM-DD): its folder, or the connection it is fetched through."""
    for source in spec.load().sources.values():
        if kind and source.delivery.kind != kind:
            continue
        if source.delivery.channel == "file":
            folder = drop / source.department / source.name.split("/")[1] / day.replace("-", "")
            if folder.is_dir():
                yield source, folder
        elif found := connections.get(source.department, drop):
            yield source, found


def read_all(drop: Path, day: str, *, kind: str | None = None, hashed: bool = False) -> Read:
    """Bytes and rows of a day's deliveries, each read once; with `hashed`, an MD5 is taken of each row."""
    read = rows = 0
    for source, place in deliveries(drop, day, kind=kind):
        n, table = _folder(source, place) if isinstance(place, Path) else _fetched(source, place)
        read, rows = read + n, rows + table.num_rows
        if hashed and table.num_rows:
            _hash(table)
    return read, rows


def _hash(table: pa.Table) -> None:
    """A fingerprint of each row, as comparing it with an earlier delivery takes one."""
    text = ", ".join('"' + c.replace('"', '""') + '"' for c in table.column_names)
    with duckdb.connect(config={"threads": "2"}) as con:
        con.register("delivered", table)
        con.execute(f"select count(distinct md5(concat_ws(chr(31), {text}))) from delivered").fetchall()


def _folder(source: Source, folder: Path) -> tuple[int, pa.Table]:
    """One delivery's files as one table of text (of one column of text where the format has no columns that are cheap to tell)."""
    tables, read = [], 0
    for file in sorted(folder.iterdir()):
        data = file.read_bytes()
        hashlib.sha256(data).digest()
        read += len(data)
        if file.name != "_SUCCESS":
            tables.append(READERS[source.delivery.format or ""](data, source))
    return read, pa.concat_tables(tables, promote_options="default") if tables else pa.table({})


def _separated(data: bytes, source: Source) -> pa.Table:
    terms = source.delivery
    if not terms.encoding.startswith("utf-8"):
        data = data.decode("gb18030", "replace").encode()
    parse = pacsv.ParseOptions(
        delimiter=terms.separator, quote_char='"' if terms.quoted else False, newlines_in_values=terms.quoted, invalid_row_handler=lambda row: "skip"
    )  # fmt: skip
    named = pacsv.ReadOptions(autogenerate_column_names=True, block_size=BLOCK)
    width = len(pacsv.open_csv(io.BytesIO(data), named, parse).schema)  # of its first block, which may end within a row
    text = pacsv.ConvertOptions(column_types={f"f{i}": pa.string() for i in range(width)}, check_utf8=False)
    return pacsv.read_csv(io.BytesIO(data), named, parse, text)


def _lines(data: bytes, source: Source) -> pa.Table:
    return pa.table({"line": pa.array(data.decode("gb18030", "replace").splitlines())})


def _json(data: bytes, source: Source) -> pa.Table:
    found = json.loads(data)
    for key in (source.delivery.records or "features").split("."):
        found = found[key] if isinstance(found, dict) and key in found else found
    return _texts(found if isinstance(found, list) else [found])


def _xml(data: bytes, source: Source) -> pa.Table:
    element = source.delivery.records or "Placemark"
    rows = ["".join(e.itertext()) for _, e in iterparse(io.BytesIO(data)) if e.tag.rpartition("}")[2] == element]
    return _texts(rows)


def _workbook(data: bytes, source: Source) -> pa.Table:
    import python_calamine as calamine

    book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    return _texts([r for name in book.sheet_names for r in book.get_sheet_by_name(name).to_python()])


def _dbase(data: bytes, source: Source) -> pa.Table:
    size = int.from_bytes(data[10:12], "little")
    body = data[int.from_bytes(data[8:10], "little") :]
    return _texts([body[i : i + size].decode("gb18030", "replace") for i in range(0, len(body) - size + 1, size)])


def _layer(data: bytes, source: Source) -> pa.Table:
    """A zipped shapefile or a GeoPackage, by GDAL, its geometries as WKB."""
    import pyogrio

    names = zipfile.ZipFile(io.BytesIO(data)).namelist() if data[:2] == b"PK" else []
    with pyogrio.open_arrow(io.BytesIO(data), use_pyarrow=True, encoding="utf-8" if not names else None) as (_, reader):
        table = pa.table(reader.read_all())
    return _texts(table.to_pylist())


def _texts(rows: Sequence[object]) -> pa.Table:
    return pa.table({"row": pa.array([r if isinstance(r, str) else repr(r) for r in rows], pa.string())})


READERS: dict[str, Callable[[bytes, Source], pa.Table]] = {
    "csv": _separated,
    "text": _lines,
    "xlsx": _workbook,
    "json": _json,
    "geojson": _json,
    "xml": _xml,
    "kml": _xml,
    "dbf": _dbase,
    "shapefile": _layer,
    "geopackage": _layer,
}


def _fetched(source: Source, place: Connection) -> tuple[int, pa.Table]:
    """A department's table by COPY, or its service page by page."""
    if source.delivery.channel == "api":
        return _pages(source, place)
    stream = io.BytesIO()
    database = psycopg2.connect(host=place.host, port=place.port, user=place.login, password=place.password, dbname=place.schema)
    try:
        with database.cursor() as cursor:
            quoted = ".".join(f'"{p}"' for p in re.split(r"\.", source.delivery.table or ""))
            cursor.copy_expert(f"copy {quoted} to stdout (format csv)", stream, size=1 << 20)
    finally:
        database.close()
    data = stream.getvalue()
    options = pacsv.ReadOptions(autogenerate_column_names=True, block_size=BLOCK)
    return len(data), pacsv.read_csv(io.BytesIO(data), options, pacsv.ParseOptions(newlines_in_values=True)) if data else pa.table({})


def _pages(source: Source, place: Connection) -> tuple[int, pa.Table]:
    read = 0
    rows: list[object] = []
    address = f"http://{place.host}:{place.port}/{source.name.split('/')[1]}"
    with httpx.Client(headers={"X-Api-Key": place.password or ""}, trust_env=False, timeout=60) as client:
        page, total = 1, 1
        while len(rows) < total:
            answer = client.get(address, params={"page": page, "page_size": PAGE})
            found = json.loads(answer.content)
            read, total, page = read + len(answer.content), found["total"], page + 1
            rows += found["data"]
            if not found["data"]:
                break
    return read, _texts(rows)
