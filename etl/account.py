"""What becomes of each delivered row, judged by key and row hash against the last accepted snapshot (fates.md).

rows in = new + changed + unchanged + duplicate + quarantined, or the delivery fails; removed keys stand apart.
"""

from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from pathlib import Path

import duckdb

from etl.engine import count
from etl.spread import Input, Part, Work, spread

FATES = ("new", "changed", "unchanged", "duplicate", "quarantined")


@dataclass(frozen=True)
class Account:
    """Rows of one delivery by fate."""

    rows_in: int
    rows_new: int
    rows_changed: int
    rows_unchanged: int
    rows_duplicate: int
    rows_quarantined: int
    rows_removed: int

    def __post_init__(self) -> None:
        told = self.rows_new + self.rows_changed + self.rows_unchanged + self.rows_duplicate + self.rows_quarantined
        if told != self.rows_in:
            raise AssertionError(f"账不平：收到 {self.rows_in} 行，各类之和 {told} 行")

    def as_dict(self) -> dict[str, int]:
        """Column → rows, as in ops.delivery."""
        return asdict(self)


def account(con: duckdb.DuckDBPyConnection, cleaned: Path, snapshot: str | Path, *, full: bool, day: date) -> Account:
    """Gives every cleaned row its fate.

    `snapshot` is a relation or a Parquet file (source_key, row_hash, removed_on, delivered_on); a version that a later delivery brought
    is not undone by an increment that comes late (`day` = its date); a full delivery is never late. Creates the tables `fate` (row_number, source_key,
    fate, known, reasons) and `removed` (source_key); `known` says that the key is held already (or once was).
    """
    inputs = {
        "account_cleaned": Input(cleaned, "[source_key]", "row_number, source_key, row_hash, reasons"),
        "account_held": Input(snapshot, "[source_key]", "source_key, row_hash, removed_on, delivered_on"),
    }
    for table, sql in spread(con, Work("account", partial(fates, full, day), inputs)).items():
        con.execute(f"create or replace table {table} as {sql}")
    by = dict(con.execute("select fate, count(*) from fate group by fate").fetchall())
    counts = {f"rows_{fate}": int(by.get(fate, 0)) for fate in FATES}
    return Account(rows_in=count(con, "select count(*) from fate"), rows_removed=count(con, "select count(*) from removed"), **counts)


def fates(full: bool, day: date, con: duckdb.DuckDBPyConnection, part: Part) -> dict[str, str]:
    """SQL of the two tables, over the views `account_cleaned` and `account_held`: all rows, or all rows of some keys."""
    fate = f"""
        with twice as (
            select source_key from account_cleaned where source_key is not null group by source_key having min(row_hash) <> max(row_hash)
        ),
        nth as (
            select c.*, twice.source_key is not null as conflict,
                row_number() over (partition by c.source_key, c.row_hash order by c.row_number) as nth
            from account_cleaned c left join twice on twice.source_key = c.source_key
        )
        select n.row_number, n.source_key, s.source_key is not null as known,
            case when n.source_key is null or conflict then 'quarantined'
                when nth > 1 then 'duplicate'
                when len(n.reasons) > 0 then 'quarantined'
                when s.source_key is null or s.removed_on is not null then 'new'
                when s.row_hash = n.row_hash then 'unchanged'
                when {"false" if full else f"s.delivered_on > date '{day}'"} then 'unchanged'
                else 'changed' end as fate,
            case when conflict then list_append(n.reasons, 'key_conflict: 同一主键在本次交付中出现多次而内容不同，无法判断哪一行为准') else n.reasons end as reasons
        from nth n left join account_held s on s.source_key = n.source_key
    """
    gone = "select source_key from account_held where removed_on is null and source_key not in (select source_key from account_cleaned where source_key is not null)"
    return {"fate": fate, "removed": gone if full else f"{gone} and false"}
