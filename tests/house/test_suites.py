"""Rules about expectations/: every suite can be read, says why, and every published table has one."""

from pathlib import Path

import pytest

from etl import spec
from etl.check.scores import DIMENSIONS, weights
from etl.spec.suite import EXPECTATIONS, kinds, load_suite, problems, table_columns

STEMS = sorted(str(p.relative_to(EXPECTATIONS).with_suffix("")) for p in EXPECTATIONS.glob("*/*.yml"))
TABLES = sorted(t for library in spec.load().libraries.values() for t in library.tables)


@pytest.mark.parametrize("stem", STEMS)
def test_every_claim_says_what_it_measures_how_grave_it_is_and_why(stem: str) -> None:
    suite = load_suite(stem)
    assert suite is not None
    for claim in suite.expectations:
        assert claim.dimension in DIMENSIONS
        assert claim.severity in ("info", "warning", "critical")
        assert any("一" <= c <= "鿿" for c in claim.because), f"{claim.name}: because is to be read by its owner, in Chinese"


def test_no_suite_names_a_type_an_argument_or_a_column_that_is_not_there() -> None:
    assert problems() == []


@pytest.mark.parametrize("table", TABLES)
def test_every_published_table_has_a_suite_with_a_critical_claim_on_its_key(table: str) -> None:
    suite = load_suite(table.replace(".", "/"))
    assert suite is not None
    (key,) = (t.key for library in spec.load().libraries.values() for name, t in library.tables.items() if name == table)
    unique = [
        c.severity
        for c in suite.expectations
        if (c.type == "expect_column_values_to_be_unique" and [c.kwargs["column"]] == key)
        or (c.type == "expect_compound_columns_to_be_unique" and sorted(c.kwargs["column_list"]) == sorted(key))
    ]
    assert "critical" in unique


def test_every_severity_and_dimension_has_a_weight() -> None:
    assert set(weights().dimensions) == set(DIMENSIONS)
    assert set(weights().severities) == {"info", "warning", "critical"}


def test_types_are_known_without_importing_great_expectations() -> None:
    assert {"expect_column_values_to_be_unique", "expect_column_kl_divergence_to_be_less_than", "unexpected_rows_expectation"} <= set(
        kinds()
    )


def test_columns_of_published_tables_are_known_from_their_comments() -> None:
    assert {"person_id", "citizen_id"} <= table_columns()["population.person"]


def test_suites_have_no_strangers_beside_them() -> None:
    strangers = [p for p in Path(EXPECTATIONS).rglob("*") if p.is_file() and p.suffix != ".yml"]
    assert strangers == []
