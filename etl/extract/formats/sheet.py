"""One sheet: where its table begins, and which of the rows below are rows."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from etl.extract.formats import table
from etl.extract.formats.table import Header, Merge
from etl.extract.reading import Raw, Reading
from etl.extract.rows import BATCH
from etl.extract.values import text

HEAD = 60  # rows among which the header must stand
TAIL = 60  # rows that may be footnotes
_BLANKS = re.compile(r"\s+")
_TOTAL = re.compile(r"(本页|本表|全市|全部)?(合计|总计|小计|共计)(数|人数|户数|金额)?([（(].{0,12}[)）])?[:：]?")
_NOTE = re.compile(
    r"(注|附注|备注|说明|填表说明|编制说明|资料来源|数据来源|来源|制表|制表人|制表单位|填表人|填报人|填报单位|填报日期|审核|审核人|复核|复核人|"
    r"单位负责人|统计负责人|负责人|经办人|联系人|联系电话|报出日期|打印日期|打印时间|单位)\s*[0-9①-⑳]{0,2}\s*[:：]"
    r"|[①-⑳*※“\"].{0,60}(表示|为|是)|[0-9]{1,2}[.、．].{6,}"
)


def read_sheet(raw: Raw, name: str, grid: Iterator[list[Any]], merges: Sequence[Merge], reading: Reading) -> list[str] | None:
    """Reads one sheet's table. When it holds no table of ours: the texts found where a header might have been.

    Raises DeliveryRefused(missing_column) when what is at least half the header lacks a declared column.
    """
    where = f"{raw.name} 工作表“{name}”"
    first = list(islice(grid, HEAD))
    head = [[text(v) or "" for v in row] for row in first]
    header = table.find(head, merges, reading.terms.header_rows, reading.names)
    if header is None or header.matched * 2 < len(reading.names.declared):
        return [n for n in header.names if n] if header else max(([n for n in row if n] for row in head), key=len, default=[])
    width = max((i + 1 for i, n in enumerate(header.names) if n), default=0)
    names = reading.names.header(header.names[:width], where)
    title = "\n".join(" ".join(v for v in row if v) for row in head[: header.start] if any(row)) or None
    rows = _rows(chain(first[header.end :], grid), header, merges)
    counted = [i for i, n in enumerate(names) if n not in reading.source.running_number]
    for batch in _table(rows, head[header.start : header.end], width, counted):
        _write(batch, names, header, raw, where, reading, sheet=name, title=title)
    return None


def _write(
    batch: list[list[str | None]], names: list[str], header: Header, raw: Raw, where: str, reading: Reading, sheet: str, title: str | None
) -> None:
    """Columns without a name that hold nothing are left out."""
    filled = [bool(header.names[i]) or any(row[i] for row in batch) for i in range(len(names))]
    kept = [n for n, f in zip(names, filled, strict=True) if f]
    reading.write_rows(raw, kept, [[v for v, f in zip(row, filled, strict=True) if f] for row in batch], where, sheet=sheet, title=title)


def _rows(grid: Iterator[list[Any]], header: Header, merges: Sequence[Merge]) -> Iterator[list[Any]]:
    """The rows below the header; a cell merged downwards stands for every row it covers."""
    down = {(m.top, m.left): m.bottom for m in merges if m.left == m.right and m.bottom > m.top >= header.end}
    if not down:
        yield from grid
        return
    running: dict[int, tuple[int, Any]] = {}
    for number, row in enumerate(grid, header.end):
        for column, value in enumerate(row):
            if (number, column) in down:
                running[column] = (down[number, column], value)
        for column, (last, value) in running.items():
            if number <= last and column < len(row) and row[column] in ("", None):
                row[column] = value
        yield row


def _table(grid: Iterator[list[Any]], head: list[list[str]], width: int, counted: Sequence[int]) -> Iterator[list[list[str | None]]]:
    """Batches of rows as text: without blanks, totals, repeated headers, and what stands below the table.

    counted: the columns that make a row one; a running number alone, as forms have it printed, does not.
    """
    headers = [[v.strip() for v in r[:width]] for r in head]
    waiting: list[list[str | None]] = []
    for row in grid:
        cells = [_cell(v) for v in row[:width]]
        cells += [None] * (width - len(cells))
        content = [cells[i] for i in counted]
        if not any(v and v.strip() for v in content) or _total(cells) or _total(content):
            continue
        if [v.strip() if v else "" for v in cells] in headers:
            continue
        waiting.append(cells)
        if len(waiting) >= BATCH + TAIL:
            yield waiting[:BATCH]
            waiting = waiting[BATCH:]
    while waiting and _footnote(waiting[-1]):
        waiting.pop()
    yield waiting


def _cell(value: Any) -> str | None:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return text(value)


def _total(cells: list[str | None]) -> bool:
    first = next((v for v in cells if v and v.strip()), "")
    return len(first) < 40 and _TOTAL.fullmatch(_BLANKS.sub("", first)) is not None


def _footnote(cells: list[str | None]) -> bool:
    """A row below the table: one cell alone in a table of several columns, or the words that notes begin with."""
    filled = [v.strip() for v in cells if v and v.strip()]
    noted = [_NOTE.match(v) is not None for v in filled]
    return (len(filled) == 1 and len(cells) > 2) or all(noted) or (noted[0] and len(filled) * 2 <= len(cells))
