"""Excel workbooks: all sheets in order; titles above the header, totals, blank rows and footnotes are no rows.

Read by calamine. openpyxl, which is slow but reads cell by cell, takes over for sheets that would make calamine
allocate a vast grid, and where numbers are too long for a float (an ID number stored as a number).
"""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import python_calamine as calamine

from etl.errors import DeliveryRefused
from etl.extract import archive
from etl.extract.formats.sheet import read_sheet
from etl.extract.formats.table import Merge
from etl.extract.limits import Limits, size, too_big
from etl.extract.reading import Raw, Reading

OLE, ZIP = b"\xd0\xcf\x11\xe0", b"PK\x03\x04"
EXACT = 2**53  # beyond it a float no longer holds every integer
GRID = 40_000_000  # cells of the rectangle calamine would allocate, 32 bytes each
SHALLOW, DEEPEST = 100_000, 1_048_576
_DEEP = re.compile(rb"""\br\s*=\s*["'][A-Za-z]{1,3}\d{6,7}["']""")
_WIDE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{2,3})\d+["'](?:[^>]*[^/>])?>""")
_UNCOMPUTED = re.compile(rb"</f>(?:<v ?/>|<v></v>|</c>)")
ERRORS = {"#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!"}
OVERLAP = 200  # bytes of one block that the next one's search sees again
SHEET_BYTES = 1024 * 1024 * 1024  # of XML: beyond it a sheet is read cell by cell, for calamine holds a sheet whole
_STRINGS = re.compile(rb"<(\w+:)?sst[\s>]")
_ENDED = re.compile(rb"</(?:\w+:)?(?:row|si)>")
_DECLARED = re.compile(rb"""^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["'](?!utf-?8|us-ascii|ascii)""", re.IGNORECASE)


@dataclass
class Extent:
    """What the cells of a workbook span at most, from their references in the XML; formulas without a value."""

    rows: int = SHALLOW
    columns: int = 26
    uncomputed: int = 0
    largest: int = 0  # bytes of XML

    @property
    def vast(self) -> bool:
        """Whether a reader that holds a whole sheet would need too much memory."""
        return self.rows * self.columns > GRID or self.largest > SHEET_BYTES


class _InexactError(Exception):
    """A number too long for a float was met."""


def read(raw: Raw, reading: Reading) -> None:
    """Reads one workbook. Raises DeliveryRefused: format, password, truncated, too_big, missing_column."""
    extent = _checked(raw, reading)
    mark = reading.rows.begin()
    try:
        sheets = _by_cell(raw) if extent.vast else _by_grid(raw)
        _read_all(sheets, raw, reading)
    except _InexactError:
        reading.rows.back(mark)
        _read_all(_by_cell(raw), raw, reading)
    if extent.uncomputed:
        reading.note(f"{raw.name} 有 {extent.uncomputed} 个公式没有存下结果，按空值读取；请在 Excel 中打开保存后重送")


def sheets(raw: Raw, reading: Reading) -> Iterator[tuple[str, Iterator[list[Any]], list[Merge]]]:
    """Name, cells and merged ranges of every sheet, for who only looks; refuses what `read` refuses."""
    extent = _checked(raw, reading)
    return _by_cell(raw) if extent.vast else _by_grid(raw, exact=False)


def _read_all(sheets: Iterator[tuple[str, Iterator[list[Any]], list[Merge]]], raw: Raw, reading: Reading) -> None:
    skipped, best, found = [], list[str](), False
    for name, grid, merges in sheets:
        other = read_sheet(raw, name, grid, merges, reading)
        if other is None:
            found = True
        else:
            skipped.append(name)
            best = max(best, other, key=lambda names: sum(reading.names.known(n) is not None for n in names) or len(names) / 1e6)
    if not found:
        if not best:
            raise DeliveryRefused("truncated", f"{raw.name} 的工作表都是空的")
        reading.names.require(best, raw.name)
    if skipped:
        reading.note(f"{raw.name} 的工作表“{'”“'.join(skipped)}”没有约定的表头，未读")


def _by_grid(raw: Raw, *, exact: bool = True) -> Iterator[tuple[str, Iterator[list[Any]], list[Merge]]]:
    """Sheets through calamine: name, rows from the first one on, merged ranges. exact: a number too long for a float is told."""
    try:
        book = calamine.load_workbook(raw.path)
        kinds = {s.name: s.typ for s in book.sheets_metadata}
        for name in book.sheet_names:
            if kinds[name] == calamine.SheetTypeEnum.WorkSheet:
                sheet = book.get_sheet_by_name(name)
                yield name, _cells(sheet, exact), [Merge(*a, *b) for a, b in sheet.merged_cell_ranges or []]
    except calamine.PasswordError:
        raise _locked(raw) from None
    except (calamine.CalamineError, OSError, UnicodeDecodeError):
        raise DeliveryRefused("format", f"{raw.name} 不是完好的 Excel 工作簿") from None


def _cells(sheet: calamine.CalamineSheet, exact: bool) -> Iterator[list[Any]]:
    if sheet.start is None:
        return
    top, left = sheet.start
    yield from ([] for _ in range(top))
    for row in sheet.iter_rows():
        if exact and any(isinstance(v, float) and abs(v) >= EXACT for v in row):
            raise _InexactError
        yield [None] * left + list(row)


def _by_cell(raw: Raw) -> Iterator[tuple[str, Iterator[list[Any]], list[Merge]]]:
    """The same through openpyxl, without merged ranges; error values (#N/A) are empty."""
    import openpyxl  # slow to import, and rarely needed

    try:
        book = openpyxl.load_workbook(raw.path, read_only=True, data_only=True)
    except (KeyError, ValueError, OSError, zipfile.BadZipFile, SyntaxError):
        raise DeliveryRefused("format", f"{raw.name} 不是完好的 Excel 工作簿") from None
    try:
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            yield sheet.title, ([None if v in ERRORS else v for v in row] for row in sheet.iter_rows(values_only=True)), []
    finally:
        book.close()


def _checked(raw: Raw, reading: Reading) -> Extent:
    """Refuses what is no workbook, or is one that would burst, before any library opens it."""
    with raw.path.open("rb") as f:
        head = f.read(512)
    if head.startswith(OLE):
        if _holds(raw.path, "EncryptedPackage".encode("utf-16-le")):
            raise _locked(raw)
        return Extent()
    if not head.startswith(ZIP):
        kind = "网页（HTML）" if b"<" in head[:64] else "文本或其他文件" if head else "空文件"
        raise DeliveryRefused("format" if head else "truncated", f"{raw.name} 名为 Excel 工作簿，实为{kind}；请另存为 .xlsx 后重送")
    members = archive.members(raw.path, raw.name, reading.limits)
    if not any(m.filename.endswith("workbook.xml") for m in members):
        raise DeliveryRefused("format", f"{raw.name} 是压缩包，但不是 .xlsx 工作簿；请在 Excel 中另存为 .xlsx 后重送")
    extent = Extent()
    for member in members:
        blocks = archive.unpack(raw.path, member, raw.name, reading.limits)
        if member.filename.lower().endswith((".xml", ".rels", ".vml")):
            blocks = _tame(blocks, raw, reading.limits)
            extent.largest = max(extent.largest, member.file_size)
        _measure(blocks, extent)
    return extent


def _tame(blocks: Iterator[bytes], raw: Raw, limits: Limits) -> Iterator[bytes]:
    """The XML of one member, refused when it could make a parser expand entities or hold without end what it has not finished."""
    rest, strings, read, ended = b"", False, 0, 0
    for number, block in enumerate(blocks):
        text = rest + block
        if not number:
            strings = _STRINGS.search(text[:4096]) is not None
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text or (not number and (b"\0" in text[:4] or _DECLARED.match(text))):
            raise DeliveryRefused("format", f"{raw.name} 的工作簿里的 XML 带有文档类型、实体声明或少见的编码，不予读取")
        for end in _ENDED.finditer(text):
            ended = read - len(rest) + end.end()
        read += len(block)
        if read - ended > limits.record:
            raise too_big(f"{raw.name} 的一行或一个单元格", f"超过 {size(limits.record)}", size(limits.record))
        if strings and read > limits.strings:
            raise too_big(f"{raw.name} 的文字", f"超过 {size(limits.strings)}", size(limits.strings))
        rest = text[-OVERLAP:]
        yield block


def _measure(blocks: Iterator[bytes], extent: Extent) -> None:
    """Runs through a member's bytes (which counts them) and notes what its cells span. A cell without content does not count."""
    rest = b""
    for block in blocks:
        text = rest + block
        if _DEEP.search(text):
            extent.rows = DEEPEST
        for column in set(_WIDE.findall(text)):
            extent.columns = max(extent.columns, _ordinal(column.upper()))
        extent.uncomputed += len(_UNCOMPUTED.findall(text)) - len(_UNCOMPUTED.findall(rest))
        rest = text[-OVERLAP:]


def _ordinal(letters: bytes) -> int:
    """AA → 27."""
    value = 0
    for letter in letters:
        value = value * 26 + letter - 64
    return value


def _holds(path: Path, wanted: bytes) -> bool:
    """Whether a file holds these bytes, block by block."""
    rest = b""
    with path.open("rb") as f:
        while block := f.read(1024 * 1024):
            if wanted in rest + block:
                return True
            rest = block[-len(wanted) :]
    return False


def _locked(raw: Raw) -> DeliveryRefused:
    return DeliveryRefused("password", f"{raw.name} 设了打开密码，请去掉密码重送")
