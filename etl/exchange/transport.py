"""How a column of PostgreSQL travels in Parquet, and back, without loss: the one place that knows.

type → (expression that COPY writes, DuckDB type, expression that turns the loaded value back). Geometry travels as ISO WKB (GeoParquet),
times in UTC, arrays and JSON as JSON text.
"""

import re
from dataclasses import dataclass

from etl.engine import quote

PLAIN = {"text": "VARCHAR", "date": "DATE", "boolean": "BOOLEAN", "bigint": "BIGINT", "integer": "INTEGER", "smallint": "SMALLINT"}
PLAIN |= {"double precision": "DOUBLE", "jsonb": "VARCHAR"}


@dataclass(frozen=True)
class Way:
    """One column's way: `out` writes it, `duck` is its type in Parquet, `carrier` the type of the table that takes it in, `back` restores it."""

    out: str
    duck: str
    carrier: str
    back: str


def way(column: str, kind: str) -> Way:
    """The way of a column of this PostgreSQL type."""
    c = quote(column)
    if kind.startswith("geometry"):
        return Way(f"encode(st_asbinary({c}), 'hex')", "BLOB", "geometry", f"st_setsrid({c}, 4490)")
    if kind == "timestamp with time zone":
        return Way(f"to_char({c} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')", "TIMESTAMP", "timestamp", f"{c} at time zone 'UTC'")
    if kind == "text[]":
        back = f"case when {c} is not null then array(select jsonb_array_elements_text({c}::jsonb)) end"
        return Way(f"to_json({c})::text", "VARCHAR", "text", back)
    if number := re.fullmatch(r"numeric\((\d+),(\d+)\)", kind):
        return Way(c, f"DECIMAL({number[1]},{number[2]})", kind, c)
    return Way(c, PLAIN[kind], kind, c)


def row_digest(columns: list[str]) -> str:
    """MD5 of a row's text in PostgreSQL: equal on both sides when every value is."""
    return f"md5(row({', '.join(map(quote, columns))})::text)"


def checksum_in_postgres(table: str, columns: list[str]) -> str:
    """A query for `rows:sum:sum` over the digests of a table's rows, whatever their order."""
    first, second = (f"coalesce(sum(('x' || substr(d, {at}, 15))::bit(60)::bigint::numeric), 0)" for at in (1, 17))
    return f"select count(*) || ':' || {first} || ':' || {second} from (select {row_digest(columns)} as d from {table}) x"


def checksum_in_duckdb(relation: str) -> str:
    """The same over a relation whose column `@row` holds the digests as text."""
    first, second = (f"coalesce(sum(('0x' || substr(\"@row\", {at}, 15))::bigint::hugeint), 0)" for at in (1, 17))
    return f"select count(*) || ':' || {first} || ':' || {second} from {relation}"
