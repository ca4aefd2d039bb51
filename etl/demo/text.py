"""Columns of text as Arrow arrays: picked from pools, joined, patched; nothing here loops over rows of a big column."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl.demo.chance import Ints, Mask

Text: TypeAlias = pa.Array


def pool(words: Sequence[str | None]) -> Text:
    """A vocabulary to pick from."""
    return pa.array(list(words), type=pa.string())


def pick(words: Text | Sequence[str | None], index: npt.ArrayLike) -> Text:
    """words[index]; a negative index gives null."""
    source = words if isinstance(words, pa.Array) else pool(words)
    i = np.asarray(index, dtype=np.int64)
    negative = i < 0
    return source.take(pa.array(i, mask=negative) if negative.any() else pa.array(i))


def join(*parts: Text | str) -> Text:
    """Row by row concatenation; null counts as empty."""
    return pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")


def of(values: npt.ArrayLike) -> Text:
    """Whole numbers as text."""
    return pc.cast(pa.array(np.asarray(values, dtype=np.int64)), pa.string())


def padded(values: npt.ArrayLike, width: int) -> Text:
    """Whole numbers with leading zeros."""
    return pc.utf8_lpad(of(values), width, "0")


def same(word: str | None, n: int) -> Text:
    """One word n times."""
    return pa.array([word], type=pa.string()).take(pa.array(np.zeros(n, dtype=np.int64)))


def where(mask: Mask, yes: Text | str | None, no: Text | str | None) -> Text:
    """yes where the mask holds, else no; a plain word stands for a whole column."""
    arrays = [pa.scalar(v, type=pa.string()) if v is None or isinstance(v, str) else v for v in (yes, no)]
    return pc.if_else(pa.array(mask), *arrays)


def put(column: Text, rows: npt.ArrayLike, values: Text | Sequence[str | None]) -> Text:
    """The column with other values in those rows (given as ascending row numbers)."""
    index = np.asarray(rows, dtype=np.int64)
    if not len(index):
        return column
    mask = np.zeros(len(column), dtype=bool)
    mask[index] = True
    return pc.replace_with_mask(column, pa.array(mask), values if isinstance(values, pa.Array) else pool(values))


def change(column: Text, rows: Mask, function: Callable[[str, int], str | None], chance_bits: Ints | None = None) -> Text:
    """The column with function(value, random number) in the rows of the mask; for the few damaged rows only."""
    index = np.flatnonzero(rows)
    if not len(index):
        return column
    bits = np.arange(len(column), dtype=np.int64) if chance_bits is None else chance_bits
    old = column.take(pa.array(index)).to_pylist()
    return put(column, index, [None if v is None else function(v, int(b)) for v, b in zip(old, bits[index], strict=True)])


def days(values: npt.ArrayLike, pattern: str = "%Y%m%d") -> Text:
    """Days since 1970 (negative = none) as text in a strftime pattern; NaT marker is the least integer."""
    d = np.asarray(values, dtype=np.int64)
    none = d == NO_DAY
    low, high = (int(d[~none].min()), int(d[~none].max())) if (~none).any() else (0, 0)
    index = np.where(none, -1, d - low)
    return pick(_calendar(low, high, pattern), index)


NO_DAY = np.iinfo(np.int64).min


@lru_cache(maxsize=64)
def _calendar(low: int, high: int, pattern: str) -> Text:
    """Every day from low to high; the pattern may hold %Y, %m, %d."""
    year, month, day_of_month = parts(np.arange(low, high + 1))
    numbers = {"%Y": padded(year, 4), "%m": padded(month, 2), "%d": padded(day_of_month, 2)}
    return join(*[numbers.get(piece, piece) for piece in re.split("(%[Ymd])", pattern) if piece])


def dates(values: npt.ArrayLike) -> pa.Array:
    """Days since 1970 as Arrow dates, NO_DAY as null."""
    d = np.asarray(values, dtype=np.int64)
    return pa.array(np.where(d == NO_DAY, 0, d).astype(np.int32), mask=d == NO_DAY).cast(pa.date32())


def day(text: str) -> int:
    """2018-03-01 → days since 1970."""
    return int(np.datetime64(text, "D").astype(np.int64))


def parts(values: npt.ArrayLike) -> tuple[Ints, Ints, Ints]:
    """Year, month and day of the month of days since 1970."""
    d = np.asarray(values, dtype=np.int64).astype("datetime64[D]")
    month = d.astype("datetime64[M]")
    year = d.astype("datetime64[Y]")
    return (year.astype(np.int64) + 1970, month.astype(np.int64) % 12 + 1, (d - month).astype(np.int64) + 1)
