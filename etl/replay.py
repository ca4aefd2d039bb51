"""Quarantined rows once more: read from the landing where it is still there, else from the record kept with the refusal.

A landing holds what the record does not: the geometry, the title and the file name that a period is read from.
"""

from pathlib import Path

import duckdb
from psycopg2.extensions import connection as Connection

from etl import db, store
from etl.engine import folder, literal, quote
from etl.spec import Source


def requeue(con: Connection, duck: duckdb.DuckDBPyConnection, source: Source, home: Path) -> tuple[Path, int]:
    """Writes the open quarantined rows of a dataset as a landing's rows.parquet (numbered anew). Returns it and the rows.

    It lies in the private folder of `duck`. Rows of a key in conflict stay where they are: no rule can tell which of them is right.
    """
    kept = folder(duck) / "requeue.parquet"
    sql = f"""
        select delivery_id, row_number, record::text from quality.quarantine
        where dataset = {literal(source.name)} and status = 'open' and not exists (select from unnest(reasons) r where r like 'key_conflict%')
    """
    db.copy_out(con, sql, {"delivery_id": "VARCHAR", "number": "BIGINT", "record": "JSON"}, kept, duck)
    deliveries = [str(d) for (d,) in duck.execute(f"select distinct delivery_id from read_parquet('{kept}') order by 1").fetchall()]
    landed = {d: file for d in deliveries if (file := store.landing(home, source.name, d) / "rows.parquet").is_file()}
    parts = [_of_landing(kept, d, file) for d, file in landed.items()]
    if len(landed) < len(deliveries) or not deliveries:
        parts.append(_of_records(kept, source, list(landed)))
    out = folder(duck) / "rows.parquet"
    duck.execute(
        f"copy (select row_number() over (order by delivery_id, number) as row_number, * exclude (delivery_id, number) "
        f"from ({' union all by name '.join(parts)})) to '{out}' (format parquet)"
    )
    tried = int(duck.execute(f"select count(*) from read_parquet('{out}')").fetchall()[0][0])
    kept.unlink()
    return out, tried


def _of_landing(kept: Path, delivery_id: str, file: Path) -> str:
    """SQL: the refused rows of one delivery as they were landed."""
    return (
        f"select k.delivery_id, k.number, r.* exclude (row_number) from read_parquet('{kept}') k join read_parquet('{file}') r on r.row_number = k.number "
        f"where k.delivery_id = {literal(delivery_id)}"
    )


def _of_records(kept: Path, source: Source, landed: list[str]) -> str:
    """SQL: the others, from the texts that were kept."""
    texts = [f"record ->> {literal('$.' + chr(34) + c + chr(34))} as {quote(c)}" for c in source.columns if not c.startswith("@file")]
    listed = [*texts, "record"] if source.rest else texts
    others = f" where delivery_id not in ({', '.join(map(literal, landed))})" if landed else ""
    return f"select delivery_id, number, {', '.join(listed)} from read_parquet('{kept}'){others}"
