"""Workbooks as departments send them, written as plain OOXML so that the same rows give the same bytes."""

import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from etl.demo.formats.ooxml import HEAD, MAIN, frame
from etl.demo.formats.plain import file
from etl.demo.rows import Output

Cell = str | int | float | np.datetime64 | None
_EPOCH = np.datetime64("1899-12-30", "D")
_ISO = re.compile(r"\d{4}-\d\d-\d\d")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass
class Sheet:
    """Rows of cells and the merged ranges (A1:E1)."""

    name: str
    rows: list[list[Cell]]
    merged: list[str] = field(default_factory=list)


def letters(index: int) -> str:
    """0 → A, 26 → AA."""
    out = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        out = chr(65 + rest) + out
    return out


def _cell(value: Cell, place: str, shared: dict[str, int]) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{place}" t="s"><v>{shared.setdefault(_ILLEGAL.sub("", value), len(shared))}</v></c>'
    if isinstance(value, np.datetime64):
        return f'<c r="{place}" s="1"><v>{int((value - _EPOCH).astype(np.int64))}</v></c>'
    return f'<c r="{place}"><v>{value!r}</v></c>'


def _sheet_xml(sheet: Sheet, shared: dict[str, int]) -> str:
    columns = [letters(i) for i in range(max((len(r) for r in sheet.rows), default=1))]
    lines = []
    for n, row in enumerate(sheet.rows, 1):
        cells = "".join(_cell(v, f"{columns[i]}{n}", shared) for i, v in enumerate(row))
        lines.append(f'<row r="{n}">{cells}</row>')
    merged = "".join(f'<mergeCell ref="{m}"/>' for m in sheet.merged)
    tail = f'<mergeCells count="{len(sheet.merged)}">{merged}</mergeCells>' if merged else ""
    size = f"A1:{columns[-1]}{max(len(sheet.rows), 1)}"
    return f'{HEAD}<worksheet xmlns="{MAIN}"><dimension ref="{size}"/><sheetData>{"".join(lines)}</sheetData>{tail}</worksheet>'


def write_workbook(path: Path, sheets: Sequence[Sheet], date: str) -> None:
    """A workbook; every member of the archive bears the delivery's date."""
    shared: dict[str, int] = {}
    bodies = [_sheet_xml(s, shared) for s in sheets]
    strings = "".join(f'<si><t xml:space="preserve">{escape(s)}</t></si>' for s in shared)
    members = frame([s.name for s in sheets]) | {
        "xl/sharedStrings.xml": f'{HEAD}<sst xmlns="{MAIN}" count="{len(shared)}" uniqueCount="{len(shared)}">{strings}</sst>',
        **{f"xl/worksheets/sheet{i}.xml": body for i, body in enumerate(bodies, 1)},
    }
    write_archive(path, {k: v.encode() for k, v in members.items()}, date)


def write_archive(path: Path, members: dict[str, bytes], date: str) -> None:
    """A zip whose bytes depend on its contents alone."""
    stamp = (int(date[:4]), int(date[4:6]), int(date[6:8]), 0, 0, 0)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, body in members.items():
            info = zipfile.ZipInfo(name, stamp)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            z.writestr(info, body)


def _typed(column: Iterable[str | None], kind: str) -> list[Cell]:
    """Text to the cell type that Excel would hold; what is no number or date stays text."""
    out: list[Cell] = []
    for v in column:
        if v is None or v == "":
            out.append(None)
        elif kind == "date" and _ISO.fullmatch(v) and "1900" < v < "9999" and v != "2017-02-30" and v != "2016-01-32":
            out.append(np.datetime64(v, "D"))
        elif kind == "number" and re.fullmatch(r"-?\d{1,12}(\.\d+)?", v):
            out.append(int(v) if "." not in v else float(v))
        else:
            out.append(v)
    return out


def table_rows(out: Output, numbers: Sequence[str], day_columns: Sequence[str]) -> list[list[Cell]]:
    """The data rows of a sheet."""
    table = out.columns
    kinds = [("number" if c in numbers else "date" if c in day_columns else "text") for c in table.column_names]
    columns = [_typed(table.column(i).to_pylist(), k) for i, k in enumerate(kinds)]
    return [list(r) for r in zip(*columns, strict=True)]


def workbook(title: str = "", numbers: Sequence[str] = (), days: Sequence[str] = (), sheet: str = "Sheet1") -> Callable[[Output], None]:
    """One sheet: an optional merged title row, the header, the rows."""

    def write(out: Output) -> None:
        width = out.columns.num_columns
        head: list[list[Cell]] = [[title, *[None] * (width - 1)]] if title else []
        rows = [*head, list(out.columns.column_names), *table_rows(out, numbers, days)]
        merged = [f"A1:{letters(width - 1)}1"] if title else []
        write_workbook(file(out, "xlsx"), [Sheet(sheet, rows, merged)], out.date)

    return write
