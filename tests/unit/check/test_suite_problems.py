"""Mistakes in a suite are said by file, key and the nearest alternatives, without a database."""

import sys
from pathlib import Path

import pytest

from etl.spec.suite import kinds, load_suite, problems, snake

CLAIM = "dimension: accuracy, severity: warning, because: 试一试这条}"


def said(folder: Path, stem: str, text: str) -> list[str]:
    path = folder / "expectations" / f"{stem}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return problems(folder / "expectations")


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("{name: a, type: expect_column_values_to_be_uniqe, kwargs: {column: person_id}, " + CLAIM, "type：没有 expect_column_values_to_be_uniqe；相近的有：expect_column_values_to_be_unique"),
        ("{name: a, type: expect_column_values_to_be_in_set, kwargs: {column: sex_code, value_set: [a], values: [a]}, " + CLAIM, "kwargs.values：expect_column_values_to_be_in_set 没有此参数；相近的有：value_set"),
        ("{name: a, type: expect_column_values_to_be_in_set, kwargs: {column: sex_code}, " + CLAIM, "expect_column_values_to_be_in_set 缺少参数 value_set"),
        ("{name: a, type: expect_column_values_to_be_unique, kwargs: {column: persn_id}, " + CLAIM, "kwargs.column：没有列 persn_id；相近的有：person_id"),
        ("{name: a, type: expect_compound_columns_to_be_unique, kwargs: {column_list: [person_id, nam]}, " + CLAIM, "kwargs.column_list：没有列 nam；相近的有：name"),
        ("{name: a, type: expect_column_values_to_not_be_null, kwargs: {column: name, row_condition: {type: comparison, column: {name: statu}, operator: '==', parameter: x}}, " + CLAIM, "kwargs.row_condition：没有列 statu"),
        ("{name: a, type: expect_column_values_to_refer_to, kwargs: {column: person_id, table: population.persn, key: person_id}, " + CLAIM, "kwargs.table：没有库表 population.persn；相近的有：population.person"),
        ("{name: a, type: expect_column_values_to_refer_to, kwargs: {column: person_id, table: population.person, key: id}, " + CLAIM, "kwargs.key：population.person 没有列 id"),
        ("{name: a, type: expect_column_values_to_be_unique, kwargs: {column: name}, column: 姓名, " + CLAIM, "（库表不写 column）"),
        ("{name: a, type: expect_column_values_to_be_unique, kwargs: {column: name}, dimension: accurate, severity: warning, because: 试一试这条}", "expectations.0.dimension"),
        ("{name: a, type: expect_column_values_to_be_unique, kwargs: {column: name}, dimension: accuracy, severity: warning}", "expectations.0.because"),
        ("{name: a, type: expect_column_values_to_be_unique, reason: x, kwargs: {column: name}, " + CLAIM, "expectations.0.reason：不认识的键"),
        ("{name: A b, type: expect_column_values_to_be_unique, kwargs: {column: name}, " + CLAIM, "expectations.0.name"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_file_and_key(tmp_path: Path, claim: str, expected: str) -> None:
    (problem,) = said(tmp_path, "population/person", f"expectations:\n  - {claim}\n")
    assert problem.startswith("expectations/population/person.yml：")
    assert expected in problem


def test_a_suite_for_nothing_is_named_with_what_there_is(tmp_path: Path) -> None:
    (problem,) = said(tmp_path, "population/persons", "expectations: []\n")
    assert "没有此数据集或库表；相近的有：population/person" in problem


def test_broken_yaml_an_empty_file_and_a_name_used_twice_are_mistakes(tmp_path: Path) -> None:
    assert "YAML" in said(tmp_path, "population/person", "expectations: [\n")[0]
    assert "expectations" in said(tmp_path, "population/person", "")[0]
    claim = "  - {name: a, type: expect_column_values_to_be_unique, kwargs: {column: name}, " + CLAIM + "\n"
    assert "name 重复：a" in said(tmp_path, "population/person", "expectations:\n" + 2 * claim)[0]


def test_a_good_suite_has_no_problems(tmp_path: Path) -> None:
    claim = "  - {name: a, type: expect_column_values_to_be_unique, kwargs: {column: name}, " + CLAIM + "\n"
    assert said(tmp_path, "population/person", "expectations:\n" + claim) == []


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

    code = "import sys; from etl.spec.suite import problems; import etl.check; problems(); assert not {'great_expectations', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
