"""One table into PostgreSQL before any index, by every way there is: ours, ADBC, COPY of a ready file, pandas, geopandas.

All write the same rows into tables of the same columns. Ours and ADBC begin with the Parquet file; psycopg2 begins with the CSV ready, so that
it is the COPY alone; geopandas and pandas begin with their frames ready. Imports are not counted, and the slow ways take a sample.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg2

from etl.bench.world import World

SCHEMA = "bench"
SAMPLE = 50_000  # rows for the slow ways
ENOUGH = 500_000  # rows of a small city are repeated until there are as many: fewer would measure connections
ROWS = """
    select source_key, name, citizen_id_text, citizen_id, citizen_id_state, sex_code, ethnicity_code, birth_date, registered_address, household_id,
        phone, delivered_on, row_number, delivery_id from staging.public_security__household_register
"""
COLUMNS = """source_key text, name text, citizen_id_text text, citizen_id text, citizen_id_state text, sex_code text, ethnicity_code text, birth_date date,
    registered_address text, household_id text, phone text, delivered_on date, row_number bigint, delivery_id text"""
POINTS = "select address_code, full_address, region_code, st_x(geom) as longitude, st_y(geom) as latitude from geospatial.address where geom is not null"
POINT_COLUMNS = "address_code text, full_address text, region_code text, geom geometry(Point, 4490)"


def prepare(world: World, loaded: str) -> Path:
    """`rows.parquet`, `rows.csv` and `points.parquet` out of a loaded database; the schema to write into. Not measured."""
    import duckdb

    folder = world.folder / "bulk"
    folder.mkdir(exist_ok=True)
    connection = psycopg2.connect(world.url(loaded))
    try:
        with connection, connection.cursor() as cursor, duckdb.connect() as duck:
            cursor.execute(f"drop schema if exists {SCHEMA} cascade; create schema {SCHEMA}")
            for name, query in (("rows", ROWS), ("points", POINTS)):
                cursor.execute(f"select count(*) from ({query}) q")
                times = -(-ENOUGH // max(cursor.fetchall()[0][0], 1))
                with (folder / f"{name}.csv").open("wb") as f:
                    cursor.copy_expert(
                        f"copy (select q.* from ({query}) q, generate_series(1, {times})) to stdout (format csv, null '\\N')", f
                    )
                cursor.execute(f"select * from ({query}) q limit 0")
                kinds = {d.name: {1082: "DATE", 20: "BIGINT", 701: "DOUBLE"}.get(d.type_code, "VARCHAR") for d in cursor.description or ()}
                listed = ", ".join(f"'{n}': '{k}'" for n, k in kinds.items())
                duck.execute(
                    f"copy (select * from read_csv('{folder}/{name}.csv', columns={{{listed}}}, header=false, nullstr='\\N', allow_quoted_nulls=false, "
                    f"quote='\"', escape='\"', auto_detect=false, max_line_size=16777216)) to '{folder}/{name}.parquet' (format parquet)"
                )
    finally:
        connection.close()
    return folder


def side(given: Mapping[str, Any]) -> dict[str, Any]:
    """One way. given: way, url, folder, scratch. Returns rows and seconds."""
    way, folder = WAYS[given["way"]], Path(given["folder"])
    table = f"{SCHEMA}.{given['way']}"
    columns = POINT_COLUMNS if given["way"].endswith("points") else COLUMNS
    connection = psycopg2.connect(given["url"])
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(f"drop table if exists {table}; create table {table} ({columns})")
        work = way(given["url"], folder, table)
        began = time.monotonic()
        work()
        seconds = time.monotonic() - began
        with connection, connection.cursor() as cursor:
            cursor.execute(f"select count(*) from {table}")
            rows = cursor.fetchall()[0][0]
            cursor.execute(f"drop table {table}")
    finally:
        connection.close()
    return {"rows": rows, "seconds": seconds}


Work = Callable[[], object]


def _ours(url: str, folder: Path, table: str) -> Work:
    return _copied(url, folder, table, f"read_parquet('{folder}/rows.parquet')")


def _ours_points(url: str, folder: Path, table: str) -> Work:
    """Points as the geospatial library ships them."""
    point = "printf('SRID=4490;POINT(%.7f %.7f)', longitude, latitude) as geom"
    return _copied(
        url, folder, table, f"(select address_code, full_address, region_code, {point} from read_parquet('{folder}/points.parquet'))"
    )


def _copied(url: str, folder: Path, table: str, relation: str) -> Work:
    import os

    from etl import db, engine, settings

    os.environ |= {"JICHU_DATABASE_URL": url}
    chosen = settings.load()

    def work() -> None:
        with engine.connect(chosen) as duck:
            connection = db.connect(chosen)
            try:
                with connection:
                    db.copy_in(connection, duck, relation, table, engine.folder(duck))
            finally:
                connection.close()

    return work


def _adbc(url: str, folder: Path, table: str) -> Work:
    import adbc_driver_postgresql.dbapi as adbc
    import pyarrow.parquet as pq

    def work() -> None:
        file = pq.ParquetFile(folder / "rows.parquet")
        with adbc.connect(url) as connection, connection.cursor() as cursor:
            reader = _reader(file)
            cursor.adbc_ingest(table.split(".")[1], reader, mode="append", db_schema_name=SCHEMA)
            connection.commit()

    return work


def _reader(file: Any) -> Any:
    import pyarrow as pa

    return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(batch_size=65_536))


def _copy(url: str, folder: Path, table: str) -> Work:
    def work() -> None:
        connection = psycopg2.connect(url)
        try:
            with connection, connection.cursor() as cursor, (folder / "rows.csv").open("rb") as f:
                cursor.copy_expert(f"copy {table} from stdin (format csv, null '\\N')", f, size=1 << 20)
        finally:
            connection.close()

    return work


def _pandas(url: str, folder: Path, table: str) -> Work:
    import pandas as pd
    from sqlalchemy import create_engine

    frame = pd.read_parquet(folder / "rows.parquet").head(SAMPLE)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://", 1))
    return lambda: frame.to_sql(table.split(".")[1], engine, schema=SCHEMA, if_exists="append", index=False, method="multi", chunksize=1000)


def _geopandas(url: str, folder: Path, table: str) -> Work:
    import geopandas as gpd
    import pandas as pd
    from sqlalchemy import create_engine

    frame = pd.read_parquet(folder / "points.parquet").head(SAMPLE)
    points = gpd.points_from_xy(frame.pop("longitude"), frame.pop("latitude"))
    placed = gpd.GeoDataFrame(frame, geometry=points, crs="EPSG:4490").rename_geometry("geom")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://", 1))
    return lambda: placed.to_postgis(table.split(".")[1], engine, schema=SCHEMA, if_exists="append", index=False)


WAYS: dict[str, Callable[[str, Path, str], Work]] = {
    "ours": _ours,
    "adbc": _adbc,
    "psycopg2_copy": _copy,
    "pandas": _pandas,
    "ours_points": _ours_points,
    "geopandas_points": _geopandas,
}
