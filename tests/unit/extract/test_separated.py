"""CSV and separated text."""

import pytest
from delivering import Office, rows, source

from etl.errors import DeliveryRefused

THINGS = source(["编号", "名称", "备注"])
ACCOUNTS = source(["a", "b", "c"], "text", separator="|", quoted=False, header=False, encoding="gb18030")


def test_quotes_hold_separators_line_ends_and_quotes(office: Office) -> None:
    data = '编号,名称,备注\r\n1,"甲,乙","第一行\n第二行"\r\n2,"他说""好""",x\r\n'
    assert office.take(THINGS, {"a.csv": data.encode()}) == [
        {"row_number": 1, "编号": "1", "名称": "甲,乙", "备注": "第一行\n第二行"},
        {"row_number": 2, "编号": "2", "名称": '他说"好"', "备注": "x"},
    ]


def test_empty_cells_are_null_and_blank_lines_are_no_rows(office: Office) -> None:
    data = '编号,名称,备注\n1,,""\n\n,,\n  ,,\n2,乙,\n'
    assert [(r["row_number"], r["编号"], r["名称"], r["备注"]) for r in office.take(THINGS, {"a.csv": data.encode()})] == [
        (1, "1", None, None),
        (2, "2", "乙", None),
    ]


def test_text_is_not_touched(office: Office) -> None:
    data = "编号,名称,备注\n007,  甲 乙 ,NULL\n1e5,NaN,'; DROP TABLE x --\n"
    taken = office.take(THINGS, {"a.csv": data.encode()})
    assert [(r["编号"], r["名称"], r["备注"]) for r in taken] == [("007", "  甲 乙 ", "NULL"), ("1e5", "NaN", "'; DROP TABLE x --")]


def test_columns_in_any_order_and_extra_ones_are_kept_and_told(office: Office) -> None:
    office.deliver({"a.csv": "备注,新列,\ufeff 编号 ,名称\nx,多,1,甲\n".encode()})
    landed = office.land(THINGS)
    assert rows(landed) == [{"row_number": 1, "备注": "x", "新列": "多", "编号": "1", "名称": "甲"}]
    assert landed.notes == ("多出的列：新列",)


def test_a_name_that_differs_in_width_or_blanks_only_is_taken_and_told(office: Office) -> None:
    of = source(["编号", "金额(元)"])
    office.deliver({"a.csv": "编 号,金额（元）\n1,2\n".encode()})
    landed = office.land(of)
    assert rows(landed) == [{"row_number": 1, "编号": "1", "金额(元)": "2"}]
    assert "“金额（元）”按“金额(元)”读取" in "".join(landed.notes)


def test_a_missing_column_refuses_and_names_the_nearest(office: Office) -> None:
    office.deliver({"a.csv": "编号,名称号码,备注\n1,2,3\n".encode()})
    with pytest.raises(DeliveryRefused, match=r"missing_column.*缺少列“名称”.*名称号码"):
        office.land(THINGS)
    assert office.landings() == []


def test_a_declared_column_twice_is_refused(office: Office) -> None:
    office.deliver({"a.csv": "编号,名称,名称,备注\n1,2,3,4\n".encode()})
    with pytest.raises(DeliveryRefused, match=r"format.*名称"):
        office.land(THINGS)


def test_rows_with_other_field_counts_are_kept_and_counted(office: Office) -> None:
    data = "编号,名称,备注\n1,甲,x\n2,乙\n3,丙,y,z\n4,丁,w,,\n"
    taken = office.take(THINGS, {"a.csv": data.encode()})
    assert [(r["编号"], r["备注"], r["@shape"]) for r in taken] == [("1", "x", None), ("2", None, 2), ("3", "y", 4), ("4", "w", None)]


@pytest.mark.parametrize("tail", ['3,"丙,没有写完\n4,丁,x\n', "3,丙"])
def test_a_file_cut_short_is_refused_as_truncated(office: Office, tail: str) -> None:
    office.deliver({"a.csv": f"编号,名称,备注\n1,甲,x\n2,乙,y\n{tail}".encode()})
    with pytest.raises(DeliveryRefused, match="truncated"):
        office.land(THINGS)


def test_a_quote_inside_an_unquoted_field_is_text(office: Office) -> None:
    taken = office.take(THINGS, {"a.csv": '编号,名称,备注\n1,5" 管,x\n2,乙,y\n'.encode()})
    assert [r["名称"] for r in taken] == ['5" 管', "乙"]


def test_several_files_are_numbered_through_in_name_order(office: Office) -> None:
    files = {"b.csv": "编号,名称,备注\n3,丙,\n", "a.csv": "名称,编号,备注,多\n甲,1,,q\n乙,2,,\n", ".hidden.csv": "x", "~$a.csv": "y"}
    taken = office.take(THINGS, {n: d.encode() for n, d in files.items()})
    assert [(r["row_number"], r["编号"], r["名称"], r["多"]) for r in taken] == [
        (1, "1", "甲", "q"),
        (2, "2", "乙", None),
        (3, "3", "丙", None),
    ]


def test_a_header_alone_is_a_delivery_of_no_rows(office: Office) -> None:
    office.deliver({"a.csv": "编号,名称,备注\n".encode()})
    landed = office.land(THINGS)
    assert landed.rows_in == 0
    assert rows(landed) == []


@pytest.mark.parametrize("data", [b"", b"\n\n"])
def test_an_empty_file_is_refused(office: Office, data: bytes) -> None:
    office.deliver({"a.csv": data})
    with pytest.raises(DeliveryRefused, match=r"truncated.*空文件"):
        office.land(THINGS)


def test_too_many_columns_and_too_long_cells_are_refused(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JICHU_MAX_CELL", "50")
    office.deliver({"a.csv": f"编号,名称,备注\n1,{'长' * 60},x\n".encode()})
    with pytest.raises(DeliveryRefused, match=r"too_big.*名称"):
        office.land(THINGS)
    monkeypatch.setenv("JICHU_MAX_COLUMNS", "3")
    office.deliver({"a.csv": "编号,名称,备注,多\n1,2,3,4\n".encode()})
    with pytest.raises(DeliveryRefused, match=r"too_big.*4 列"):
        office.land(THINGS)


def test_a_file_beyond_the_limit_is_refused_unread(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JICHU_MAX_FILE_BYTES", "10")
    office.deliver({"a.csv": "编号,名称,备注\n1,2,3\n".encode()})
    with pytest.raises(DeliveryRefused, match="too_big"):
        office.land(THINGS)


def test_unquoted_text_keeps_quotes_and_tells_wrong_field_counts(office: Office) -> None:
    data = '1|甲"乙|x|\r\n2|丙|\r\n3|丁|y|z|\r\n\r\n4||w|\r\n5|戊|v\r\n'
    taken = office.take(ACCOUNTS, {"a.txt": data.encode("gb18030")})
    assert [(r["a"], r["b"], r["c"], r["@shape"]) for r in taken] == [
        ("1", '甲"乙', "x", None),
        ("2", "丙", None, 2),
        ("3", "丁", "y", 4),
        ("4", None, "w", None),
        ("5", "戊", "v", None),
    ]


def test_unquoted_text_without_a_trailing_separator(office: Office) -> None:
    taken = office.take(ACCOUNTS, {"a.txt": b"1|2|3\n4|5|\n6|7\n8|9|10|\n"})
    assert [(r["a"], r["c"], r["@shape"]) for r in taken] == [("1", "3", None), ("4", None, None), ("6", None, 2), ("8", "10", 4)]
