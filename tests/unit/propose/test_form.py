"""How a file is written is told from its head: encodings, separators, headers, records."""

from pathlib import Path

import pytest

from etl.extract.formats.table import Merge
from etl.propose.form import look
from etl.propose.record_form import path_to_records
from etl.propose.sheet_form import find

ROWS = "编号,姓名,登记日期\nA1,王示例,2018-03-01\nA2,李示例,2018-03-02\n"


@pytest.mark.parametrize(("codec", "told"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("gb18030", "gb18030")])
def test_an_encoding_is_that_in_which_the_whole_file_decodes(codec: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(ROWS, encoding=codec)
    form = look(file)
    assert form.terms == {"format": "csv", "encoding": told, "separator": ","}


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        (ROWS.replace(",", "\t"), {"format": "csv", "separator": "\t"}),
        (ROWS.replace(",", ";"), {"format": "csv", "separator": ";"}),
        (ROWS.replace(",", "|"), {"format": "text", "separator": "|", "quoted": False}),
        (ROWS.replace(",", "|").replace("\n", "|\n"), {"format": "text", "separator": "|", "quoted": False}),
        ('编号|姓名\nA1|"王|示例"\nA2|"李|示例"\n', {"format": "csv", "separator": "|"}),
        (
            "8001|王示例|510502198001010013|\n8002|李示例|510502198001010021|\n",
            {"format": "text", "separator": "|", "quoted": False, "header": False},
        ),
    ],
)
def test_separator_quoting_and_header_are_told(text: str, terms: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text(text, encoding="utf-8")
    assert look(file).terms == {"encoding": "utf-8", **terms}


def test_years_may_be_names_of_columns(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("地区,2016,2017年\n江阳区,12,13\n", encoding="utf-8")
    assert "header" not in look(file).terms


def test_names_that_stand_twice_or_nowhere_are_not_declared(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("编号,备注,备注,\nA1,x,y,z\n", encoding="utf-8")
    assert look(file).unnamed == ["备注", "第4列"]


def test_a_header_is_found_below_titles_and_through_merged_cells() -> None:
    head = [
        ["泸州市低保名册", "", "", "", ""],
        ["", "", "", "", "单位：元"],
        ["序号", "姓名", "保障情况", "", "起始年月"],
        ["", "", "人口", "金额", ""],
        ["1", "王示例", "2", "616", "201306"],
    ]
    merges = [Merge(0, 0, 0, 4), Merge(2, 0, 3, 0), Merge(2, 1, 3, 1), Merge(2, 2, 2, 3), Merge(2, 4, 3, 4)]
    found = find("表", head, merges)
    assert found is not None
    assert (found.start, found.depth, found.names) == (2, 2, ["序号", "姓名", "人口", "金额", "起始年月"])


def test_a_header_of_one_row_stays_one_row_deep() -> None:
    head = [["标题", "", ""], ["编号", "名称", "数量"], ["A1", "某", "3"], ["A2", "某", ""]]
    found = find("表", head, [Merge(0, 0, 0, 2)])
    assert found is not None
    assert (found.start, found.depth) == (1, 1)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('[{"a": 1}]', ""),
        ('{"data": [{"a": 1}]}', "data"),
        ('{"code": 0, "result": {"n": 1, "rows": [{"a": "{["}]}}', "result.rows"),
        ('{"a": [1, 2]}', None),
    ],
)
def test_the_path_to_json_records_is_that_of_the_first_list_of_objects(text: str, path: str | None) -> None:
    assert path_to_records(text) == path


def test_xml_records_are_the_repeated_elements_next_to_the_root(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    file.write_text(
        "<all><head><date>1</date></head><item><id>1</id><sub><x>1</x></sub></item><item><id>2</id></item></all>", encoding="utf-8"
    )
    assert look(file).terms["records"] == "item"
