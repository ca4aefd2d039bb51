"""Separated text: which separator, quoted or not, where the header is, or whether there is none."""

import csv
import re
from collections import Counter
from itertools import islice
from pathlib import Path

from etl.errors import UsageError
from etl.propose.form import DROPPED_AS, Form, encoding_of, head_of
from etl.propose.words import HINTS, IDENTIFIER

SEPARATORS = (",", "\t", "|", ";", "^", "\x1f", "~")
NAMES = {",": "逗号", "\t": "制表符", "|": "竖线", ";": "分号", "^": "脱字符", "\x1f": "单元分隔符（0x1F）", "~": "波浪号"}
LOOKED_AT = 500  # records
DATA = re.compile(r"[-+]?[\d,]*\.?\d+%?|\d{4}[-/.年]\d{1,2}([-/.月]\d{1,2}日?.*)?|\d{15}|\d{17}[\dXx]|1[3-9]\d{9}")
YEAR = re.compile(r"(19|20)\d\d年?")


def look(file: Path) -> Form:
    """The form of a CSV or TXT file. Raises UsageError where lines stand above the header, which the CSV reader cannot skip."""
    encoding, doubts = encoding_of(file)
    text = head_of(file, encoding)
    separator, quoted, records = _separated(text)
    if not records:
        raise UsageError(f"{file.name} 读不成行：引号没有闭合，或没有内容")
    trailing = sum(len(r) > 1 and r[-1] == "" for r in records) > 0.9 * len(records)
    width = Counter(len(r) for r in records).most_common(1)[0][0] - trailing
    form = Form({"format": "csv", "encoding": encoding, "separator": separator}, doubts=doubts)
    trailing = trailing and records[0][-1] == ""
    if not quoted and (separator not in (",", "\t", ";") or trailing):
        form.terms |= {"format": "text", "quoted": False}
    above = _above(records, width)
    if above:
        first = "、".join(f"第 {i + 1} 行" for i in range(above))
        raise UsageError(
            f"{file.name} 的{first}是标题或说明，第 {above + 1} 行才是表头；CSV 没有跳过标题行的读法，"
            "请部门去掉这几行，或交 .xlsx（工作表的标题、合计、脚注会自动跳过）"
        )
    head = [c.strip() for c in records[0][:width]]
    if _is_header(head, records[1:]):
        form.unnamed = _undeclarable(head)
    else:
        form.terms["header"] = False
        form.columns = [f"第{i + 1}列" for i in range(width)]
        form.doubts.append(
            "没有表头（首行与以下各行同类），列名按内容取的；请向部门要一份字段说明核对列序；若首行其实是表头，删去 header: false"
        )
    form.facts.append(f"{encoding} 编码，{NAMES[separator]}分隔，{width} 列，{'有' if form.terms.get('header', True) else '没有'}表头")
    if trailing:
        form.facts.append("每行末尾多一个分隔符")
    odd = sum(len(r) - (trailing and r[-1] == "") != width for r in records)
    if odd:
        form.doubts.append(f"前 {len(records)} 行里有 {odd} 行的字段数不是 {width}，将按 bad_shape 隔离")
    if file.suffix.lower() not in DROPPED_AS[form.format]:
        form.doubts.append(f"后缀 {file.suffix} 投放时不认，请部门改为 {DROPPED_AS[form.format][0]}")
    return form


def _separated(text: str) -> tuple[str, bool, list[list[str]]]:
    """The separator that cuts the lines most evenly into most fields; whether fields are quoted; the first records by it."""
    best: tuple[float, str, list[list[str]]] = (-1.0, ",", [])
    for separator in SEPARATORS:
        if separator in text or separator == ",":
            records = _records(text, separator)
            widths = Counter(len(r) for r in records)
            width, count = widths.most_common(1)[0] if widths else (1, 0)
            score = count / max(len(records), 1) if width > 1 else 0.0
            if score > best[0] + 0.05:
                best = (score, separator, records)
    _, separator, records = best
    mark = re.escape(separator)
    return separator, re.search(rf'(^|{mark})"[^"]*"({mark}|\r?$)', text, re.MULTILINE) is not None, records


def _records(text: str, separator: str) -> list[list[str]]:
    lines, whole = text.splitlines(keepends=True), text.count('"') % 2 == 0
    reader = csv.reader(lines, delimiter=separator) if whole else csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    try:
        return list(islice((r for r in reader if r), LOOKED_AT))
    except csv.Error:
        return []


def _above(records: list[list[str]], width: int) -> int:
    """How many records stand above the table: short ones at the head of a file whose lines are otherwise wide."""
    if width < 2:
        return 0
    for count, record in enumerate(records[:20]):
        if sum(1 for c in record if c.strip()) >= max(2, width * 0.5):
            return count
    return 0


def _is_header(head: list[str], rows: list[list[str]]) -> bool:
    """Whether the first record names columns: no figures, dates or numbers (years may be names), no value of the rows below."""
    named = [c for c in head if c]
    if not named or len(named) * 2 < len(head):
        return False
    if any(DATA.fullmatch(c) and not YEAR.fullmatch(c) for c in named):
        return False
    if len(head) == 1:
        return _is_name(head[0], [r[0] for r in rows[:100]])
    below = [{r[i].strip() for r in rows[:100] if i < len(r)} for i in range(len(head))]
    again = sum(c in below[i] for i, c in enumerate(head) if c)
    return again * 2 <= len(named)


def _is_name(first: str, rows: list[str]) -> bool:
    """Whether the first line of a single column names it: a word that names end with, or letters above other things."""
    words = first.lower().endswith((*HINTS, *IDENTIFIER, "名称", "名"))
    return words or (first.isascii() and sum(r.isascii() for r in rows) * 2 < len(rows))


def _undeclarable(head: list[str]) -> list[str]:
    """Names that cannot be declared: those that stand twice, and what the reader calls a column without a name."""
    twice = [n for n, count in Counter(head).items() if n and count > 1]
    return twice + [f"第{i + 1}列" for i, n in enumerate(head) if not n]
