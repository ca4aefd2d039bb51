"""The proposed spec put to the test: the whole file through the real reader, the real rules and the real account."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from etl import extract
from etl.account import account
from etl.clean import clean
from etl.engine import literal
from etl.spec import Registry, Source


@dataclass(frozen=True)
class Trial:
    """Rows in; of them accepted, repeated, refused (by reason code); findings by (delivered column, problem)."""

    rows_in: int
    accepted: int
    repeated: int
    refused: dict[str, int]
    findings: dict[tuple[str, str], int]

    @property
    def rows_refused(self) -> int:
        return self.rows_in - self.accepted - self.repeated


def run(con: duckdb.DuckDBPyConnection, registry: Registry, source: Source, file: Path, folder: Path, today: date) -> Trial:
    """Leaves the views `delivered` and `cleaned` and the table `fate` behind. Raises DeliveryRefused as a delivery would."""
    rows = extract.read_file(source, file, folder)
    cleaned = folder / "cleaned.parquet"
    cleaned = clean(con, registry, source, rows, cleaned, today)
    con.execute("create or replace table nothing (source_key varchar, row_hash uuid, removed_on date, delivered_on date)")
    done = account(con, cleaned, "nothing", full=False, day=today)
    con.execute(f"create or replace view delivered as select * from read_parquet({literal(str(rows))})")
    con.execute(f"create or replace view cleaned as select * from read_parquet({literal(str(cleaned))})")
    refused = con.execute("""
        select split_part(reason, ':', 1), count(*) from (select unnest(reasons) as reason from fate where fate = 'quarantined') group by 1 order by 2 desc""").fetchall()
    found = con.execute("""
        select f."column", f.problem, count(*) from (select unnest(findings) as f from cleaned) group by 1, 2 order by 3 desc, 1, 2""").fetchall()
    return Trial(
        done.rows_in,
        done.rows_new + done.rows_changed + done.rows_unchanged,
        done.rows_duplicate,
        dict(refused),
        {(c, p): n for c, p, n in found},
    )
