"""Excel workbooks as offices draw them, and as attackers do."""

import io
import re
import zipfile
from datetime import date, datetime

import pyarrow.parquet as pq
import pytest
from delivering import Office, rows, source, workbook, zipped

from etl.errors import DeliveryRefused

THINGS = source(["编号", "名称", "金额"], "xlsx")


def rewritten(book: bytes, pattern: bytes, by: bytes) -> bytes:
    """The workbook with its first sheet's XML changed."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        files = {n: archive.read(n) for n in archive.namelist()}
    files["xl/worksheets/sheet1.xml"], count = re.subn(pattern, by, files["xl/worksheets/sheet1.xml"])
    assert count
    return zipped(files)


def test_titles_blank_rows_totals_and_footnotes_are_no_rows(office: Office) -> None:
    lines = [
        ["某市某某情况表"],
        [None, None, "单位：万元"],
        ["编号", "名称", "金额"],
        ["1", "甲", 1.50],
        [],
        ["2", "乙", None],
        ["小 计", None, 1.5],
        ["编号", "名称", "金额"],
        ["3", "合计公司", 3],
        ["合计", None, 4.5],
        ["注：金额为预计数。"],
        ["制表人：某某", "审核：某某"],
    ]
    taken = office.take(THINGS, {"a.xlsx": workbook(("表", lines), merges={"表": ["A1:C1"]})})
    assert [(r["row_number"], r["编号"], r["名称"], r["金额"]) for r in taken] == [
        (1, "1", "甲", "1.5"),
        (2, "2", "乙", None),
        (3, "3", "合计公司", "3"),
    ]
    assert taken[0]["@title"] == "某市某某情况表\n单位：万元"


def test_a_last_row_without_its_key_is_still_a_row(office: Office) -> None:
    lines = [["编号", "名称", "金额"], ["1", "甲", 1], [None, "乙", 2]]
    assert [r["名称"] for r in office.take(THINGS, {"a.xlsx": workbook(("表", lines))})] == ["甲", "乙"]


@pytest.mark.parametrize("merged", [True, False])
def test_two_header_rows_give_the_lower_names_where_these_differ(office: Office, merged: bool) -> None:
    of = source(["序号", "家庭人口", "金额(元)", "起始"], "xlsx", header_rows=2)
    lines = [["序号", "保障", None, "起始"], [None, "家庭人口", "金额(元)", None], [1, 2, 616, "201306"], ["合计", 2, 616, None]]
    merges = {"低保": ["A1:A2", "B1:C1", "D1:D2"]} if merged else None
    taken = office.take(of, {"a.xlsx": workbook(("低保", lines), merges=merges)})
    assert [[r[c] for c in of.columns] for r in taken] == [["1", "2", "616", "201306"]]


def test_two_header_rows_give_both_levels_where_the_lower_names_repeat(office: Office) -> None:
    of = source(["县区"], "xlsx", rest="rest", header_rows=2)
    lines = [["2015 年指标"], ["县区", "生产总值", None, "人口", None], [None, "总量", "增速", "总量", "增速"], ["甲县", 1, 2, 3, 4]]
    taken = office.take(of, {"a.xlsx": workbook(("表", lines), merges={"表": ["A1:E1", "A2:A3", "B2:C2", "D2:E2"]})})
    assert taken == [
        {
            "row_number": 1,
            "县区": "甲县",
            "生产总值/总量": "1",
            "生产总值/增速": "2",
            "人口/总量": "3",
            "人口/增速": "4",
            "@title": "2015 年指标",
        }
    ]


def test_dates_numbers_and_texts_become_text_without_loss(office: Office) -> None:
    of = source(["a", "b", "c", "d", "e", "f", "g"], "xlsx")
    lines = [list("abcdefg"), [date(2018, 3, 1), datetime(2018, 3, 1, 8, 30), 690.0, 0.1003, "007", True, "'=x"]]
    taken = office.take(of, {"a.xlsx": workbook(("表", lines))})
    assert [taken[0][c] for c in "abcdefg"] == ["2018-03-01", "2018-03-01 08:30:00", "690", "0.1003", "007", "TRUE", "'=x"]


def test_an_id_number_stored_as_a_number_keeps_every_digit_that_was_stored(office: Office) -> None:
    book = workbook(("表", [["编号", "名称", "金额"], [510502198501010011, "甲", 1.2e17]]))
    exact = rewritten(book, rb"<v>5\.1050219850101e\+17</v>", b"<v>510502198501010011</v>")
    assert [(r["编号"], r["金额"]) for r in office.take(THINGS, {"a.xlsx": exact})] == [("510502198501010011", "120000000000000000")]


def test_sheets_are_read_in_order_and_strange_ones_told(office: Office) -> None:
    header = ["编号", "名称", "金额"]
    book = workbook(
        ("二月", [header, ["1", "甲", 1]]),
        ("说明", [["本表由某处填报"], ["二", "三"]]),
        ("一月", [[*header, "多"], ["2", "乙", 2, "x"]]),
        ("空", []),
    )
    office.deliver({"a.xlsx": book})
    landed = office.land(THINGS)
    assert [(r["编号"], r["多"]) for r in rows(landed)] == [("1", None), ("2", "x")]
    assert any("“说明”“空”" in n for n in landed.notes)


def test_cells_merged_downwards_stand_for_every_row(office: Office) -> None:
    lines = [["编号", "名称", "金额"], ["户1", "甲", 1], [None, "乙", 2], ["户2", "丙", 3]]
    taken = office.take(THINGS, {"a.xlsx": workbook(("表", lines), merges={"表": ["A2:A3"]})})
    assert [r["编号"] for r in taken] == ["户1", "户1", "户2"]


def test_a_missing_column_is_refused_with_the_sheet_and_the_nearest_name(office: Office) -> None:
    office.deliver({"a.xlsx": workbook(("表", [["标题"], ["编号", "名称", "金 额（元）"], ["1", "甲", 1]]))})
    with pytest.raises(DeliveryRefused, match=r"missing_column.*工作表“表”.*缺少列“金额”.*金 额"):
        office.land(THINGS)


def test_columns_without_a_name_are_left_out_unless_they_hold_something(office: Office) -> None:
    lines = [["编号", None, "名称", None, "金额"], ["1", None, "甲", "看这里", 1]]
    taken = office.take(THINGS, {"a.xlsx": workbook(("表", lines))})
    assert taken == [{"row_number": 1, "编号": "1", "名称": "甲", "第4列": "看这里", "金额": "1", "@title": None}]


def test_formulas_give_their_stored_value_and_a_note_where_there_is_none(office: Office) -> None:
    book = workbook(("表", [["编号", "名称", "金额"], ["1", "甲", "=1+1"], ["2", "乙", "=1+2"]]))
    stored = rewritten(book, rb"<f>1\+1</f><v ?/>", b"<f>1+1</f><v>2</v>")
    office.deliver({"a.xlsx": stored})
    landed = office.land(THINGS)
    assert [r["金额"] for r in rows(landed)] == ["2", None]
    assert any("1 个公式" in n for n in landed.notes)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("<html><table><tr><td>编号</td></tr></table></html>".encode(), "format"),
        ("编号,名称\n1,甲\n".encode("gb18030"), "format"),
        (zipped({"x.txt": b"x"}), "format"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "format"),
        (workbook(("表", [["编号", "名称", "金额"]] * 50))[:2000], "truncated"),
    ],
)
def test_what_is_no_workbook_is_refused(office: Office, data: bytes, code: str) -> None:
    office.deliver({"a.xlsx": data})
    with pytest.raises(DeliveryRefused) as refused:
        office.land(THINGS)
    assert refused.value.code == code


def test_a_zip_bomb_is_refused_before_it_bursts(office: Office) -> None:
    bomb = zipped({"xl/workbook.xml": b"<workbook/>", "xl/worksheets/sheet1.xml": b" " * (20 * 1024 * 1024)})
    office.deliver({"a.xlsx": bomb})
    with pytest.raises(DeliveryRefused, match="too_big"):
        office.land(THINGS)


def test_a_zip_that_lies_about_its_size_is_refused(office: Office) -> None:
    real = 20 * 1024 * 1024
    bomb = bytearray(zipped({"xl/workbook.xml": b"<workbook/>", "xl/worksheets/sheet1.xml": b" " * real}))
    lied = bytes(bomb).replace(real.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    office.deliver({"a.xlsx": lied})
    with pytest.raises(DeliveryRefused, match="too_big"):
        office.land(THINGS)


def test_a_member_that_points_outside_is_refused(office: Office) -> None:
    office.deliver({"a.xlsx": zipped({"xl/workbook.xml": b"<workbook/>", "../../etc/x": b"x"})})
    with pytest.raises(DeliveryRefused, match="unsafe_path"):
        office.land(THINGS)


def test_two_cells_far_apart_do_not_fill_the_memory(office: Office) -> None:
    book = workbook(("表", [["编号", "名称", "金额"], ["1", "甲", 1]]))
    far = rewritten(book, b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')
    assert [r["编号"] for r in office.take(THINGS, {"a.xlsx": far})] == ["1"]


def test_a_printed_running_number_alone_is_no_row_and_does_not_hide_a_total(office: Office) -> None:
    of = source(["序号", "编号", "名称"], "xlsx", key="编号").model_copy(update={"running_number": ["序号"]})
    lines = [["序号", "编号", "名称"], [1, "a", "甲"], [2, None, None], [3, "b", "乙"], [4, "合计", None], [5, None, None]]
    assert [r["编号"] for r in office.take(of, {"a.xlsx": workbook(("表", lines))})] == ["a", "b"]


def test_an_empty_table_still_has_every_declared_column(office: Office) -> None:
    of = source(["编号", "名称", "@sheet", "@title"], "xlsx")
    office.deliver({"a.xlsx": workbook(("表", [["编号", "名称"]]))})
    landed = office.land(of)
    assert landed.rows_in == 0
    assert set(pq.read_schema(landed.rows).names) == {"row_number", "编号", "名称", "@file", "@sheet", "@title"}
