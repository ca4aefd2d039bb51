"""Worksheets drawn for people: titles above, headers one to three rows deep, merged cells, several sheets."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from etl.errors import UsageError
from etl.extract.columns import Names
from etl.extract.formats import table, workbook
from etl.extract.formats.sheet import HEAD
from etl.extract.formats.table import DEEPEST, Merge
from etl.extract.limits import limits
from etl.extract.reading import Raw, Reading
from etl.extract.rows import Rows
from etl.extract.values import text
from etl.propose.form import Form, draft
from etl.propose.text_form import DATA, YEAR
from etl.spec import load

ENOUGH = 0.6  # of the table's columns that a header must name
WIDE = 3  # columns named after counties make a wide table


@dataclass(frozen=True)
class Found:
    """A table's header in a sheet: rows `start` to `start + depth`, one name per column, the texts of its uppermost row;
    of a deeper header also its rows and merged ranges (top left bottom right, from its first row)."""

    sheet: str
    start: int
    depth: int
    names: list[str]
    top: list[str]
    rows: list[list[str]]
    merges: list[str]


def look(file: Path) -> Form:
    """The form of a workbook. Raises DeliveryRefused (password, format …) as the reader does, UsageError without a table."""
    found, others = _headers(file)
    if found is None:
        raise UsageError(f"{file.name} 的工作表里找不到表头（至少两列、各列有不同的文字名）")
    counts = Counter(n for n in found.names if n)
    names = [n for n in found.names if counts[n] == 1]
    form = Form({"format": "xlsx", "header_rows": found.depth}, names, [n for n, c in counts.items() if c > 1])
    form.header, form.merges = found.rows, found.merges
    counties = load().codes["county"].spellings()
    wide = [n for n in names if n in counties]
    layered = [n for n in names if n not in found.top] if any("/" in n for n in names) else []
    if len(wide) >= WIDE or (found.depth > 1 and len(layered) > WIDE):
        form.rest, form.columns = True, [n for n in names if n not in (wide if len(wide) >= WIDE else layered)]
        what = f"区县各一列（{'、'.join(wide[:3])}…）" if len(wide) >= WIDE else f"指标分两层、各占几列（{layered[0]} …）"
        form.doubts.append(f"宽表：{what}，未声明的列都收进 rest；数值列若应各自成列，请删去 rest 并逐列声明")
    depth = f"第 {found.start + 1} 行" if found.depth == 1 else f"第 {found.start + 1}–{found.start + found.depth} 行（{found.depth} 层）"
    form.facts.append(f"工作表“{found.sheet}”，表头在{depth}，{len(found.names)} 列；其上 {found.start} 行标题")
    if others:
        form.doubts.append(f"工作表“{'”“'.join(others[:5])}”没有同样的表头，不会读")
    if file.suffix.lower() == ".xls":
        form.facts.append(".xls 与 .xlsx 读法相同")
    if any(not n for n in found.names):
        form.doubts.append("有的列没有列名，未声明；其中有内容的会留在落地副本里")
    return form


def _headers(file: Path) -> tuple[Found | None, list[str]]:
    """The header of the first sheet that has one, and the sheets that have another or none."""
    reading = Reading(draft("new/source", Form({"format": "xlsx"})), limits(), Rows(file.parent, limits()), file.parent)
    first, others = None, []
    for name, grid, merges in workbook.sheets(Raw(file, file.name), reading):
        head = [[(text(v) or "").strip() for v in row] for row in islice(grid, HEAD)]
        found = find(name, head, merges)
        if first is None and found:
            first = found
        elif first and (found is None or set(found.names) != set(first.names)) and any(any(r) for r in head):
            others.append(name)
    return first, others


def find(sheet: str, head: Sequence[Sequence[str]], merges: Sequence[Merge]) -> Found | None:
    """The header among a sheet's first rows: the uppermost that names most of the columns the rows below fill."""
    width = max((sum(1 for v in row if v) for row in head), default=0)
    if not width:
        return None
    for start in range(len(head)):
        depth = _depth(head, start, merges)
        covered = {i for r in range(start, start + depth) for i, v in enumerate(head[r]) if v}
        if len(covered) >= max(min(2, width), width * ENOUGH) and _names(head, start, depth) and start + depth <= len(head):
            only = [list(row) if start <= r < start + depth else [] for r, row in enumerate(head)]
            names = _flattened(only, merges, depth)
            rows = [[*row, *[""] * len(names)][: len(names)] for row in only[start : start + depth]]
            spans = [
                f"{m.top - start} {m.left} {m.bottom - start} {m.right}" for m in merges if start <= m.top and m.bottom < start + depth
            ]
            return Found(sheet, start, depth, names, [v for v in head[start] if v], rows if depth > 1 else [], spans if depth > 1 else [])
    return None


def _names(head: Sequence[Sequence[str]], start: int, depth: int) -> bool:
    """Whether the lowest row's texts can be column names: words, not figures; mostly different."""
    texts = [v for r in range(start, start + depth) for v in head[r] if v]
    lowest = [v for v in head[start] if v]
    figures = [v for v in texts if DATA.fullmatch(v) and not YEAR.fullmatch(v)]
    return not figures and len(set(lowest)) * 2 > len(lowest)


def _depth(head: Sequence[Sequence[str]], start: int, merges: Sequence[Merge]) -> int:
    """How many rows deep a header that begins here is: a row below that only names what this one leaves open belongs to it."""
    depth = 1
    while depth < DEEPEST and start + depth < len(head):
        upper, lower = head[start + depth - 1], head[start + depth]
        filled = [i for i, v in enumerate(lower) if v]
        spread = {c for m in merges if m.top == start + depth - 1 and m.right > m.left for c in range(m.left, m.right + 1)}
        merged_down = {m.left for m in merges if m.top <= start + depth - 1 < m.bottom and m.right == m.left}
        open_here = {i for i in range(len(lower)) if i >= len(upper) or not upper[i] or i in spread}
        words = all(not DATA.fullmatch(lower[i]) or YEAR.fullmatch(lower[i]) for i in filled)
        title = sum(1 for v in upper if v) < 2
        if title or not filled or not words or not set(filled) <= open_here or set(filled) & merged_down:
            return depth
        depth += 1
    return depth


def _flattened(head: Sequence[Sequence[str]], merges: Sequence[Merge], depth: int) -> list[str]:
    """The names as the reader makes them, one per column."""
    texts = list(dict.fromkeys(v for row in head for v in row if v and not v.startswith("@")))
    start = next(r for r, row in enumerate(head) if row)
    names = table.flattened(head, start, depth, merges, Names(draft("new/source", Form({"format": "xlsx"}, texts)), limits()))
    while names and not names[-1]:
        names.pop()
    return names
