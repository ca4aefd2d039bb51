"""How long a credit record is shown, and what a masked number could prove."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from linking import fill, told, workbench

from etl.merge import credit
from etl.workbench import Workbench

PENALTIES, DEBTORS = "development_reform/penalties", "court/dishonest_debtors"
MASK = "5105**********1234"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def penalised(stack: ExitStack, folder: Path, decided: date, **told_: Any) -> dict[str, Any]:
    """What became of one penalty."""
    bench = stack.enter_context(workbench("credit", folder))
    row = {"subject_name": "公司", "cf_cflb": "罚款", "cf_sy": "未按规定年报", "decided_on": decided} | told_
    fill(bench.con, "feed.penalty", [told(PENALTIES, "1", "subject", **row)])
    credit.build(bench)
    found = bench.con.execute("select * from out.penalty")
    names = [d[0] for d in found.description]
    return dict(zip(names, found.fetchall()[0], strict=True))


TERMS = [
    (date(2018, 1, 10), {}, "general", date(2019, 1, 10), date(2018, 4, 10), "before the rule of 2019"),
    (date(2019, 7, 1), {}, "general", date(2020, 7, 1), date(2019, 10, 1), "the first day of the rule of 2019"),
    (date(2020, 3, 1), {"cf_cflb": "暂扣或者吊销许可证、执照"}, "serious", date(2023, 3, 1), date(2020, 9, 1), "a licence taken"),
    (date(2020, 3, 1), {"cf_cflb": "责令停产停业", "cf_wfxw": "违反食品安全法"}, "grave", date(2023, 3, 1), None, "grave: no repair"),
    (date(2023, 4, 30), {}, "general", date(2024, 4, 30), date(2023, 7, 30), "the last day of the rule of 2019"),
    (date(2023, 5, 1), {}, "general", date(2026, 5, 1), date(2023, 8, 1), "order 58"),
    (date(2024, 1, 1), {"cf_wfxw": "违反消防法"}, "serious", date(2027, 1, 1), date(2025, 1, 1), "order 58, fire"),
    (date(2026, 4, 1), {}, "general", date(2027, 4, 1), date(2026, 7, 1), "order 36"),
    (date(2018, 1, 31), {"displayed_until": date(2018, 12, 1)}, "general", date(2018, 12, 1), date(2018, 4, 30), "an earlier end as delivered"),
    (date(2018, 1, 10), {"displayed_until": date(2018, 2, 1)}, "general", date(2018, 4, 10), date(2018, 4, 10), "not before the shortest term"),
    (date(2018, 1, 10), {"displayed_until": date(2030, 1, 1)}, "general", date(2019, 1, 10), date(2018, 4, 10), "not beyond the longest"),
    (date(2018, 1, 10), {"displayed_until": date(2017, 1, 1)}, "general", date(2019, 1, 10), date(2018, 4, 10), "an end before the decision is none"),
]  # fmt: skip


@pytest.mark.parametrize(("decided", "more", "severity", "until", "repairable", "why"), TERMS, ids=[t[-1] for t in TERMS])
def test_a_penalty_is_shown_as_long_as_the_rule_of_its_day_says(
    stack: ExitStack, tmp_path: Path, decided: date, more: dict[str, Any], severity: str, until: date, repairable: date | None, why: str
) -> None:
    row = penalised(stack, tmp_path, decided, **more)
    assert (row["severity"], row["displayed_until"], row["repairable_from"], row["shown"]) == (severity, until, repairable, True), why


@pytest.mark.parametrize("day", [date(2023, 6, 1), date(2026, 6, 1)])
@pytest.mark.parametrize(("category", "shown"), [("警告", False), ("警告、通报批评", False), ("警告、罚款", True)])
def test_a_mere_warning_is_not_shown_since_2023(stack: ExitStack, tmp_path: Path, day: date, category: str, shown: bool) -> None:
    assert penalised(stack, tmp_path, day, cf_cflb=category)["shown"] is shown


@pytest.mark.parametrize(
    ("more", "repaired"),
    [
        ({"bz": "已信用修复"}, True),
        ({"bz": "处罚决定已撤销"}, True),
        ({"cf_zt": "1"}, True),
        ({"bz": "尚未完成信用修复"}, False),
        ({"bz": "公示期间不予信用修复"}, False),
        ({"cf_zt": "0"}, False),
        ({}, False),
    ],
)
def test_a_penalty_is_repaired_from_the_delivery_that_says_so(
    stack: ExitStack, tmp_path: Path, more: dict[str, Any], repaired: bool
) -> None:
    assert penalised(stack, tmp_path, date(2018, 1, 10), **more)["repaired_on"] == (date(2018, 3, 1) if repaired else None)


def test_amounts_stay_in_ten_thousands_as_delivered(stack: ExitStack, tmp_path: Path) -> None:
    assert float(penalised(stack, tmp_path, date(2018, 1, 10), cf_nr_fk="0.2")["cf_nr_fk"]) == 0.2


def test_the_state_of_the_older_form_is_not_the_newer_one(stack: ExitStack, tmp_path: Path) -> None:
    bench = stack.enter_context(workbench("credit", tmp_path))
    rows = [("2018 valid", "1", None), ("2018 invalid", "2", None), ("2016 normal", None, "0"), ("2016 revoked", None, "1")]
    fill(bench.con, "feed.permit", [told("development_reform/permits", k, "subject", xk_zt=new, state_2016=old) for k, new, old in rows])
    credit.build(bench)
    assert dict(bench.con.execute("select source_key, xk_zt from out.permit").fetchall()) == {
        "2018 valid": "1",
        "2018 invalid": "2",
        "2016 normal": "1",
        "2016 revoked": "2",
    }


def entries(stack: ExitStack, folder: Path, known: list[tuple[str, str]], rule: str | None) -> Workbench:
    bench = stack.enter_context(workbench("credit", folder))
    row = {"list": "dishonest", "subject_name": "张三", "subject_code_citizen_id_text": MASK, "subject_code_citizen_id_state": "masked"}
    fill(bench.con, "feed.list_entry", [told(DEBTORS, "1", "subject", listed_on=date(2017, 6, 1), **row)])
    fill(bench.con, "published.person_named", [{"person_id": f"P{n}", "name": a, "citizen_id": b} for n, (a, b) in enumerate(known)])
    if rule:
        fill(
            bench.con,
            "published.person_record",
            [{"dataset": DEBTORS, "source_key": "1", "role": "subject", "person_id": "P0", "rule": rule}],
        )
    credit.build(bench)
    return bench


ONE, OTHER, ELSE = ("张三", "510521198001011234"), ("张三", "510502197512121234"), ("张三", "510521198001014321")
MASKED = [
    ([ONE], "scored_number", 1, "masked_unique"),
    ([ONE, OTHER], "alone", 2, "masked_ambiguous"),
    ([ONE, OTHER], "scored_address", 2, "masked_other"),
    ([ELSE, ("李四", ONE[1])], "alone", 0, "masked_none"),
    ([], None, 0, "masked_none"),
]


@pytest.mark.parametrize(("known", "rule", "candidates", "basis"), MASKED)
def test_the_ambiguity_of_a_masked_number_is_recorded(
    stack: ExitStack, tmp_path: Path, known: list[tuple[str, str]], rule: str | None, candidates: int, basis: str
) -> None:
    bench = entries(stack, tmp_path, known, rule)
    assert bench.con.execute("select link_candidates, link_basis from out.list_entry").fetchall() == [(candidates, basis)]
    assert MASK not in str(bench.con.execute("select * from out.list_entry").fetchall())


def test_a_debtor_is_listed_two_years_since_2017_and_a_written_end_outranks_that(stack: ExitStack, tmp_path: Path) -> None:
    bench = stack.enter_context(workbench("credit", tmp_path))
    rows = [("old", date(2016, 1, 1), None), ("new", date(2017, 5, 1), None), ("written", date(2017, 5, 1), date(2020, 5, 1))]
    fill(bench.con, "feed.list_entry", [told(DEBTORS, k, "subject", list="dishonest", listed_on=d, valid_to=e) for k, d, e in rows])
    credit.build(bench)
    assert dict(bench.con.execute("select source_key, displayed_until from out.list_entry").fetchall()) == {
        "old": None,
        "new": date(2019, 5, 1),
        "written": date(2020, 5, 1),
    }


def test_every_kind_of_record_has_a_rule_for_every_day() -> None:
    from etl import spec

    terms = spec.load().terms
    for kind in ("permit", "penalty", "red", "black", "abnormal", "dishonest", "arrears"):
        general = [t for t in terms.values() if t.kind == kind and not t.category and not t.matter]
        days = sorted((t.valid_from or date.min, t.valid_to or date.max) for t in general)
        assert days[0][0] == date.min and days[-1][1] == date.max, kind
        assert all((b[0] - a[1]).days == 1 for a, b in itertools.pairwise(days)), kind
