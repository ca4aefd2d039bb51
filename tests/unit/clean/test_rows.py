"""A row as a whole: its key, its hash, what makes it bad, what its columns say of each other."""

import json
from typing import Any

from cleaning import source_of

PERSON = {
    "编号": {"as": "number"},
    "姓名": {"as": "name", "rule": "person_name"},
    "身份证号": {"as": "citizen_id", "rule": "citizen_id"},
    "性别": {"as": "sex_code", "rule": "sex"},
    "出生日期": {"as": "birth_date", "rule": "date", "required": True},
}


def test_a_key_is_the_delivered_text_trimmed_and_joined(run: Any) -> None:
    source = source_of({"文号": {"as": "a"}, "名称": {"as": "b", "rule": "entity_name"}}, ["文号", "名称"])
    got = run(
        source,
        [{"文号": "　泸环罚〔2017〕43号 ", "名称": "\t某 公司(本部)\xa0"}, {"文号": "甲", "名称": "　 "}, {"文号": None, "名称": "乙"}],
    )
    assert [r["source_key"] for r in got] == ["泸环罚〔2017〕43号|某 公司(本部)", None, None]
    assert [r["reasons"] for r in got] == [[], ["missing_key: 主键列“名称”为空"], ["missing_key: 主键列“文号”为空"]]


def test_a_key_with_a_wrong_check_character_is_still_the_key(run: Any) -> None:
    source = source_of({"信用代码": {"as": "code", "rule": "entity_code"}}, ["信用代码"])
    (row,) = run(source, [{"信用代码": "91110000600037341M"}])
    assert (row["source_key"], row["reasons"], row["findings"][0]["problem"]) == ("91110000600037341M", [], "code_check")


def test_the_hash_is_of_content_and_only_of_content(run: Any) -> None:
    source = source_of({"序号": {"as": "n"}, "键": {"as": "k"}, "值": {"as": "v"}}, ["键"], running_number=["序号"])
    rows = [
        {"序号": "1", "键": "a", "值": "x", "多出的列": "1"},
        {"序号": "2", "键": "a", "值": "x", "多出的列": "2"},
        {"序号": "3", "键": "a", "值": "x "},
        {"序号": "4", "键": "a", "值": None},
        {"序号": "5", "键": "a", "值": ""},
    ]
    hashes = [r["row_hash"] for r in run(source, rows)]
    assert hashes[0] == hashes[1], "running numbers and undeclared columns are not content"
    assert hashes[0] != hashes[2], "content is compared as delivered, blanks and all"
    assert hashes[3] == hashes[4], "empty is empty"


def test_two_columns_that_run_together_do_not_hash_alike(run: Any) -> None:
    source = source_of({"键": {"as": "k"}, "值": {"as": "v"}}, ["键"])
    first, second = run(source, [{"键": "ab", "值": "c"}, {"键": "a", "值": "bc"}])
    assert first["row_hash"] != second["row_hash"]


def test_the_rest_of_a_wide_table_is_one_json_column_and_content(run: Any) -> None:
    source = source_of({"作物": {"as": "crop"}}, ["作物"], rest="figures")
    first, second = run(source, [{"作物": "水稻", "泸县": "2444", "江阳区": "5,867"}, {"作物": "水稻", "泸县": "2445", "江阳区": "5,867"}])
    assert json.loads(first["figures"]) == {"江阳区": "5,867", "泸县": "2444"}
    assert first["row_hash"] != second["row_hash"]


def test_a_period_in_the_title_is_key_and_content_and_the_file_name_is_not(run: Any) -> None:
    source = source_of(
        {"指标": {"as": "indicator", "rule": "indicator_name"}, "@sheet": {"as": "period", "rule": "period_in_text"}}, ["指标", "@sheet"]
    )
    rows = [
        {"指标": "  #客运量", "@sheet": "2018年1-2月", "@title": None, "@file": "a.xlsx"},
        {"指标": "  #客运量", "@sheet": "Sheet1", "@title": "2018年2月交通运输月报", "@file": "b.xlsx"},
        {"指标": "  #客运量", "@sheet": "Sheet1", "@title": "交通运输月报", "@file": "c.xlsx"},
    ]
    first, second, third = run(source, rows)
    assert first["source_key"] == second["source_key"] == "#客运量|2018-02"
    assert first["row_hash"] == second["row_hash"]
    assert (third["source_key"], third["period"], third["reasons"]) == (None, None, ["missing_key: 主键列“sheet”为空"])


def test_a_row_of_the_wrong_shape_is_bad_for_that_alone(run: Any) -> None:
    (row,) = run(source_of(PERSON, ["编号"]), [{"编号": "1", "姓名": "张三", "出生日期": "男", "@shape": "4"}])
    assert row["reasons"] == ["bad_shape: 本行有 4 个字段，约定为 5 个"]


def test_a_number_that_disagrees_with_birth_date_or_sex_is_a_finding(run: Any) -> None:
    rows = [
        {"编号": "1", "姓名": "张三", "身份证号": "510502190001010017", "性别": "1", "出生日期": "1900-01-01"},
        {"编号": "2", "姓名": "张三", "身份证号": "510502190402290013", "性别": "男", "出生日期": "19040229"},
        {"编号": "3", "姓名": "张三", "身份证号": "510502190402290013", "性别": "女", "出生日期": "19040302"},
    ]
    found = [[(f["column"], f["problem"]) for f in r["findings"]] for r in run(source_of(PERSON, ["编号"]), rows)]
    assert found == [[("出生日期", "filler_date")], [], [("身份证号", "id_birth_differs"), ("身份证号", "id_sex_differs")]]


def test_a_wrong_field_that_is_not_required_only_leaves_a_finding(run: Any) -> None:
    columns = {**PERSON, "出生日期": {"as": "birth_date", "rule": "date"}}
    (row,) = run(source_of(columns, ["编号"]), [{"编号": "1", "姓名": "张三", "性别": "X", "出生日期": "不是日期"}])
    assert row["reasons"] == []
    assert [(f["column"], f["problem"], f["value"]) for f in row["findings"]] == [
        ("性别", "not_in_list", "X"),
        ("出生日期", "not_a_date", "不是日期"),
    ]
    assert (row["sex_code"], row["birth_date"]) == (None, None)


def test_longitude_and_latitude_are_exchanged_back_and_zero_is_nowhere(run: Any) -> None:
    source = source_of(
        {"键": {"as": "k"}, "经度": {"as": "longitude", "rule": "coordinate"}, "纬度": {"as": "latitude", "rule": "coordinate"}}, ["键"]
    )
    points = [("105.44", "28.87"), ("28.87", "105.44"), ("0", "0"), (None, None), ("116.4", "39.9"), ("105°26′24″", "28.87")]
    got = run(source, [{"键": str(i), "经度": x, "纬度": y} for i, (x, y) in enumerate(points)])
    assert [(r["longitude"], r["latitude"]) for r in got] == [
        (105.44, 28.87),
        (105.44, 28.87),
        (None, None),
        (None, None),
        (None, None),
        (105.44, 28.87),
    ]
    assert [{f["problem"] for f in r["findings"]} for r in got] == [
        set(), {"coordinate_exchanged"}, {"coordinate_missing"}, {"coordinate_missing"}, {"coordinate_outside"}, set(),
    ]  # fmt: skip
    assert all(r["reasons"] == [] for r in got)


def test_outputs_have_the_declared_columns_and_types(run: Any, con: Any, registry: Any, tmp_path: Any) -> None:
    source = source_of(PERSON, ["编号"])
    run(source, [{"编号": "1"}])
    types = {r[0]: r[1] for r in con.execute(f"describe select * from '{tmp_path / 'cleaned.parquet'}'").fetchall()}
    assert list(types)[:3] == ["row_number", "source_key", "row_hash"] and types["row_hash"] == "UUID"
    for name, (kind, _) in registry.outputs(source).items():
        assert types[name] == kind
    assert types["findings"] == 'STRUCT("column" VARCHAR, problem VARCHAR, "value" VARCHAR)[]'
    assert types["reasons"] == "VARCHAR[]"


def test_every_rule_has_a_way_to_clean_and_every_problem_it_names_is_declared(registry: Any) -> None:
    from etl.clean.rules import RULES

    assert set(registry.rules) - {"geometry"} <= set(RULES)
    for name, spec in registry.rules.items():
        if name != "geometry":
            assert set(RULES[name].outputs) == set(spec.outputs), name
