"""Which rows stand behind a failed check of a dataset: found now, on what is loaded, by the claim's own condition.

A check's result keeps counts alone, and counts what changed; the owner is to mend every row that is wrong today.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import psycopg2
from psycopg2.extensions import connection as Connection

from etl import db, judging, store
from etl.engine import literal, quote
from etl.spec import Source
from etl.spec.suite import Claim

MOST = 1000  # rows listed of one check; the next delivery shows the next
PLACE = {"source_key", "row_number", "delivery_id"}
# a row with an open ticket is counted among those to mend already; by several checks it is one row
BESIDE_TICKETS = """
    with batch as ({batch}), failing as ({each})
    select count(*) from failing f where not exists (
        select from quality.ticket t where t.dataset = {dataset} and t.source_key = f.source_key and t.kind in ('wrong', 'library')
            and t.closed_on is null and t.state <> 'accepted' and not t.hint
    )
"""
# refused rows that were tried once more are numbered anew (etl.replay): the nth of those that stood open then
TRIED = """
    select delivery_id, row_number from quality.quarantine
    where dataset = %s and closed_by = %s and not exists (select from unnest(reasons) r where r like 'key_conflict%%')
    order by delivery_id collate "C", row_number
"""
REPLAY = "-replay-"
Place = tuple[str, int]  # delivery, row number


@dataclass(frozen=True)
class Failing:
    """The rows of one check: how many of how many fail, how many of these a ticket of their own names for what stands in the same
    column (`elsewhere`), and the first of the others as (source key, delivery, row number). `query`: the keys of all others."""

    total: int
    checked: int
    elsewhere: int
    rows: tuple[tuple[str, str, int], ...]
    query: str


def rows(con: Connection, source: Source, claim: Claim, columns: Sequence[str], today: date) -> Failing | None:
    """The rows that fail; None where the claim is about the whole table, or cannot be put to what is loaded. `columns`: the delivered
    ones that it looks at."""
    query = judging.failing(claim, "batch", _places(claim), today)
    if query is None or not _there(con, source):
        return None
    row = judging.by_row(claim, today)
    judged = row.judged if row else getattr(judging.whole(claim, _places(claim)), "judged", "true")
    told = f"""(select distinct f.source_key, f.delivery_id, f.row_number, exists (
        select from quality.ticket t where t.kind = 'wrong' and t.dataset = {literal(source.name)} and t.source_key = f.source_key
            and t.field in ({", ".join(map(literal, columns)) or "''"}) and t.closed_on is null and not t.hint
    ) as told from ({query}) as f) as failing"""
    batch = f"with batch as ({_batch(source)})"
    try:
        db.rows(con, "savepoint one_check")
        ((checked,),) = db.rows(con, f"{batch} select count(*) filter (where {judged}) from batch")
        found = db.rows(
            con,
            f"{batch} select count(*) over (), count(*) filter (where told) over (), told, source_key, delivery_id, row_number "
            f"from {told} order by told, delivery_id desc, row_number limit {MOST}",
        )
    except psycopg2.Error:  # a query of its own that does not say which rows it counts; the message may quote a value
        db.rows(con, "rollback to savepoint one_check")
        return None
    listed = tuple((str(key), str(delivery), int(number)) for _, _, known, key, delivery, number in found if not known)
    total, elsewhere = (int(n) for n in found[0][:2]) if found else (0, 0)
    return Failing(total, int(checked), elsewhere, listed, f"select source_key from {told} where not told")


def beside_tickets(con: Connection, source: Source, queries: Iterable[str]) -> int:
    """How many rows fail some of these checks and are not counted among those to mend by a ticket."""
    each = " union ".join(queries)
    return int(db.rows(con, BESIDE_TICKETS.format(batch=_batch(source), each=each, dataset=literal(source.name)))[0][0]) if each else 0


def _there(con: Connection, source: Source) -> bool:
    """Whether the dataset was ever loaded."""
    return bool(db.rows(con, "select to_regclass(%s) is not null", [f"staging.{quote(source.table)}"])[0][0])


def _batch(source: Source) -> str:
    """The dataset as it stands, of a table that several departments may share."""
    return f"select * from staging.{quote(source.table)} where dataset = {literal(source.name)} and removed_on is null"


def _places(claim: Claim) -> dict[str, str]:
    """Where the other tables are that a claim reads: published."""
    named = set(re.findall(r"\{(\w+\.\w+)\}", str(claim.kwargs.get("unexpected_rows_query", ""))))
    return {t: t for t in {*named, str(claim.kwargs.get("table", ""))}}


def places(con: Connection, source: Source | None, keys: Sequence[str]) -> dict[str, Place]:
    """Source key → delivery and row number in which the record stands; what is not loaded is left out."""
    if source is None or not keys or not _there(con, source):
        return {}
    sql = f"select source_key, delivery_id, row_number from staging.{quote(source.table)} where dataset = %s and source_key = any(%s)"
    return {str(key): (str(delivery), int(number)) for key, delivery, number in db.rows(con, sql, [source.name, list(keys)])}


def tried(con: Connection, dataset: str, delivery: str) -> list[Place]:
    """Where the rows of a retry stand in what the department delivered, by their number in the retry less one; nothing when some of them
    are no longer on the books, for then the numbers tell nothing."""
    stood = [(str(d), int(n)) for d, n in db.rows(con, TRIED, [dataset, delivery])]
    whole = db.rows(con, "select rows_in from ops.delivery where dataset = %s and delivery_id = %s", [dataset, delivery])
    return stood if whole == [(len(stood),)] else []


def texts(home: Path, dataset: str, wanted: Iterable[Place], columns: Sequence[str]) -> dict[Place, Mapping[str, str | None]]:
    """What the department wrote in these columns of these rows, from the landing; rows of a landing that is no longer there are left out."""
    by_delivery: dict[str, list[int]] = {}
    for delivery, number in wanted:
        by_delivery.setdefault(delivery, []).append(number)
    found: dict[Place, Mapping[str, str | None]] = {}
    with duckdb.connect(":memory:", config={"threads": 1}) as duck:
        for delivery, numbers in by_delivery.items():
            file = store.landing(home, dataset, delivery) / "rows.parquet"
            if not file.is_file():
                continue
            there = {str(r[0]) for r in duck.execute("select name from parquet_schema(?)", [str(file)]).fetchall()}
            shown = [c for c in columns if c in there]
            named = ", ".join(f"{quote(c)}::varchar" for c in ("row_number", *shown))
            for number, *told in duck.execute(
                f"select {named} from read_parquet({literal(str(file))}) where row_number = any(?)", [numbers]
            ).fetchall():
                found[delivery, int(number)] = dict(zip(shown, told, strict=True))
    return found
