"""Separated text without quoting: a separator inside a value cannot be told from one between values, so the number
of fields is all there is to check."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from etl.extract.formats.separated import BLOCK, BOM, anything_from
from etl.extract.reading import Raw, Reading
from etl.extract.rows import no_rows_in

NEVER = "\x01"  # no text holds it: the whole line is one column


def read(raw: Raw, reading: Reading) -> None:
    """Reads one file; a row with another number of fields than declared keeps what it has, and their number in @shape."""
    path = reading.utf8(raw)
    with path.open("rb") as f:
        start = len(BOM) if f.read(len(BOM)) == BOM else 0
        f.seek(start)
        names = reading.names.declared
        if reading.terms.header:
            line = f.readline()
            start += len(line)
            delivered = line.decode("utf-8").rstrip("\r\n").removesuffix(reading.terms.separator)
            if not delivered:
                raise no_rows_in(raw.name)
            names = reading.names.header(delivered.split(reading.terms.separator), raw.name)
    _lines(raw, path, start, names, reading)


def _lines(raw: Raw, path: Path, start: int, names: list[str], reading: Reading) -> None:
    if not anything_from(path, start):
        return
    trailing: bool | None = None
    with pa.OSFile(str(path)) as f:
        f.seek(start)
        batches = pyarrow.csv.open_csv(
            f,
            read_options=pyarrow.csv.ReadOptions(column_names=["line"], block_size=BLOCK),
            parse_options=pyarrow.csv.ParseOptions(delimiter=NEVER, quote_char=False),
            convert_options=pyarrow.csv.ConvertOptions(column_types={"line": pa.string()}),
        )
        for batch in batches:
            lines = batch.column("line")
            lines = lines.filter(pc.greater(pc.binary_length(pc.utf8_trim_whitespace(lines)), 0))
            if not len(lines):
                continue
            if trailing is None:
                trailing = _trailing(lines, reading.terms.separator, len(names))
            _split(raw, lines, names, reading, trailing=trailing)


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
