"""The catalogue as the guide's workbook: resources, items, and what each department shares and opens."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from etl import store
from etl.catalog.listed import Listed

SHARE = {1: "1 无条件共享", 2: "2 有条件共享", 3: "3 不予共享"}
LETTERS = {
    "C": "字符型",
    "N": "数值型",
    "Y": "货币型",
    "D": "日期型",
    "T": "日期时间型",
    "L": "逻辑型",
    "M": "备注型",
    "G": "通用型",
    "B": "双精度型",
    "I": "整型",
    "F": "浮点型",
}
HEAD = PatternFill("solid", fgColor="1F4E78")
Column = tuple[str, int, Callable[[dict[str, Any]], Any]]

RESOURCES: Sequence[Column] = (
    ("信息资源分类", 36, lambda r: r["classification"]),
    ("信息资源名称", 28, lambda r: r["name"]),
    ("信息资源代码", 26, lambda r: r["resource_code"]),
    ("信息资源提供方", 22, lambda r: r["provider"]),
    ("信息资源提供方代码", 22, lambda r: r["provider_code"]),
    ("信息资源摘要", 60, lambda r: r["abstract"]),
    ("信息资源格式分类", 14, lambda r: r["format"].split("/")[0]),
    ("信息资源格式类型", 14, lambda r: r["format"].split("/")[-1]),
    ("共享类型", 16, lambda r: SHARE[r["share_type"]]),
    ("共享条件", 40, lambda r: r["share_condition"]),
    ("共享方式", 22, lambda r: r["share_mode"]),
    ("是否向社会开放", 10, lambda r: r["open"]),
    ("开放条件", 26, lambda r: r["open_condition"]),
    ("依据", 40, lambda r: r["basis"]),
    ("更新周期", 10, lambda r: r["update_cycle"]),
    ("发布日期", 12, lambda r: r["published_on"]),
    ("最近更新", 12, lambda r: r["updated_on"]),
    ("关联资源代码", 40, lambda r: "；".join(r["related_codes"])),
)
ITEMS: Sequence[Column] = (
    ("信息资源代码", 26, lambda i: i["resource_code"]),
    ("信息资源名称", 28, lambda i: i["resource_name"]),
    ("信息项名称", 28, lambda i: i["name"]),
    ("数据类型", 12, lambda i: f"{LETTERS[i['data_type']]} {i['data_type']}"),
    ("数据长度", 10, lambda i: i["length"] or "不定长"),
    ("所在的表", 36, lambda i: i["table_name"]),
    ("列名", 26, lambda i: i["column_name"]),
    ("说明", 60, lambda i: i["description"]),
)
_BY_NAME = {c[0]: c for c in RESOURCES}
_FIRST = ("信息资源提供方", "信息资源代码", "信息资源名称")
SHARED = tuple(_BY_NAME[n] for n in (*_FIRST, "共享类型", "共享条件", "共享方式", "依据", "更新周期"))
OPENED = tuple(_BY_NAME[n] for n in (*_FIRST, "开放条件", "信息资源格式分类", "信息资源格式类型", "更新周期"))


def write(listed: Listed, path: Path) -> Path:
    """The workbook; returns its path."""
    book = Workbook()
    book.remove(book.active)
    by_department = sorted(listed.resources, key=lambda r: (r["department"], r["resource_code"]))
    names = {r["resource_code"]: r["name"] for r in listed.resources}
    items = [{**i, "resource_name": names[code]} for code, each in listed.items.items() for i in each]
    _sheet(book, "资源目录", f"{listed.title}（{listed.day:%Y年%m月%d日}）", RESOURCES, listed.resources)
    _sheet(book, "信息项", "信息项", ITEMS, items)
    _sheet(book, "共享清单", "各部门共享清单（不予共享的不列）", SHARED, [r for r in by_department if r["share_type"] != 3])
    _sheet(book, "开放清单", "各部门向社会开放清单", OPENED, [r for r in by_department if r["open"]])
    with store.write_atomically(path) as beside:
        book.save(beside)
    return path


def _sheet(book: Workbook, name: str, title: str, columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> None:
    """A sheet: title, header, rows; header frozen and filterable."""
    sheet = book.create_sheet(name)
    sheet.append([title])
    sheet["A1"].font = Font(bold=True, size=14)
    sheet.append([c[0] for c in columns])
    for n, (_, width, _) in enumerate(columns, 1):
        cell = sheet.cell(2, n)
        cell.font, cell.fill = Font(bold=True, color="FFFFFF"), HEAD
        cell.alignment = Alignment(wrap_text=True, vertical="center")
        sheet.column_dimensions[get_column_letter(n)].width = width
    for row in rows:
        sheet.append([value(row) for _, _, value in columns])
    sheet.freeze_panes = "A3"
    sheet.auto_filter.ref = f"A2:{get_column_letter(len(columns))}{len(rows) + 2}"
