"""The files of a published set: CSV for people, Parquet and GeoPackage for programs."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from etl.exchange.parquet import BOM

GEOMETRY = "geom"


def csv(table: pa.Table, titles: dict[str, str], path: Path) -> None:
    """UTF-8 with BOM, Chinese headers, no geometry (points have their longitude and latitude in columns of their own)."""
    plain = table.drop_columns([GEOMETRY]) if GEOMETRY in table.column_names else table
    yes_no = {n: ["否", "是"] for n, k in zip(plain.column_names, plain.schema.types, strict=True) if k == pa.bool_()}
    for n, words in yes_no.items():
        told = [words[v] for v in plain.column(n).to_pylist()]
        plain = plain.set_column(plain.column_names.index(n), n, pa.array(told, pa.string()))
    with path.open("wb") as sink:
        sink.write(BOM)
        pacsv.write_csv(plain.rename_columns([titles[n] for n in plain.column_names]), sink)


def parquet(table: pa.Table, titles: dict[str, str], path: Path) -> None:
    """Parquet with the Chinese titles as field metadata; with geometry, GeoParquet 1.1 (CGCS2000)."""
    fields = [f.with_metadata({"title": titles[f.name]}) for f in table.schema]
    metadata = {"geo": json.dumps(_geo(), ensure_ascii=False)} if GEOMETRY in table.column_names else None
    pq.write_table(table.cast(pa.schema(fields, metadata=metadata)), path, compression="zstd")


def geopackage(table: pa.Table, layer: str, day: str, path: Path) -> None:
    """A GeoPackage of one layer; the day is written as its last change, so that the same data make the same file."""
    import pyogrio

    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{day}T00:00:00.000Z"})
    try:
        pyogrio.write_arrow(table, path, layer=layer, driver="GPKG", geometry_name=GEOMETRY, geometry_type="Unknown", crs="EPSG:4490")
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _geo() -> dict[str, Any]:
    from pyproj import CRS

    column = {"encoding": "WKB", "geometry_types": [], "crs": CRS.from_epsg(4490).to_json_dict()}
    return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
