"""What a library is built on: DuckDB with the feeds of its sources and the published tables it reads.

`feed.<input>`: one row per party or fact that a current or former record tells; `past.<input>`: the same of the
versions that later deliveries replaced; `published.<table>`: what is
published; `out.<table>`: what the steps make. Steps know each other only by these relations.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
from psycopg2.extensions import connection as Connection

from etl import db, store
from etl.engine import literal, quote
from etl.settings import Settings
from etl.spec import Feed, Library, Registry, Source

# PostgreSQL type → DuckDB type of published columns; geometry passes as EWKB
DUCK_TYPES = {
    "text": "VARCHAR",
    "date": "DATE",
    "timestamp with time zone": "VARCHAR",
    "timestamp without time zone": "TIMESTAMP",
    "uuid": "UUID",
    "bigint": "BIGINT",
}
DUCK_TYPES |= {
    "integer": "INTEGER",
    "boolean": "BOOLEAN",
    "double precision": "DOUBLE",
    "jsonb": "JSON",
    "numeric": "DECIMAL(28,6)",
    "smallint": "INTEGER",
}

# The party that the record is about: it is there whatever is known of it.
OWN_ROLES = {"self", "child", "holder", "subject", "appellant"}


@dataclass(frozen=True)
class Workbench:
    """A library under construction."""

    con: duckdb.DuckDBPyConnection
    settings: Settings
    registry: Registry
    library: Library

    @property
    def today(self) -> date:
        return self.settings.today


def clear(con: duckdb.DuckDBPyConnection, keep: Collection[str] = ()) -> None:
    """Drops the working tables and views of a step, but those that it hands on under their own names (the schemas' tables are never touched)."""
    sql = "select table_catalog, table_name, table_type from information_schema.tables where table_schema = 'main' order by table_type desc"
    for catalog, name, kind in con.execute(sql).fetchall():
        if name not in keep:
            con.execute(f"drop {'view' if kind == 'VIEW' else 'table'} if exists {catalog}.main.{quote(name)}")


def lay(bench: Workbench, snapshots: dict[str, Path], past: dict[str, Path], published: dict[str, Path]) -> None:
    """Creates the schemas and views that the steps read. `snapshots`, `past`: dataset → Parquet of its staging rows and of their replaced versions."""
    for schema in ("feed", "past", "published", "out", "matched"):
        bench.con.execute(f"create schema if not exists {schema}")
    for name in bench.library.inputs:
        bench.con.execute(f"create or replace view feed.{quote(name)} as {_union(bench, name, snapshots)}")
        bench.con.execute(f"create or replace view past.{quote(name)} as {_union(bench, name, past)}")
    if bench.library.name == "geospatial":
        bench.con.execute(f"create or replace view feed.address_text as {_addresses(bench, snapshots)}")
    for table, file in published.items():
        bench.con.execute(f"create or replace view published.{quote(table.split('.')[1])} as select * from read_parquet('{file}')")


def _union(bench: Workbench, name: str, snapshots: dict[str, Path]) -> str:
    target, parts = f"{bench.library.name}.{name}", []
    for source, index in bench.registry.feeding(target):
        if source.name in snapshots:
            parts.append(_select(bench, source, source.feeds[index], name, snapshots[source.name]))
    return " union all by name ".join(parts) if parts else _nothing(bench, name)


def _nothing(bench: Workbench, name: str) -> str:
    """The shape of an input that no delivery has fed yet."""
    fields = ", ".join(f"null::{kind} as {quote(f)}" for f, kind in bench.library.inputs[name].fields.items())
    meta = "null::varchar as dataset, null::varchar as source_key, null::varchar as role, null::bigint as row_number, null::date as first_delivered_on, null::date as delivered_on, null::date as removed_on"
    return f"select {meta}, {fields} where false"


def mapping(registry: Registry, source: Source, feed: Feed, fields: dict[str, str]) -> dict[str, str]:
    """Library field → cleaned column. A rule's further outputs follow their value: x → y makes x_suffix → y_suffix."""
    cleaned = registry.outputs(source)
    direct = {f: f for f in fields if f in cleaned} if feed.fields is None else dict(feed.fields)
    for target, column in list(direct.items()):
        for field in fields:
            suffix = field.removeprefix(target)
            if field.startswith(target + "_") and field not in direct and column + suffix in cleaned:
                direct[field] = column + suffix
    return direct


def _select(bench: Workbench, source: Source, feed: Feed, name: str, file: Path) -> str:
    fields = bench.library.inputs[name].fields
    mapped = mapping(bench.registry, source, feed, fields)
    listed = []
    for field, kind in fields.items():
        if field in feed.constants:
            value = literal(feed.constants[field])
        elif field in mapped:
            value = quote(mapped[field])
        else:
            value = "null"
        listed.append(f"{value if kind == 'BLOB' else f'try_cast({value} as {kind})'} as {quote(field)}")
    where = [f"{quote(c)} in ({', '.join(literal(v) for v in values)})" for c, values in feed.when.items()]
    party = {"person": ("name", "citizen_id_text", "phone"), "entity": ("name", "code", "entity_key", "organization_code")}.get(name)
    if party and feed.role not in OWN_ROLES:  # another party of whom nothing is said is no party: a marriage with an empty spouse
        told = [quote(mapped[f]) for f in party if f in mapped]
        where.append(f"coalesce({', '.join(told)}) is not null" if told else "false")
    return (
        f"select {literal(source.name)} as dataset, source_key, {literal(feed.role)} as role, row_number, first_delivered_on, delivered_on, removed_on, "
        f"{', '.join(listed)} from read_parquet('{file}'){' where ' + ' and '.join(where) if where else ''}"
    )


def _addresses(bench: Workbench, snapshots: dict[str, Path]) -> str:
    """Every address text that is not empty, with the division code that its row or its department tells."""
    parts = [
        "select null::varchar as dataset, null::varchar as source_key, null::varchar as role, null::varchar as text, null::varchar as hint_region where false"
    ]
    for source in bench.registry.sources.values():
        if source.name not in snapshots:
            continue
        for column in source.columns.values():
            if column.rule == "address" and column.role:
                hint = _hint(bench.registry, source, column.role)
                parts.append(
                    f"select {literal(source.name)}, source_key, {literal(column.role)}, {quote(column.as_)}, {hint} from read_parquet('{snapshots[source.name]}') "
                    f"where removed_on is null and {quote(column.as_)} is not null"
                )
    return " union all ".join(parts)


def _hint(registry: Registry, source: Source, role: str) -> str:
    field = {"registered": "registered_region_code", "residence": "residence_region_code"}.get(role, "region_code")
    for feed in source.feeds:
        if feed.role in ("self", "child", "holder", "subject") and feed.fields and field in feed.fields:
            return quote(feed.fields[field])
        if feed.fields is None and feed.role == "self" and field in registry.outputs(source):
            return quote(field)
    parent = registry.departments[source.department].parent if source.department in registry.departments else None
    county = parent or source.department
    return literal(county.removeprefix("county_")) if county.startswith("county_") or (parent and parent.isdigit()) else "null::varchar"


# Tables that are written with a library's publication but are none of its own.
OWNERS = {
    "match.person_member": "population",
    "match.person_edge": "population",
    "match.entity_member": "legal_entity",
    "match.entity_edge": "legal_entity",
}

# What no step reads of a published table: fingerprints, and the long texts that were matched already.
NOT_READ = {"row_hash", "version_from", "text", "runner_up"}


def read_published(registry: Registry, con: Connection, duck: duckdb.DuckDBPyConnection, table: str, folder: Path) -> Path:
    """A published table as Parquet, read back once for each publication of its library."""
    owner = next((x.name for x in registry.libraries.values() if table in x.tables), OWNERS.get(table))
    version = db.rows(con, "select coalesce(max(sequence), 0) from ops.publication where state = 'published' and library = %s", [owner])[0][
        0
    ]
    file = folder / f"{table}-{version}.parquet"
    if owner is None or not file.exists():  # what belongs to no library (the books, judgements) may change at any time
        kinds = {
            n: _duck_type(k)
            for n, k in db.rows(
                con,
                "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
                [table],
            )
            if n not in NOT_READ
        }
        listed = ", ".join(f"encode(st_asewkb({quote(n)}), 'hex')" if k == "BLOB" else quote(n) for n, k in kinds.items())
        if "geom" in kinds:  # points are wanted as numbers
            kinds |= {"longitude": "DOUBLE", "latitude": "DOUBLE"}
            listed += (
                ", case when geometrytype(geom) = 'POINT' then st_x(geom) end, case when geometrytype(geom) = 'POINT' then st_y(geom) end"
            )
        db.copy_out(con, f"select {listed} from {table}", kinds, file, duck)
        store.forget(folder, file, f"{table}-*.parquet")
    return file


def _duck_type(postgres: str) -> str:
    if postgres.startswith("geometry"):
        return "BLOB"
    if postgres.startswith("numeric"):
        return postgres.replace("numeric", "DECIMAL") if "(" in postgres else "DECIMAL(28,6)"
    return DUCK_TYPES.get(postgres, "VARCHAR")
