"""Every rule that was applied to a delivery becomes a result, also where it found nothing."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from etl.check import Outcome, result_rows_from_findings
from etl.check.findings import applied
from etl.spec import Registry, RuleSpec, Source, load

SOURCE = Source.model_validate(
    {
        "name": "police/people",
        "stem": "police/people",
        "title": "人",
        "delivery": {"channel": "file", "kind": "full", "format": "csv"},
        "key": ["编号"],
        "columns": {
            "编号": {"as": "number"},
            "身份证号": {"as": "citizen_id", "rule": "citizen_id"},
            "母亲证号": {"as": "mother_citizen_id", "rule": "citizen_id"},
            "生日": {"as": "birth_date", "rule": "date", "required": True},
            "迁入": {"as": "moved_on", "rule": "date"},
        },
    }
)
ROWS = """
    create table cleaned (row_number bigint, number varchar, citizen_id varchar, citizen_id_text varchar, citizen_id_state varchar,
        mother_citizen_id varchar, mother_citizen_id_text varchar, mother_citizen_id_state varchar, birth_date date, moved_on date,
        findings struct("column" varchar, problem varchar, value varchar)[], reasons varchar[]);
    insert into cleaned values
        (1, 'a', 'X1', 'X1', 'ok', null, null, 'missing', '2000-01-01', null,
            [{'column': '身份证号', 'problem': 'id_birth_differs', 'value': 'X1'},
             {'column': '母亲证号', 'problem': 'id_missing', 'value': null}], []),
        (2, 'b', null, 'X2', 'invalid', null, null, 'missing', null, null,
            [{'column': '身份证号', 'problem': 'id_check', 'value': 'X2'}, {'column': '母亲证号', 'problem': 'id_missing', 'value': null},
             {'column': '生日', 'problem': 'not_a_date', 'value': '?'}], ['bad_date: …']),
        (3, 'c', 'X3', 'X3', 'ok', 'X4', 'X4', 'ok', '2001-01-01', '2018-01-01', [], []);
"""


def problem(title: str, dimension: str, severity: str = "warning") -> dict[str, str]:
    return {"title": title, "expected": "照标准写", "dimension": dimension, "severity": severity}


@pytest.fixture
def registry() -> Registry:
    number = {"": "VARCHAR", "_text": "VARCHAR", "_state": "VARCHAR"}
    rules = {
        "text": RuleSpec(title="文本", outputs={"": "VARCHAR"}),
        "citizen_id": RuleSpec.model_validate({"title": "号码", "outputs": number, "problems": {
            "id_missing": problem("为空", "completeness"),
            "id_check": problem("校验码不对", "accuracy", "info"), "id_birth_differs": problem("与生日不符", "consistency")}}),
        "date": RuleSpec.model_validate({"title": "日期", "outputs": {"": "DATE"}, "problems": {
            "missing_value": problem("必填为空", "completeness"), "not_a_date": problem("不是日期", "accuracy")}}),
    }  # fmt: skip
    return Registry({SOURCE.name: SOURCE}, {}, {}, rules, {})


@pytest.fixture
def cleaned(tmp_path: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    con = duckdb.connect()
    con.execute(ROWS)
    con.execute(f"copy cleaned to '{tmp_path / 'cleaned.parquet'}' (format parquet)")
    yield con, tmp_path / "cleaned.parquet"
    con.close()


def test_each_problem_counts_the_rows_judged_and_the_rows_found(
    registry: Registry, cleaned: tuple[duckdb.DuckDBPyConnection, Path]
) -> None:
    found = {o.expectation: o for o in result_rows_from_findings(*cleaned, registry, SOURCE)}
    assert {n: (o.checked, o.failed) for n, o in found.items()} == {
        "citizen_id_id_missing": (3, 0),  # completeness: every row is judged
        "citizen_id_id_check": (3, 1),  # accuracy: rows that hold a value, in whatever state
        "citizen_id_id_birth_differs": (2, 1),  # consistency: rows that hold both
        "mother_citizen_id_id_missing": (3, 2),
        "mother_citizen_id_id_check": (1, 0),  # there is nothing to judge where nothing was delivered
        "birth_date_missing_value": (3, 0),
        "birth_date_not_a_date": (3, 1),  # a value that could not be read was judged
        "moved_on_not_a_date": (1, 0),
    }
    assert found["citizen_id_id_check"] == Outcome(
        "police/people", "citizen_id_id_check", "accuracy", "info", False, False, 3, 1, "校验码不对；应当：照标准写", "身份证号"
    )
    assert found["citizen_id_id_missing"].success


def test_an_empty_delivery_is_judged_on_nothing(registry: Registry, cleaned: tuple[duckdb.DuckDBPyConnection, Path]) -> None:
    con, path = cleaned
    con.execute(f"copy (select * from cleaned limit 0) to '{path}' (format parquet)")
    assert {(o.checked, o.failed, o.success) for o in result_rows_from_findings(con, path, registry, SOURCE)} == {(0, 0, True)}


def test_every_source_has_its_rules_named_once() -> None:
    registry = load()
    for source in registry.sources.values():
        names = [a.claim for a in applied(registry, source)]
        assert len(names) == len(set(names)), source.name
        assert {o for a in applied(registry, source) for o in a.outputs} <= set(registry.outputs(source)), source.name
