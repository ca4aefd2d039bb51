"""A set's rows as they are published: counts with small cells hidden, facts as they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from etl.errors import UsageError
from etl.exchange.opening.suppress import hidden, rounded, with_totals
from etl.spec.opendata import OpenSet

TOTAL = "合计"
HIDDEN = "suppressed"
HIDDEN_TITLE = "已隐去"


def counts(name: str, each: OpenSet, rows: Sequence[tuple[Any, ...]], k: int, base: int) -> pa.Table:
    """The published two-way table in long form: dimensions, measure (NULL where hidden), `suppressed`. Totals are called 合计."""
    assert each.counts is not None
    names = list(each.columns)
    at = {n: names.index(n) for n in names}
    down = [tuple(_text(name, r[at[n]]) for n in each.counts.rows) for r in rows]
    across = [tuple(_text(name, r[at[n]]) for n in each.counts.columns) for r in rows]
    row_keys, column_keys = sorted(set(down)), sorted(set(across))
    totals = 1 if rows else 0  # of nothing there is no table
    cells = np.zeros((len(row_keys), len(column_keys)), dtype=np.int64)
    row_at, column_at = {v: i for i, v in enumerate(row_keys)}, {v: i for i, v in enumerate(column_keys)}
    for r, d, a in zip(rows, down, across, strict=True):
        cells[row_at[d], column_at[a]] += int(r[at[each.counts.measure]])
    gone, shown = hidden(cells, k), rounded(with_totals(cells), base)
    row_keys += [(TOTAL,) * len(each.counts.rows)] * totals
    column_keys += [(TOTAL,) * len(each.counts.columns)] * totals
    values: dict[str, list[Any]] = {n: [] for n in [*names, HIDDEN]}
    for i, row_key in enumerate(row_keys):
        for j, column_key in enumerate(column_keys):
            for n, v in [*zip(each.counts.rows, row_key, strict=True), *zip(each.counts.columns, column_key, strict=True)]:
                values[n].append(v)
            values[each.counts.measure].append(None if gone[i, j] else int(shown[i, j]))
            values[HIDDEN].append(bool(gone[i, j]))
    kinds = {n: pa.int64() if n == each.counts.measure else pa.bool_() if n == HIDDEN else pa.string() for n in values}
    return pa.table({n: pa.array(v, kinds[n]) for n, v in values.items()})


def _text(name: str, value: Any) -> str:
    if value is None:
        raise UsageError(f"sql/open/{name}.sql：维度列里有空值；请在 SQL 里写成“不详”")
    return str(value)
