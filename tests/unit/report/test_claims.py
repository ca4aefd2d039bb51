"""What a failed check asks of its owner, in the owner's words."""

import re

from etl import spec
from etl.report import claims
from etl.report.facts import Check, Facts, Problem, Row
from etl.spec.rule import Problem as Declared
from etl.spec.suite import Claim, load_suite

REGISTRY = spec.load()
REGISTER = REGISTRY.sources["public_security/household_register"]


def claim(kind: str, **kwargs: object) -> Claim:
    return Claim(name="a", type=kind, kwargs=kwargs, dimension="accuracy", severity="warning", because="甲列应当如此。")


def test_columns_are_called_as_the_department_calls_them() -> None:
    asked = claims.asked(claim("expect_column_values_to_not_be_null", column="registered_address"), REGISTRY, REGISTER)
    assert (asked.says, asked.columns) == ("hkdz（户口地址）空着，或所写的读不出", ("hkdz",))


def test_a_claim_on_two_columns_shows_both() -> None:
    given = {"column_A": "status_date", "column_B": "birth_date", "or_equal": True}
    asked = claims.asked(claim("expect_column_pair_values_a_to_be_greater_than_b", **given), REGISTRY, REGISTER)
    assert asked == claims.Asked("zxrq（注销日期）早于（小于）csrq（出生日期）", "甲列应当如此", ("zxrq", "csrq"))


def test_codes_are_named_by_what_they_mean() -> None:
    source = REGISTRY.sources["court/information_systems"]
    asked = claims.asked(claim("expect_column_values_to_be_in_set", column="status", value_set=["in_use", "stopped"]), REGISTRY, source)
    assert not re.search(r"in_use|stopped", asked.expected)


def test_no_claim_of_any_dataset_speaks_in_cleaned_names() -> None:
    spoken = {}
    for source in REGISTRY.sources.values():
        suite = load_suite(source.stem)
        cleaned = {c.as_ for c in source.columns.values()} - set(source.columns)
        for each in suite.expectations if suite else ():
            asked = claims.asked(each, REGISTRY, source)
            words = set(re.findall(r"[a-z][a-z_0-9]+", asked.says + asked.expected))
            if words & cleaned or any(w.endswith("_state") for w in words) or not asked.expected:
                spoken[source.name, each.name] = asked
    assert spoken == {}


def row(value: str) -> Row:
    return Row("a/b", "甲", "K1", False, "20180301-x", 1, "列", value, "应为")


def problem(name: str, severity: str, total: int) -> Problem:
    declared = Declared(title=name, expected="对的", severity=severity)
    return Problem("a/b", "甲", "列", name, "rule", declared, total, (row("值"),))


def facts(*problems: Problem, checks: tuple[Check, ...] = ()) -> Facts:
    from datetime import date

    return Facts("a", "甲局", "", "", 1, None, date(2018, 3, 8), problems=problems, checks=checks)


def test_what_must_be_mended_comes_before_hints_and_the_gravest_first() -> None:
    check = Check("甲", "列", "应当如此。", "warning", 9, 10, "a/b", says="列空着", by_row=True, rows=(row(""),))
    told = facts(problem("提示", "info", 900), problem("少", "warning", 3), problem("重", "critical", 1), checks=(check,))
    assert [getattr(m, "says", "") for m in told.musts] == ["重", "列空着", "少"]
    assert [p.says for p in told.may_stay] == ["提示"]


def test_a_check_whose_rows_are_listed_by_their_own_problem_asks_nothing_more() -> None:
    check = Check("甲", "列", "应当如此。", "warning", 9, 10, "a/b", says="列空着", by_row=True, elsewhere=9)
    assert facts(checks=(check,)).musts == []
    assert "9 行都已按具体的问题逐行列在其他工作表" in check.advice


def test_a_check_of_the_whole_table_says_that_it_has_no_rows() -> None:
    check = Check("甲", "", "本次 3 行，以往 1 次的中位数为 91 行", "warning", 0, 0, "a/b")
    assert check.heading == "整张表：本次 3 行，以往 1 次的中位数为 91 行"
    assert "没有单独的行" in check.advice
    many = [problem(f"{n}", "warning", n) for n in range(1, 10)]
    told = facts(*many, checks=(check,))
    assert told.as_a_whole
    assert told.foremost(3)[-1] == check, "it has no number of rows to be listed by"
