"""CSV: quoted fields with separators and line ends inside. Columnar (pyarrow) as long as every row has its fields;
else once more in Python, which can tell which row has not."""

import csv
from collections.abc import Container, Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from etl.errors import DeliveryRefused
from etl.extract.limits import size, too_big
from etl.extract.reading import Raw, Reading
from etl.extract.rows import BATCH, no_rows_in, texts
from etl.extract.values import shortest

BLOCK = 8 * 1024 * 1024
BOM = b"\xef\xbb\xbf"
HEADER_BYTES = 4 * 1024 * 1024  # two thousand names of two thousand bytes


def read(raw: Raw, reading: Reading) -> None:
    """Reads one CSV file. Raises DeliveryRefused: encoding, missing_column, format, truncated, too_big."""
    path = reading.utf8(raw)
    with path.open("rb") as f:
        start = len(BOM) if f.read(len(BOM)) == BOM else 0
        f.seek(start)
        if reading.terms.header:
            names, start = _header(f, start, raw, reading)
        else:
            names = reading.names.declared
    mark = reading.rows.begin()
    try:
        if _odd_quotes(path):
            raise pa.ArrowInvalid("a quote is left open, or stands inside a field")
        columnar(raw, path, start, names, reading)
    except pa.ArrowInvalid:
        reading.rows.back(mark)
        _row_by_row(raw, path, start, names, reading)


def columnar(
    raw: Raw, path: Path, start: int, names: list[str], reading: Reading, *, dumped: bool = False, numeric: Container[str] = ()
) -> None:
    """Streams a UTF-8 file from byte `start` on. Raises pyarrow.ArrowInvalid where a row has other than `names` fields.

    dumped: a database wrote it: separated by commas, a quoted nothing is not NULL, rows of nothing count;
    numeric: columns of numbers, which become their shortest text.
    """
    fields = [f"c{i}" for i in range(len(names))]
    with pa.OSFile(str(path)) as f:
        if not anything_from(path, start):
            return
        f.seek(start)
        batches = pyarrow.csv.open_csv(
            f,
            read_options=pyarrow.csv.ReadOptions(column_names=fields, block_size=BLOCK),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter="," if dumped else reading.terms.separator, newlines_in_values=True, ignore_empty_lines=not dumped
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={n: pa.string() for n in fields},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=not dumped,
            ),
        )
        for batch in batches:
            columns = zip(names, batch.columns, strict=True)
            reading.write(raw, {n: _shortest(values) if n in numeric else values for n, values in columns}, keep_blank=dumped)


def _shortest(numbers: pa.Array) -> pa.Array:
    """Numbers as text without trailing zeros: 690.00 → 690."""
    if pc.any(pc.match_substring(numbers, "e")).as_py():
        return texts([v and shortest(v) for v in numbers.to_pylist()])
    cut = pc.replace_substring_regex(numbers, r"(\.\d*[1-9])0+$", r"\1")
    return pc.replace_substring_regex(cut, r"\.0*$", "")


def _header(f: BinaryIO, start: int, raw: Raw, reading: Reading) -> tuple[list[str], int]:
    """Final column names, and the byte where the first data row begins."""
    consumed = start

    def lines() -> Iterator[str]:
        nonlocal consumed
        for line in bounded(f, min(reading.limits.record, HEADER_BYTES), f"{raw.name} 的表头"):
            consumed += len(line)
            yield line.decode("utf-8")

    try:
        header = next((h for h in csv.reader(lines(), delimiter=reading.terms.separator, strict=True) if any(h)), None)
    except csv.Error:
        raise DeliveryRefused("format", f"{raw.name} 的表头读不通：引号或换行有误") from None
    if header is None:
        raise no_rows_in(raw.name)
    return reading.names.header(header, raw.name), consumed


def _row_by_row(raw: Raw, path: Path, start: int, names: list[str], reading: Reading) -> None:
    """Every row with what it has; a row with another number of fields than the header keeps it in @shape."""
    csv.field_size_limit(max(reading.limits.cell, 1))
    width, batch, shapes, weight = len(names), [], [], 0
    with path.open("rb") as f:
        f.seek(start)
        lines = Lines(f, reading.limits.record, raw.name)
        records = csv.reader(lines, delimiter=reading.terms.separator, strict=True)
        for fields in _records(records, raw, reading, path):
            weight += lines.of_record
            lines.of_record = 0
            if not fields:
                continue
            found = len(fields)
            while found > width and not fields[found - 1]:
                found -= 1
            batch.append([v or None for v in fields[:width]] + [None] * (width - len(fields)))
            shapes.append(None if found == width else found)
            if len(batch) == BATCH or weight > BLOCK:
                reading.write_rows(raw, names, batch, shape=pa.array(shapes, pa.int32()))
                batch, shapes, weight = [], [], 0
    if shapes and shapes[-1] is not None and shapes[-1] < width and not _ends_with_newline(path):
        raise DeliveryRefused("truncated", f"{raw.name} 的最后一行只有 {shapes[-1]} 个字段（应为 {width} 个）且没有换行，文件被截断")
    reading.write_rows(raw, names, batch, shape=pa.array(shapes, pa.int32()))


def bounded(f: BinaryIO, limit: int, what: str) -> Iterator[bytes]:
    """The lines of a file. Raises too_big for one that does not end within `limit` bytes."""
    while line := f.readline(limit + 1):
        if len(line) > limit:
            raise too_big(f"{what}中有一行", f"超过 {size(limit)}", size(limit))
        yield line


class Lines:
    """A file's lines as text, for csv. A record that goes on over more than `limit` bytes of lines is refused (too_big)."""

    def __init__(self, f: BinaryIO, limit: int, name: str):
        self._lines, self._limit, self._name = bounded(f, limit, name), limit, name
        self.of_record = 0  # bytes since the reader last set it to 0

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.of_record += len(line)
        if self.of_record > self._limit:
            raise too_big(f"{self._name} 的一行数据", f"超过 {size(self._limit)}", size(self._limit))
        return line.decode("utf-8")


def _records(records: Iterator[list[str]], raw: Raw, reading: Reading, path: Path) -> Iterator[list[str]]:
    """csv's rows, its errors as refusals that name the line."""
    before = 0
    while True:
        try:
            fields = next(records)
        except StopIteration:
            return
        except csv.Error as e:
            line = before + 1
            if "field larger" in str(e):
                raise too_big(f"{raw.name} 第 {line} 行数据有过长的内容", "一个字段", size(reading.limits.cell)) from None
            if "unexpected end" in str(e):
                raise DeliveryRefused("truncated", f"{raw.name} 第 {line} 行数据起引号没有闭合，文件被截断") from None
            raise DeliveryRefused("format", f"{raw.name} 第 {line} 行数据的引号有误") from None
        before = records.line_num  # type: ignore[attr-defined]
        yield fields


def _odd_quotes(path: Path) -> bool:
    """Whether a file holds an odd number of quotes: one is never closed, or stands inside a field."""
    count = 0
    with path.open("rb") as f:
        while block := f.read(BLOCK):
            count += block.count(b'"')
    return count % 2 == 1


def anything_from(path: Path, start: int) -> bool:
    """Whether anything but line ends follows; pyarrow refuses to read nothing."""
    with path.open("rb") as f:
        f.seek(start)
        while block := f.read(BLOCK):
            if block.strip(b"\r\n"):
                return True
    return False


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as f:
        f.seek(-1, 2)
        return f.read(1) in (b"\n", b"\r")
