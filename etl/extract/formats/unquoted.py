"""Separated text without quoting: a separator inside a value cannot be told from one between values, so the number
of fields is all there is to check."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.extract.formats.separated import BLOCK, BOM, HEADER_BYTES, bounded
from etl.extract.limits import size, too_big
from etl.extract.reading import Raw, Reading
from etl.extract.rows import no_rows_in


def read(raw: Raw, reading: Reading) -> None:
    """Reads one file; a row with another number of fields than declared keeps what it has, and their number in @shape."""
    path = reading.utf8(raw)
    with path.open("rb") as f:
        start = len(BOM) if f.read(len(BOM)) == BOM else 0
        f.seek(start)
        names = reading.names.declared
        if reading.terms.header:
            line = next(bounded(f, min(reading.limits.record, HEADER_BYTES), f"{raw.name} 的表头"), b"")
            start += len(line)
            delivered = line.decode("utf-8").rstrip("\r\n").removesuffix(reading.terms.separator)
            if not delivered:
                raise no_rows_in(raw.name)
            names = reading.names.header(delivered.split(reading.terms.separator), raw.name)
    _lines(raw, path, start, names, reading)


def _lines(raw: Raw, path: Path, start: int, names: list[str], reading: Reading) -> None:
    trailing: bool | None = None
    for text in _blocks(raw, path, start, reading.limits.record):
        lines = pc.list_flatten(pc.split_pattern(pa.array([text], pa.string()), "\n"))
        lines = lines.filter(pc.greater(pc.binary_length(pc.utf8_trim_whitespace(lines)), 0))
        if not len(lines):
            continue
        if trailing is None:
            trailing = _trailing(lines, reading.terms.separator, len(names))
        _split(raw, lines, names, reading, trailing=trailing)


def _blocks(raw: Raw, path: Path, start: int, limit: int) -> Iterator[bytes]:
    """Whole lines, some megabytes at a time, every line end as a line feed. Raises too_big for a line beyond `limit`."""
    rest = b""
    with path.open("rb") as f:
        f.seek(start)
        while block := f.read(BLOCK):
            text = rest + block
            cut = max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1  # the last \r may be half of a \r\n
            rest = text[cut:]
            if len(rest) > limit:
                raise too_big(f"{raw.name} 中有一行", f"超过 {size(limit)}", size(limit))
            if cut:
                yield _line_feeds(text[:cut])
    if rest:
        yield _line_feeds(rest)


def _line_feeds(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in text else text


def _trailing(lines: pa.Array, separator: str, width: int) -> bool:
    """Whether the rows of this file end with a separator: more of the whole ones do than do not."""
    count, ends = pc.count_substring(lines, separator), pc.ends_with(lines, separator)
    closed = pc.sum(pc.and_(ends, pc.equal(count, width))).as_py() or 0
    unclosed = pc.sum(pc.and_not(pc.equal(count, width - 1), ends)).as_py() or 0
    return bool(closed > unclosed)


def _split(raw: Raw, lines: pa.Array, names: list[str], reading: Reading, *, trailing: bool) -> None:
    separator, width = reading.terms.separator, len(names)
    if trailing:
        ends = pc.ends_with(lines, separator)
        lines = pc.if_else(ends, pc.utf8_slice_codeunits(lines, 0, -len(separator)), lines)
    parts = pc.split_pattern(lines, separator)
    found = pc.list_value_length(parts)
    flat = pc.list_flatten(pc.list_slice(parts, 0, width, return_fixed_size_list=True))
    flat = pc.if_else(pc.equal(flat, ""), pa.scalar(None, pa.string()), flat)
    at = np.arange(len(lines)) * width
    columns = {name: flat.take(pa.array(at + i)) for i, name in enumerate(names)}
    shape = pc.if_else(pc.equal(found, width), pa.scalar(None, pa.int32()), pc.cast(found, pa.int32()))
    reading.write(raw, columns, shape=shape)
