"""A library's workbench filled by hand, to link and merge in: feeds as rows, published tables as they would be."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from etl import engine, spec
from etl.settings import Settings
from etl.workbench import Workbench

TODAY = date(2018, 3, 8)
META = {
    "dataset": "VARCHAR",
    "source_key": "VARCHAR",
    "role": "VARCHAR",
    "row_number": "BIGINT",
    "first_delivered_on": "DATE",
    "delivered_on": "DATE",
    "removed_on": "DATE",
}
PUBLISHED = {
    "address_match": "dataset VARCHAR, source_key VARCHAR, role VARCHAR, text VARCHAR, address_code VARCHAR, region_code VARCHAR, level VARCHAR, score DOUBLE, runner_up DOUBLE",
    "address": "address_code VARCHAR, longitude DOUBLE, latitude DOUBLE",
    "region": "code VARCHAR, name VARCHAR, level VARCHAR, parent_code VARCHAR",
    "entity": "entity_id VARCHAR, name VARCHAR, kind VARCHAR",
    "entity_record": "dataset VARCHAR, source_key VARCHAR, role VARCHAR, entity_id VARCHAR",
    "person_record": "dataset VARCHAR, source_key VARCHAR, role VARCHAR, person_id VARCHAR, rule VARCHAR",
    "person_named": "person_id VARCHAR, name VARCHAR, citizen_id VARCHAR",
    "person_member": "dataset VARCHAR, source_key VARCHAR, role VARCHAR, person_id VARCHAR, former BOOLEAN, first_delivered_on DATE, rule VARCHAR, probability DOUBLE",
    "entity_member": "dataset VARCHAR, source_key VARCHAR, role VARCHAR, entity_id VARCHAR, former BOOLEAN, first_delivered_on DATE, rule VARCHAR, probability DOUBLE",
    "person_redirect": 'old_id VARCHAR, new_id VARCHAR, "at" VARCHAR, why VARCHAR',
    "entity_redirect": 'old_id VARCHAR, new_id VARCHAR, "at" VARCHAR, why VARCHAR',
    "judgement": "id BIGINT, kind VARCHAR, left_record VARCHAR, right_record VARCHAR, verdict VARCHAR, withdrawn_at VARCHAR, until DATE",
    "observation": "indicator_code VARCHAR",
    "delivery": "dataset VARCHAR, state VARCHAR",
}
Row = Mapping[str, Any]
Record = tuple[str, str, str]  # dataset, key, role


@contextmanager
def workbench(library: str, folder: Path) -> Iterator[Workbench]:
    """An empty workbench of a library."""
    settings = Settings("", folder, folder, "duckdb", 1024, TODAY, 1.0, 1000)
    with engine.connect(settings) as con:
        bench = Workbench(con, settings, spec.load(), spec.load().libraries[library])
        for schema in ("feed", "past", "published", "out", "matched"):
            con.execute(f"create schema {schema}")
        for name, shape in bench.library.inputs.items():
            for schema in ("feed", "past"):
                fields = {**META, **shape.fields} | ({"replaced_on": "DATE"} if schema == "past" else {})
                con.execute(
                    f"create table {schema}.{engine.quote(name)} ({', '.join(f'{engine.quote(n)} {k}' for n, k in fields.items())})"
                )
        for table, columns in PUBLISHED.items():
            con.execute(f"create table published.{table} ({columns})")
        yield bench


def fill(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row]) -> None:
    """Inserts rows; what a row does not name is empty."""
    for row in rows:
        con.execute(
            f"insert into {table} ({', '.join(engine.quote(n) for n in row)}) values ({', '.join('?' * len(row))})", list(row.values())
        )


def told(dataset: str, key: str, role: str = "self", day: date = date(2018, 3, 1), **fields: Any) -> dict[str, Any]:
    """One row of a feed."""
    return {"dataset": dataset, "source_key": key, "role": role, "row_number": 1, "first_delivered_on": day, "delivered_on": day, **fields}


def clusters(con: duckdb.DuckDBPyConnection, kind: str) -> dict[Record, str]:
    """Record → the id of its party."""
    return {
        (d, k, r): i for d, k, r, i in con.execute(f"select dataset, source_key, role, {kind}_id from matched.{kind}_member").fetchall()
    }
