"""Rows from DuckDB into GeoParquet and CSV in one pass, batch by batch: memory does not grow with the city."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from etl.exchange.manifest import Column

BATCH = 50_000
BOM = b"\xef\xbb\xbf"  # so that Excel reads the CSV as UTF-8


class _Extent:
    """What GeoParquet tells of a geometry column: its types and its bounding box, gathered batch by batch."""

    def __init__(self) -> None:
        self.types: set[str] = set()
        self.box: list[float] = []

    def add(self, shapes: Any) -> None:
        import numpy as np
        import shapely

        there = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
        if not len(there):
            return
        self.types |= {shapely.GeometryType(int(t)).name for t in np.unique(shapely.get_type_id(there))}
        box = [float(x) for x in shapely.total_bounds(there)]
        old = self.box or box
        self.box = [min(old[0], box[0]), min(old[1], box[1]), max(old[2], box[2]), max(old[3], box[3])]


def write(duck: duckdb.DuckDBPyConnection, sql: str, columns: list[Column], parquet: Path, csv: Path) -> int:
    """Writes a query's rows (`columns` after any others of the query) to both files. Returns the rows.

    Geometry: WKB with GeoParquet 1.1 metadata (CGCS2000, longitude first) in Parquet, WKT in CSV. CSV: UTF-8 with BOM, RFC 4180, NULL = empty.
    """
    import shapely

    geometries = [c.name for c in columns if c.type.startswith("geometry")]
    extents = {g: _Extent() for g in geometries}
    reader = duck.sql(sql).to_arrow_reader(BATCH)
    schema = _described(reader.schema, columns)
    table_schema = pa.schema([pa.field(f.name, pa.string()) if f.name in geometries else f for f in schema])
    rows = 0
    with csv.open("wb") as sink:
        sink.write(BOM)
        with pq.ParquetWriter(parquet, schema, compression="zstd") as out, pacsv.CSVWriter(sink, table_schema) as text:
            for batch in _batches(reader):
                batch = batch.cast(schema)
                out.write_batch(batch)
                for g in geometries:
                    shapes = shapely.from_wkb(batch.column(g).to_numpy(zero_copy_only=False))
                    extents[g].add(shapes)
                    wkt = pa.array(shapely.to_wkt(shapes, rounding_precision=8), pa.string(), from_pandas=True)
                    batch = batch.set_column(batch.schema.get_field_index(g), pa.field(g, pa.string()), wkt)
                text.write_batch(batch.cast(table_schema))
                rows += batch.num_rows
            if geometries:
                out.add_key_value_metadata({"geo": json.dumps(_geo(extents), ensure_ascii=False)})
    return rows


def _batches(reader: Any) -> Iterator[pa.RecordBatch]:
    yield from reader


def _described(schema: pa.Schema, columns: list[Column]) -> pa.Schema:
    """Every field with its Chinese meaning, as Parquet readers show it."""
    titles = {c.name: c.title for c in columns}
    plain = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
    return pa.schema(
        [pa.field(f.name, plain.get(f.type, f.type), metadata={"title": titles[f.name]} if f.name in titles else None) for f in schema]
    )


def _geo(extents: dict[str, _Extent]) -> dict[str, Any]:
    """The `geo` metadata of GeoParquet 1.1."""
    from pyproj import CRS

    crs = CRS.from_epsg(4490).to_json_dict()
    described = {}
    for name, extent in extents.items():
        told: dict[str, Any] = {"encoding": "WKB", "geometry_types": sorted(_case(t) for t in extent.types), "crs": crs}
        described[name] = told | ({"bbox": extent.box} if extent.box else {})
    return {"version": "1.1.0", "primary_column": next(iter(extents)), "columns": described}


def _case(name: str) -> str:
    """GeoJSON's spelling of a geometry type."""
    spelt = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection")
    return next(s for s in spelt if s.lower() == name.lower())
