"""The workbook of rows to fix: how to use it, one sheet a rule, refused rows, differences with others. Nothing in it can run."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.properties import PageSetupProperties

from etl.report import words
from etl.report.facts import Check, Disagreement, Dispute, Facts, Problem, Refusal, Row

ROWS_PER_SHEET = 5000
ROWS = 40_000  # in all: a workbook that any mail server takes
SHEETS = 60
LINE = 16  # points of one line of text
NUMBER, ANSWER, REMARK = "单号", "您的答复", "说明"
# what may be answered → what it means; the first two wait for the next delivery, the third closes the question
ANSWERS = {
    "已改正": "系统里已经改好，下次交付即见",
    "将改正": "确实有误，期限内改",
    "原值无误": "交付的值就是对的；不再追问，除非值变了（请在“说明”写明依据）",
    "查无此人": "贵单位已没有这条记录，或查不到当事人",
    "无法核实": "没有条件核实（请在“说明”写明原因）",
}
DANGEROUS = tuple("=+-@＝＋－＠\t\r\n|%")
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
FORBIDDEN_IN_NAMES = str.maketrans("\\/*?:[]'", "＼／＊？：［］＇")  # their wide forms may stand in a sheet's name
HEADER = (NUMBER, "数据集", "主键", "交付批次", "行号", "列", "脱敏后的值", "应为", ANSWER, REMARK)
REFUSED = (NUMBER, "数据集", "主键", "交付批次", "行号", "原因", "怎样改", ANSWER, REMARK)
FAILS = ("数据集", "主键", "交付批次", "行号", "列", "脱敏后的值", "怎样改")
DIFFERS = (NUMBER, "数据集", "主键", "交付批次", "行号", "字段", "贵单位的值", "对方数据集", "对方的值", "现采信", ANSWER, REMARK)
CHECKED = (NUMBER, "数据集", "列", "检查", "不合格行数", "共查行数", "在哪些行", ANSWER, REMARK)
BELIEVED = ("数据集", "主键", "交付批次", "行号", "字段", "贵单位的值", "对方数据集", "对方的值", "本平台编号", "对方的答复")
CHECKS = "未过的检查"  # where the checks are answered; their rows are on sheets of their own
WIDTHS = {
    NUMBER: 15,
    REMARK: 34,
    ANSWER: 14,
    "检查": 60,
    "在哪些行": 34,
    "对方数据集": 30,
    "不合格行数": 11,
    "共查行数": 11,
    "本平台编号": 22,
    "数据集": 36,
    "主键": 30,
    "交付批次": 22,
    "行号": 9,
    "列": 22,
    "脱敏后的值": 30,
    "应为": 34,
    "原因": 52,
    "怎样改": 36,
    "字段": 16,
}

COVER = (34, 66, 12)  # widths of the cover's columns
DARK, YELLOW = PatternFill("solid", fgColor="17406D"), PatternFill("solid", fgColor="FFF8E5")
THIN = Border(bottom=Side("thin", color="DDE4EA"))


def plain(value: str) -> str:
    """Text that no spreadsheet takes for a formula: a leading sign gets an apostrophe, characters XML forbids become �."""
    text = ILLEGAL.sub("\ufffd", value)[:32000]
    return f"'{text}" if text.startswith(DANGEROUS) else text


@dataclass(frozen=True)
class Sheet:
    """A sheet to write: its name, columns, rows, how many rows there are in all, and a line saying what is wrong."""

    name: str
    says: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int]]
    total: int
    tickets: Sequence[int] = ()


def write(facts: Facts, path: Path) -> list[int]:
    """Writes the department's workbook row by row; memory does not grow with it. Returns the tickets that are in it."""
    book = Workbook(write_only=True)
    every = list(_within(ROWS, _sheets(facts)))
    names = _names([s.name for s in every])
    _cover(book, facts, every, names)
    for sheet, name in zip(every, names, strict=True):
        _write(book, sheet, name)
    book.properties.creator = "基础数据平台"
    book.save(path)
    return list(dict.fromkeys(t for sheet in every for t in sheet.tickets if t))


def _within(rows: int, sheets: Iterable[Sheet]) -> Iterable[Sheet]:
    """Cuts the sheets that would make the workbook too big; each says how many rows are left out."""
    for sheet in sheets:
        yield replace(sheet, rows=sheet.rows[:rows], tickets=sheet.tickets[:rows])
        rows -= min(rows, len(sheet.rows))


def _sheets(facts: Facts) -> Iterable[Sheet]:
    """What must be mended, one sheet a rule or check, the gravest first; refused rows by reason; the checks to answer; differences; hints."""
    kinds: dict[tuple[str, str, str], list[Any]] = {}
    for m in facts.musts:
        if isinstance(m, Problem):
            kinds.setdefault((m.rule, m.problem, m.says), []).append(m)
        elif m.rows:
            kinds.setdefault(("", m.name, m.says), []).append(m)
    most_urgent = list(kinds.items())[:SHEETS]
    first = [_must(says, group) for (_, _, says), group in most_urgent]
    yield from first
    by_code: dict[str, list[Any]] = {}
    for r in facts.refusals:
        by_code.setdefault(r.code, []).append(r)
    for refusals in by_code.values():
        one = refusals[0]
        yield _listed(f"未入库 {one.what}", f"未能入库：{one.what}。{one.advice}", REFUSED, refusals, _refused)
    if facts.checks:
        where = {id(c): name for name, (_, group) in zip(_names([s.name for s in first]), most_urgent, strict=True) for c in group}
        checks = [_checked(c, where.get(id(c), "")) for c in facts.checks]
        says = "没有通过的检查，每项答复一次：有行可列的，逐行列在所指的工作表；说的是整张表的，请核对整份数据"
        yield Sheet(CHECKS, says, CHECKED, checks, len(checks), [c.ticket for c in facts.checks])
    if facts.to_answer:
        says = "同一人或同一单位，贵单位与其他部门说法不同，现采信对方。请核对贵单位的值"
        yield _listed("与其他部门不一致", says, DIFFERS, facts.to_answer, _differs)
    hints: dict[tuple[str, str, str], list[Any]] = {}
    for p in facts.may_stay:
        hints.setdefault((p.rule, p.problem, p.says), []).append(p)
    asked = {(c.dataset, column) for c in facts.checks if c.by_row for column in (c.column, *(r.column for r in c.rows[:1]))}
    for (_, _, says), problems in list(hints.items())[: SHEETS - len(most_urgent)]:
        too = "；该列另有未过的检查，列在其中的行须改" if any((p.dataset, p.rows[0].column) in asked for p in problems) else ""
        yield _listed(f"提示 {says}", f"{says}（提示，可改可不改{too}）。应为：{problems[0].expected}", HEADER, problems, _finding)
    if believed := [d for d in facts.disagreements if d.believed]:
        rows = [_believed(d, r) for d in believed for r in d.rows][:ROWS_PER_SHEET]
        says = "供参考，不必答复：其他部门说法不同，现采信贵单位。对方坚持的请核对一下贵单位的值"
        yield Sheet("现采信贵单位", says, BELIEVED, rows, sum(d.total for d in believed))


def _must(says: str, group: Sequence[Any]) -> Sheet:
    """The rows of one rule's problem, each with its ticket; or those of one check, which is answered once for all."""
    if isinstance(group[0], Problem):
        return _listed(says, f"{says}。应为：{group[0].expected}", HEADER, group, _finding)
    because = "；".join(dict.fromkeys(c.why for c in group if c.why))
    why = f"为何要查：{because}。" if because else f"怎样改：{group[0].expected}。"
    beside = sum(c.elsewhere for c in group)
    more = f"另有 {words.count(beside)} 行已按具体的问题列在其他工作表。" if beside else ""
    return _listed(says, f"{says}。{why}{more}改好后照常交付；要答复的，在工作表“{CHECKS}”中对整项答复", FAILS, group, _fails)


def _listed(
    name: str, says: str, columns: Sequence[str], groups: Sequence[Any], show: Callable[[Any, Any], tuple[str | int, ...]]
) -> Sheet:
    """A sheet of the rows of some groups, each with its ticket."""
    rows = [(g, r) for g in groups for r in g.rows][:ROWS_PER_SHEET]
    return Sheet(name, says, columns, [show(g, r) for g, r in rows], sum(g.total for g in groups), [r.ticket for _, r in rows])


def _finding(_: Problem, r: Row) -> tuple[str | int, ...]:
    return r.number, f"{r.title}（{r.dataset}）", r.key, r.delivery_id, r.row_number, r.column, r.value or "（空）", r.expected, "", ""


def _refused(_: Refusal, r: Row) -> tuple[str | int, ...]:
    return r.number, f"{r.title}（{r.dataset}）", r.key or "（缺）", r.delivery_id, r.row_number, r.value, r.expected, "", ""


def _fails(_: Check, r: Row) -> tuple[str | int, ...]:
    return f"{r.title}（{r.dataset}）", r.key, r.delivery_id, r.row_number, r.column, r.value or "（空）", r.expected


def _checked(c: Check, sheet: str) -> tuple[str | int, ...]:
    where = f"工作表“{sheet}”" if sheet else "行数太多，改好前面的再列" if c.rows else c.advice
    more = f"；另有 {words.count(c.elsewhere)} 行已按具体的问题列在其他工作表" if c.rows and c.elsewhere else ""
    said = f"{c.says}。{f'为何要查：{c.why}' if c.why else f'怎样改：{c.expected}'}" if c.says else c.because
    return c.number, f"{c.title}（{c.dataset}）", c.column, said, c.failed, c.checked, where + more, "", ""


def _differs(d: Disagreement, r: Dispute) -> tuple[str | int, ...]:
    key = r.key or f"（本平台编号 {r.record_id}）"
    return r.number, d.named, key, *_place(r), f"{d.library} {d.field}", r.ours, d.other, r.theirs, "对方", "", ""


def _believed(d: Disagreement, r: Dispute) -> tuple[str | int, ...]:
    insisted = "坚持原值" if r.insisted else ""
    return d.named, r.key or "（不在现有数据中）", *_place(r), f"{d.library} {d.field}", r.ours, d.other, r.theirs, r.record_id, insisted


def _place(r: Dispute) -> tuple[str, str | int]:
    """Delivery and row number of the department's own record; empty where it is not loaded any more."""
    return r.delivery_id, r.row_number or ""


def _names(titles: Sequence[str]) -> list[str]:
    """Sheet names: numbered, at most 31 characters, without what Excel forbids."""
    return [f"{i} {t.translate(FORBIDDEN_IN_NAMES)}"[:31].rstrip() for i, t in enumerate(titles, 1)]


def _cells(sheet: Any, values: Iterable[str | int], **style: Any) -> list[Any]:
    """Cells that are text by type and by format; only whole numbers stay numbers."""
    styled = {}
    for kind, number_format in ((str, "@"), (int, "General")):  # a style is registered once, not once a cell
        styled[kind] = WriteOnlyCell(sheet)
        for name, is_ in {**style, "number_format": number_format}.items():
            setattr(styled[kind], name, is_)
    return [_like(sheet, styled[type(v)], v) for v in values]


def _like(sheet: Any, model: Any, value: str | int) -> Any:
    """A cell in the style of another."""
    cell = WriteOnlyCell(sheet, value=plain(value) if isinstance(value, str) else value)
    cell._style = model._style
    if isinstance(value, str):
        cell.data_type = "s"
    return cell


def _height(values: Iterable[str | int], widths: Iterable[float]) -> float:
    """Points that a row takes with its texts wrapped; some programs show one line of a row whose height is not said."""
    lines = [-(-sum(2 if c > "\u2e80" else 1 for c in str(v)) // max(1, int(w) - 1)) for v, w in zip(values, widths, strict=False)]
    return LINE * min(max([1, *lines]), 12)


def _write(book: Workbook, sheet: Sheet, name: str) -> None:
    page = book.create_sheet(name)
    for i, column in enumerate(sheet.columns):
        page.column_dimensions[chr(65 + i)].width = WIDTHS.get(column, 20)
    page.freeze_panes = "A3"
    page.print_title_rows = "1:2"
    _printed(page)
    page.sheet_view.showGridLines = False
    last = chr(64 + len(sheet.columns))
    page.auto_filter.ref = f"A2:{last}{len(sheet.rows) + 2}"
    asked = sheet.columns.index(ANSWER) if ANSWER in sheet.columns else None
    if asked is not None:
        answers = DataValidation(type="list", formula1='"' + ",".join(ANSWERS) + '"', allow_blank=True, showErrorMessage=False)
        answers.add(f"{chr(65 + asked)}3:{chr(65 + asked)}{len(sheet.rows) + 2}")
        page.data_validations.append(answers)
    left = sheet.total - len(sheet.rows)
    more = f"，此处列出 {words.count(len(sheet.rows))} 行，另有 {words.count(left)} 行在这些改好后列出" if left > 0 else ""
    page.append(_cells(page, [f"{sheet.says}　（共 {words.count(sheet.total)} 行{more}）"], font=Font(bold=True, color="17406D")))
    page.append(_cells(page, sheet.columns, font=Font(bold=True, color="FFFFFF"), fill=DARK, alignment=Alignment(vertical="center")))
    model = {"border": THIN, "alignment": Alignment(vertical="top", wrap_text=True)}
    text, number, answer = _cells(page, ["", 0, ""], **model)[:2] + _cells(page, [""], **model, fill=YELLOW)
    widths = [WIDTHS.get(column, 20) for column in sheet.columns]
    for at, row in enumerate(sheet.rows, 3):
        page.row_dimensions[at].height = _height(row, widths)
        page.append(
            [
                _like(page, answer if asked is not None and i >= asked else number if isinstance(v, int) else text, v)
                for i, v in enumerate(row)
            ]
        )


def _printed(page: Any) -> None:
    """On paper: across one A4 sheet, as many down as it takes."""
    page.page_setup.orientation, page.page_setup.paperSize = "landscape", 9
    page.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    page.page_setup.fitToWidth, page.page_setup.fitToHeight = 1, 0


def _cover(book: Workbook, facts: Facts, sheets: Sequence[Sheet], names: Sequence[str]) -> None:
    """说明: what this is, how to use it, what is on which sheet."""
    page = book.create_sheet("说明")
    for column, width in zip("ABC", COVER, strict=True):
        page.column_dimensions[column].width = width
    page.sheet_view.showGridLines = False
    _printed(page)
    page.append(_cells(page, [f"{facts.title}　待改数据清单"], font=Font(bold=True, size=16, color="17406D")))
    page.append(
        _cells(
            page,
            [f"截至 {words.day(facts.today)}　请在 {words.day(facts.deadline)}前（10 个工作日）改好并重新交付"],
            font=Font(color="8A5300", bold=True),
        )
    )
    page.append(_cells(page, [f"部门代号：{facts.department}"], font=Font(color="66727F")))
    page.append([])
    wrap, at = Alignment(wrap_text=True, vertical="top"), 4
    for title, text in (
        (
            "怎样找到这一行",
            "凭“主键”在贵单位系统中查找；主键被遮盖时，凭“交付批次”（前八位是交付日期）和“行号”在该次交付的文件中查找（行号 1 为第一条数据行）。",
        ),
        ("怎样改", "请在贵单位自己的系统中更正，再照常交付。平台不改动贵单位的数据；改好的行在下次交付后自动销号。"),
        (
            "怎样答复",
            "在黄色的“您的答复”栏中选一项，需要时在“说明”栏写几句，把本表随回信发来。请勿改动“单号”；行可以删、可以排序（整行一起）。",
        ),
        *((f"　{answer}", meaning) for answer, meaning in ANSWERS.items()),
        ("关于脱敏", "身份证号、电话、姓名、住址均已遮盖，仅供定位；请勿据此表补录数据。"),
        ("关于公式", "表中没有公式；以 = + - @ 开头的内容前加了一个单引号，是文本。"),
    ):
        at += 1
        page.row_dimensions[at].height = _height([title, text], COVER)
        page.append([*_cells(page, [title], font=Font(bold=True), alignment=wrap), *_cells(page, [text], alignment=wrap)])
    page.append([])
    page.append(_cells(page, ["工作表", "内容", "行数"], font=Font(bold=True, color="FFFFFF"), fill=DARK))
    for row, (sheet, name) in enumerate(zip(sheets, names, strict=True), at + 3):
        page.row_dimensions[row].height = _height([name, sheet.says], COVER)
        page.append(_cells(page, [name, sheet.says, sheet.total], border=THIN, alignment=wrap))
    if not sheets:
        page.append(_cells(page, ["没有待改的行", "谢谢！"]))
