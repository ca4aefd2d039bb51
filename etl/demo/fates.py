"""Row errors and the account of every row: what a careful reader of the delivery must conclude."""

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl.demo import text
from etl.demo.chance import Chance, Ints, Mask
from etl.demo.city import START
from etl.demo.rows import Dataset, Rows
from etl.demo.text import Text

BAD_DATES = ("2017-02-30", "20171345", "2016-01-32", "00000000", "不详", "2016年")
BAD_CODES = ("7", "A", "X", "未知", "99")
BAD_NUMBER = "见附件"
RATES = {
    "duplicate": 0.0018,
    "key_conflict": 0.0003,
    "missing_key": 0.0002,
    "bad_date": 0.0006,
    "bad_code": 0.0003,
    "bad_number": 0.0012,
    "bad_shape": 0.001,
}
BAD_SHAPE_MARK = "\x00"
# so few rows get no bad one: a tenth of them bad would hold the whole delivery
SMALL = 40


@dataclass
class Delivered:
    """Rows in delivered order: `row` leads back to the builder's records, `injected` names the error put in (null = none)."""

    table: pa.Table
    row: Ints
    injected: Text

    def only(self, at: Ints) -> "Delivered":
        """Those rows."""
        return Delivered(self.table.take(pa.array(at)), self.row[at], self.injected.take(pa.array(at)))


@dataclass
class Accounts:
    """Fate, reason and source_key of every delivered row, and the keys that left."""

    fate: Text
    reason: Text
    source_key: Text
    removed: Text
    held: pa.Table


def _victims(dataset: Dataset, chance: Chance, ids: Ints, harshness: float, fresh: bool, recent: Mask) -> dict[str, Mask]:
    """Disjoint masks of the records that get each error, never the `recent` ones.

    On day 0 of a dataset of 100 records each error occurs at least once.
    """
    wanted = ["duplicate", "key_conflict", "missing_key"]
    wanted += ["bad_date"] if dataset.required_dates else []
    wanted += ["bad_code"] if dataset.required_codes else []
    wanted += ["bad_number"] if dataset.required_numbers else []
    wanted += ["bad_shape"] if dataset.shape_errors else []
    wanted = wanted if len(ids) >= SMALL else wanted[:1]
    taken = recent.copy()
    out = {name: np.zeros(len(ids), dtype=bool) for name in RATES}
    for name in wanted:
        u = np.where(taken, 2.0, chance.uniform(f"row {name}", ids))
        mask = u < RATES[name] * harshness
        if fresh and harshness and len(ids) >= 100 and not mask.any() and u.min() < 1:
            mask[np.argmin(u)] = True
        taken |= mask
        out[name] = mask
    return out


def _misdated(dataset: Dataset, columns: dict[str, Text]) -> Text:
    """bad_date where the builder itself wrote a day that is in no calendar."""
    n = len(next(iter(columns.values())))
    if not dataset.required_dates:
        return text.same(None, n)
    wrong = pc.match_substring_regex(columns[dataset.required_dates[0]], "-02-30$|-32$")
    return pc.if_else(wrong, "bad_date", pa.scalar(None, pa.string()))


def _conflicting(column: Text) -> Text:
    """Another value in a content column."""
    return pc.if_else(pc.match_substring_regex(pc.fill_null(column, ""), r"[0-9]$"), text.join(column, "9"), text.join(column, "甲"))


def deliver(dataset: Dataset, rows: Rows, chance: Chance, harshness: float, fresh: bool) -> Delivered:
    """The rows in delivered order with every row error; records appear in an order that the week does not change."""
    n, ids = len(rows.ids), rows.ids
    columns = dict(rows.columns)
    since = rows.since if rows.since is not None else np.zeros(n, dtype=np.int64)
    order = since * 10.0 + (np.arange(n) / max(n, 1) if dataset.ordered else chance.uniform("order", ids))
    order = order if rows.updated is None else rows.updated.astype(np.float64)
    injected = text.same(None, n)
    if dataset.clean:
        injected = _misdated(dataset, columns)
        position = np.lexsort((np.arange(n), order))
        return Delivered(pa.table(columns).take(pa.array(position)), position, injected.take(pa.array(position)))
    recent = np.zeros(n, dtype=bool) if rows.updated is None else rows.updated >= START * 86_400
    victims = _victims(dataset, chance, ids, harshness, fresh, recent)
    bits = (chance.bits("row error", ids) >> np.uint64(4)).astype(np.int64)

    def spoil(error: str, names: tuple[str, ...], words: tuple[str | None, ...]) -> None:
        nonlocal injected
        at = np.flatnonzero(victims[error])
        if len(at):
            for name in names:
                columns[name] = text.put(columns[name], at, [words[b % len(words)] for b in bits[at].tolist()])
            injected = text.put(injected, at, [error] * len(at))

    spoil("bad_date", dataset.required_dates[:1], BAD_DATES)
    spoil("bad_code", dataset.required_codes[:1], BAD_CODES)
    spoil("bad_number", dataset.required_numbers[:1], (BAD_NUMBER,))
    spoil("missing_key", dataset.key, (None, "", "  "))
    if dataset.shape_errors:
        last = list(columns)[-1]
        at = np.flatnonzero(victims["bad_shape"])
        columns[last] = text.put(columns[last], at, [BAD_SHAPE_MARK] * len(at))
        injected = text.put(injected, at, ["bad_shape"] * len(at))
    again = np.flatnonzero(victims["duplicate"])
    conflict = np.flatnonzero(victims["key_conflict"])
    touch = dataset.touch or next(c for c in columns if c not in dataset.key)
    row = np.concatenate([np.arange(n), again, conflict])
    later = np.concatenate(
        [
            order,
            order[again] + 1e-3 + 0.01 * chance.uniform("again", ids[again]),
            order[conflict] + 0.2 * chance.uniform("conflict", ids[conflict]),
        ]
    )
    table = pa.table(columns).take(pa.array(row))
    touched = table.column(touch).combine_chunks()
    at = np.arange(n + len(again), len(row))
    touched = text.put(touched, at, _conflicting(touched.take(pa.array(at))))
    table = table.set_column(table.column_names.index(touch), touch, touched)
    position = np.lexsort((np.arange(len(row)), later))
    return Delivered(table.take(pa.array(position)), row[position], injected.take(pa.array(row[position])))


_JUDGED = """
CREATE OR REPLACE TEMP TABLE f AS
SELECT d.n, d.key, d.content, d.n > first AS again, held.content AS before,
       CASE WHEN blank THEN 'missing_key' WHEN different THEN 'key_conflict' WHEN injected <> 'missing_key' THEN injected END AS reason
FROM d
LEFT JOIN (SELECT key, min(content) <> max(content) AS different, min(n) AS first FROM d WHERE NOT blank GROUP BY key) k
  ON k.key = d.key AND NOT blank
LEFT JOIN held ON held.key = d.key AND NOT blank
"""
_FATED = """
CREATE OR REPLACE TEMP TABLE a AS
SELECT n, key, content, reason,
       CASE WHEN reason IS NOT NULL THEN 'bad' WHEN again THEN 'duplicate' WHEN before IS NULL THEN 'new'
            WHEN before = content THEN 'unchanged' ELSE 'changed' END AS fate
FROM f
"""


def _key_text(table: pa.Table, key: tuple[str, ...]) -> tuple[Text, Mask]:
    """Key parts trimmed and joined by |, and whether any part is empty."""
    parts = [pc.fill_null(pc.utf8_trim_whitespace(table.column(k)).combine_chunks(), "") for k in key]
    empty = np.zeros(table.num_rows, dtype=bool)
    for p in parts:
        empty |= pc.equal(p, "").to_numpy(zero_copy_only=False)
    joined = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, "|")
    return joined, empty


def empty_state() -> pa.Table:
    """Nothing held yet."""
    return pa.table({"key": pa.array([], pa.string()), "content": pa.array([], pa.uint64())})


def account(con: duckdb.DuckDBPyConnection, dataset: Dataset, delivered: Delivered, held: pa.Table) -> Accounts:
    """Compares a delivery with what is held (key, content) by the rules of the row fates; gives what is held afterwards."""
    table = delivered.table
    key, empty = _key_text(table, dataset.key)
    content = [c for c in table.column_names if c not in dataset.not_content and not c.startswith("@")]
    named = pa.table({f"c{i}": table.column(c) for i, c in enumerate(content)})
    rows = named.append_column("key", key).append_column("blank", pa.array(empty)).append_column("injected", delivered.injected)
    rows = rows.append_column("n", pa.array(np.arange(1, table.num_rows + 1)))
    con.register("rows", rows)
    con.register("held", held)
    hashed = ", ".join(f"coalesce(c{i}, '')" for i in range(len(content)))
    con.execute(f"CREATE OR REPLACE TEMP TABLE d AS SELECT n, key, blank, injected, hash({hashed}) content FROM rows")
    con.execute(_JUDGED)
    con.execute(_FATED)
    done = con.sql("SELECT fate, reason, key FROM a ORDER BY n").to_arrow_table()
    full = dataset.kind == "full"
    gone = con.sql(
        f"SELECT key FROM held WHERE {full} AND key NOT IN (SELECT key FROM d WHERE key IS NOT NULL) ORDER BY key"
    ).to_arrow_table()
    after = con.sql(f"""SELECT key, content FROM a WHERE fate IN ('new', 'changed', 'unchanged')
        UNION ALL SELECT key, content FROM held WHERE key NOT IN (SELECT key FROM a WHERE fate IN ('new', 'changed', 'unchanged'))
          AND NOT ({full} AND key NOT IN (SELECT key FROM d WHERE key IS NOT NULL))""").to_arrow_table()
    for name in ("d", "f", "a"):
        con.execute(f"DROP TABLE {name}")
    con.unregister("rows")
    con.unregister("held")
    columns = {c: done.column(c).combine_chunks() for c in done.column_names}
    return Accounts(columns["fate"], columns["reason"].cast(pa.string()), columns["key"], gone.column("key").combine_chunks(), after)


Told = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]


def differs(con: duckdb.DuckDBPyConnection, dataset: Dataset, rows: Rows, told: Told | None) -> tuple[Mask, Told]:
    """Which records say something that was not told of them before (record ids ascending, hashes); and what is told from now on."""
    columns = [c for c in rows.columns if c not in dataset.not_content]
    con.register("rows", pa.table({f"c{i}": rows.columns[c] for i, c in enumerate(columns)}))
    hashed = ", ".join(f"coalesce(c{i}, chr(1))" for i in range(len(columns)))
    hashes = con.sql(f"SELECT hash({hashed}) h FROM rows").to_arrow_table().column("h").to_numpy()
    con.unregister("rows")
    order = np.argsort(rows.ids, kind="stable")
    now = (rows.ids[order], hashes[order])
    if told is None or not len(told[0]):
        return np.ones(len(rows.ids), dtype=bool), now
    at = np.minimum(np.searchsorted(told[0], rows.ids), len(told[0]) - 1)
    return (told[0][at] != rows.ids) | (told[1][at] != hashes), now
