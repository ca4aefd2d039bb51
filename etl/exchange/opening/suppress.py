"""Hiding small counts in a two-way table with totals, so that no hidden count can be computed from what is shown.

Primary: every cell or total below k, zeros too. Complementary: for each primary cell a rectangle of hidden cells along which units can be moved
without changing any shown figure. As x_ij grows by d, its row and column partners shrink by d and the opposite corner grows: all sums stay.
How far that can go, until a cell would be negative, is known, so each rectangle is a proof that the cell could as well be another number, over
a span of at least k. Totals count as one more row and column, whose cells move the other way. Deterministic: the same table, the same cells.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]
Hidden = npt.NDArray[np.bool_]
ENDLESS = np.int64(1) << 60


def with_totals(cells: Whole) -> Whole:
    """The table with a row and a column of totals: (r, c) → (r + 1, c + 1)."""
    rows = np.vstack([cells, cells.sum(axis=0)])
    return np.hstack([rows, rows.sum(axis=1, keepdims=True)])


def hidden(cells: Whole, k: int) -> Hidden:
    """Which cells and totals must not be shown: (r, c) counts → (r + 1, c + 1) of truth values; the last row and column are the totals."""
    table = with_totals(cells)
    found: Hidden = table < k
    for i, j in np.argwhere(found).tolist():
        _protect(table, found, i, j, k)
    return found


def _protect(table: Whole, found: Hidden, i: int, j: int, k: int) -> None:
    """Hides the cheapest rectangle through (i, j) that lets the cell vary over k or more; nothing when one is hidden already.

    There always is one: with both totals of the cell and the grand total hidden, all four corners grow together without end.
    """
    rows, columns = table.shape
    row_sign = np.where(np.arange(rows) == rows - 1, -1, 1)[:, None]
    column_sign = np.where(np.arange(columns) == columns - 1, -1, 1)[None, :]
    here = int(row_sign[i, 0] * column_sign[0, j])
    beside, below, across = -row_sign[i, 0] * column_sign, -row_sign * column_sign[0, j], row_sign * column_sign
    corners = ((here, table[i, j]), (beside, table[i][None, :]), (below, table[:, j][:, None]), (across, table))
    span = _reach(corners, -1, table.shape) + _reach(corners, 1, table.shape)
    price = _price(table[i], found[i])[None, :] + _price(table[:, j], found[:, j])[:, None] + _price(table, found)
    allowed = span >= k
    allowed[i, :] = False
    allowed[:, j] = False
    at = int(np.argmin(np.where(allowed, price, ENDLESS)))
    i2, j2 = divmod(at, columns)
    found[i, j2] = found[i2, j] = found[i2, j2] = True


def _reach(corners: Sequence[tuple[Any, Any]], sign: int, shape: tuple[int, int]) -> Whole:
    """How far all rectangles can be turned in one direction: the smallest count among the corners that shrink (those of this sign)."""
    reach = np.full(shape, ENDLESS // 4, dtype=np.int64)
    for direction, count in corners:
        reach = np.minimum(reach, np.where(np.equal(direction, sign), count, ENDLESS // 4))
    return reach


def _price(counts: Whole, found: Hidden) -> Whole:
    """What hiding costs: the count that is lost, nothing where it is hidden already."""
    return np.where(found, 0, counts + 1)


def rounded(table: Whole, base: int) -> Whole:
    """To the nearest multiple of `base`, halves up: two releases then differ by nothing or by `base` and more, never by one person."""
    return (table + base // 2) // base * base
