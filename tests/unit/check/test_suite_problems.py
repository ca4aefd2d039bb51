"""Mistakes in a suite are said by file, key and the nearest alternatives, without a database."""

import sys
from pathlib import Path

import pytest

from etl.spec.suite import kinds, load_suite, problems, snake

WHY = "dimension: accuracy, severity: warning, because: 试一试这条"


def claim(type_: str, kwargs: str, more: str = WHY) -> str:
    return f"  - {{name: a, type: {type_}, kwargs: {{{kwargs}}}, {more}}}\n"


GOOD = claim("expect_column_values_to_be_unique", "column: name")


def said(folder: Path, stem: str, text: str) -> list[str]:
    path = folder / "expectations" / f"{stem}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return problems(folder / "expectations")


UNIQUE, NOT_NULL, IN_SET = "expect_column_values_to_be_unique", "expect_column_values_to_not_be_null", "expect_column_values_to_be_in_set"
COMPOUND, REFER = "expect_compound_columns_to_be_unique", "expect_column_values_to_refer_to"
ONLY_DEAD = "row_condition: {type: comparison, column: {name: statu}, operator: '==', parameter: dead}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (claim("expect_column_values_to_be_uniqe", "column: name"), f"type：没有 expect_column_values_to_be_uniqe；相近的有：{UNIQUE}"),
        (claim(IN_SET, "column: name, value_set: [a], values: [a]"), f"kwargs.values：{IN_SET} 没有此参数；相近的有：value_set"),
        (claim(IN_SET, "column: name"), f"{IN_SET} 缺少参数 value_set"),
        (claim(UNIQUE, "column: persn_id"), "kwargs.column：没有列 persn_id；相近的有：person_id"),
        (claim(COMPOUND, "column_list: [person_id, nam]"), "kwargs.column_list：没有列 nam；相近的有：name"),
        (claim(NOT_NULL, f"column: name, {ONLY_DEAD}"), "kwargs.row_condition：没有列 statu"),
        (
            claim(REFER, "column: person_id, table: population.persn, key: person_id"),
            "没有库表 population.persn；相近的有：population.person",
        ),
        (claim(REFER, "column: person_id, table: population.person, key: id"), "kwargs.key：population.person 没有列 id"),
        (claim(UNIQUE, "column: name", f"column: 姓名, {WHY}"), "（库表不写 column）"),
        (claim(UNIQUE, "column: name", WHY.replace("accuracy", "accurate")), "expectations.0.dimension：应为 'normativity'"),
        (claim(UNIQUE, "column: name", WHY.partition(", because")[0]), "expectations.0.because：缺少此项"),
        (claim(UNIQUE, "column: name", f"reason: x, {WHY}"), "expectations.0.reason：不认识的键"),
        (GOOD.replace("name: a", "name: A b"), "expectations.0.name：应为小写字母"),
    ],
)
def test_each_mistake_is_named_with_its_file_and_key(tmp_path: Path, text: str, expected: str) -> None:
    (problem,) = said(tmp_path, "population/person", f"expectations:\n{text}")
    assert problem.startswith("expectations/population/person.yml：")
    assert expected in problem


def test_a_suite_for_nothing_is_named_with_what_there_is(tmp_path: Path) -> None:
    (problem,) = said(tmp_path, "population/persons", "expectations: []\n")
    assert "没有此数据集或库表；相近的有：population/person" in problem


def test_broken_yaml_an_empty_file_and_a_name_used_twice_are_mistakes(tmp_path: Path) -> None:
    assert "YAML" in said(tmp_path, "population/person", "expectations: [\n")[0]
    assert "expectations" in said(tmp_path, "population/person", "")[0]
    assert "name 重复：a" in said(tmp_path, "population/person", "expectations:\n" + 2 * GOOD)[0]


def test_a_good_suite_has_no_problems(tmp_path: Path) -> None:
    assert said(tmp_path, "population/person", "expectations:\n" + GOOD) == []


def test_there_is_no_suite_where_there_is_no_file() -> None:
    assert load_suite("nobody/nothing") is None


@pytest.mark.parametrize(
    ("camel", "expected"),
    [
        ("ExpectColumnKLDivergenceToBeLessThan", "expect_column_kl_divergence_to_be_less_than"),
        ("ExpectColumnPairValuesAToBeGreaterThanB", "expect_column_pair_values_a_to_be_greater_than_b"),
        ("ExpectColumnValueZScoresToBeLessThan", "expect_column_value_z_scores_to_be_less_than"),
    ],
)
def test_types_are_named_as_great_expectations_names_them(camel: str, expected: str) -> None:
    assert snake(camel) == expected
    assert expected in kinds()


def test_looking_for_problems_does_not_import_great_expectations() -> None:
    import subprocess

    code = "import sys, etl.check; from etl.spec.suite import problems; problems(); assert 'great_expectations' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
