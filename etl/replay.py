"""Quarantined rows once more: read from the landing where it is still there, else from the record kept with the refusal."""

from pathlib import Path

import duckdb
from psycopg2.extensions import connection as Connection

from etl import db
from etl.engine import folder, literal, quote
from etl.spec import Source


def requeue(con: Connection, duck: duckdb.DuckDBPyConnection, source: Source) -> tuple[Path, int]:
    """Writes the open quarantined rows of a dataset as a landing's rows.parquet (numbered anew). Returns it and the rows.

    It lies in the private folder of `duck`. Rows of a key in conflict stay where they are: no rule can tell which of them is right.
    """
    kept = folder(duck) / "requeue.parquet"
    sql = f"""
        select delivery_id, row_number, record::text from quality.quarantine
        where dataset = {literal(source.name)} and status = 'open' and not exists (select from unnest(reasons) r where r like 'key_conflict%')
    """
    db.copy_out(con, sql, {"delivery_id": "VARCHAR", "number": "BIGINT", "record": "JSON"}, kept, duck)
    columns = list(source.columns)
    listed = ", ".join(f"record ->> {literal('$.' + chr(34) + c + chr(34))} as {quote(c)}" for c in columns if not c.startswith("@file"))
    if source.rest:
        listed += ", record"
    out = folder(duck) / "rows.parquet"
    duck.execute(
        f"copy (select row_number() over (order by delivery_id, number) as row_number, {listed} from read_parquet('{kept}')) to '{out}' (format parquet)"
    )
    tried = int(duck.execute(f"select count(*) from read_parquet('{out}')").fetchall()[0][0])
    kept.unlink()
    return out, tried
