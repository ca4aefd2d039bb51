"""Figures, certificates and credit: what stands in the libraries, and what must never stand there."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from linking import TODAY, fill, told, workbench

from etl.merge import certificate, credit, statistics
from etl.workbench import Workbench

MONTHLY, WEATHER = "statistics_bureau/monthly_indicators", "meteorology/daily"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def figures(stack: ExitStack, folder: Path, now: list[dict[str, Any]], past: list[dict[str, Any]] | None = None) -> Workbench:
    bench = stack.enter_context(workbench("statistics", folder))
    fill(bench.con, "feed.figure", now)
    fill(bench.con, "past.figure", past or [])
    statistics.build(bench)
    return bench


def month(indicator: str, unit: str, period: str, day: int = 1, key: str | None = None, **values: str) -> dict[str, Any]:
    return told(
        MONTHLY,
        key or f"{indicator}|{period}",
        day=date(2018, 3, day),
        indicator=indicator,
        unit=unit,
        frequency="M",
        period=period,
        shape="long",
        **values,
    )


def asked(bench: Workbench, columns: str, order: str) -> list[tuple[Any, ...]]:
    return bench.con.execute(f"select {columns} from out.observation order by {order}").fetchall()


def test_a_months_figure_and_the_years_so_far_are_two_measures(stack: ExitStack, tmp_path: Path) -> None:
    bench = figures(
        stack,
        tmp_path,
        [month("社会消费品零售总额", "万元", "2018-02", period_value="1,234", cumulative_value="2500①", growth_value="11.5")],
    )
    told_ = asked(bench, "measure, value, unit, status, region_code, object_code, frequency, period", "measure")
    common = ("normal", "510500000000", "", "M", "2018-02")
    assert told_ == [("cumulative", 2500.0, "万元", *common), ("growth", 11.5, "%", *common), ("period", 1234.0, "万元", *common)]


def test_a_stock_is_a_level(stack: ExitStack, tmp_path: Path) -> None:
    bench = figures(stack, tmp_path, [month("各项存款余额", "亿元", "2018-02", cumulative_value="100")])
    assert [m for m, v in asked(bench, "measure, value", "measure") if v is not None] == ["level"]


@pytest.mark.parametrize("text", ["—", "…", "-", "", None])
def test_a_dash_is_missing_and_never_zero(stack: ExitStack, tmp_path: Path, text: str | None) -> None:
    bench = figures(stack, tmp_path, [month("工业增加值", "万元", "2018-02", period_value=text, cumulative_value="5")])  # type: ignore[arg-type]
    assert [(v, s) for m, v, s in asked(bench, "measure, value, status", "measure") if m == "period"] == [(None, "missing")]


def test_one_indicator_has_one_unit_and_keeps_what_was_delivered(stack: ExitStack, tmp_path: Path) -> None:
    bench = figures(
        stack,
        tmp_path,
        [month("地方财政收入", "亿元", "2018-01", period_value="1.5"), month("地方财政收入", "万元", "2018-02", period_value="20000")],
    )
    told_ = [r[1:] for r in asked(bench, "measure, period, value, unit, original_value, original_unit", "period") if r[0] == "period"]
    assert told_ == [("2018-01", 15000.0, "万元", "1.5", "亿元"), ("2018-02", 20000.0, "万元", "20000", "万元")]
    assert bench.con.execute("select count(distinct unit), count(*) from out.indicator").fetchall() == [(1, 1)]


def test_a_figure_that_is_delivered_anew_is_a_vintage_and_revised_only_where_its_value_differs(stack: ExitStack, tmp_path: Path) -> None:
    first = month("发电量", "万千瓦时", "2018-01", day=1, period_value="10", cumulative_value="10")
    bench = figures(
        stack, tmp_path, [{**first, "delivered_on": date(2018, 3, 8), "period_value": "12"}], [{**first, "replaced_on": date(2018, 3, 8)}]
    )
    told_ = asked(bench, "measure, released_on, value, status", "measure, released_on")
    assert [r for r in told_ if r[0] == "period"] == [
        ("period", date(2018, 3, 1), 10.0, "normal"),
        ("period", date(2018, 3, 8), 12.0, "revised"),
    ]
    assert [r[3] for r in told_ if r[0] == "cumulative"] in (["normal", "normal"], ["normal"])


def weather(indicator: str, text: str) -> dict[str, Any]:
    return told(
        WEATHER,
        f"57602|{indicator}|{text}",
        indicator=indicator,
        unit="mm" if indicator == "降水量" else "℃",
        frequency="D",
        period="2018-02-01",
        object_code="57602",
        shape="weather",
        **{"period_value" if indicator == "降水量" else "level_value": text},
    )


@pytest.mark.parametrize(
    ("indicator", "text", "expected"),
    [
        ("降水量", "32766", ("period", None, "missing")),
        ("降水量", "32700", ("period", 0.0, "trace")),
        ("降水量", "3.2", ("period", 3.2, "normal")),
        ("平均气温", "32766", ("level", None, "missing")),
        ("最低气温", "-1.5", ("level", -1.5, "normal")),
    ],
)
def test_the_weather_has_its_own_signs(stack: ExitStack, tmp_path: Path, indicator: str, text: str, expected: tuple[Any, ...]) -> None:
    bench = figures(stack, tmp_path, [weather(indicator, text)])
    assert asked(bench, "measure, value, status, region_code, object_code, frequency", "measure") == [
        (*expected, "510502000000", "57602", "D")
    ]


@pytest.mark.parametrize(
    ("state", "valid_to", "status"),
    [
        ("valid", date(2018, 3, 9), "valid"),
        ("valid", TODAY, "valid"),
        ("valid", date(2018, 3, 7), "expired"),
        ("valid", None, "valid"),
        (None, date(2018, 3, 7), "expired"),
        (None, None, "valid"),
        ("suspended", date(2018, 3, 7), "suspended"),
        ("suspended", None, "suspended"),
        ("revoked", date(2018, 3, 7), "revoked"),
        ("revoked", None, "revoked"),
        ("cancelled", None, "revoked"),
    ],
)
def test_a_certificate_is_what_it_is_on_the_day(
    stack: ExitStack, tmp_path: Path, state: str | None, valid_to: date | None, status: str
) -> None:
    bench = stack.enter_context(workbench("certificate", tmp_path))
    fill(
        bench.con,
        "feed.certificate",
        [
            told(
                "food_drug/food_licences",
                "1",
                "holder",
                number="JY1",
                holder_name="店",
                state=state,
                valid_to=valid_to,
                issued_on=date(2015, 1, 1),
            )
        ],
    )
    certificate.build(bench)
    assert bench.con.execute("select status from out.certificate").fetchall() == [(status,)]


def test_a_certificate_without_an_end_but_with_years_ends_after_them(stack: ExitStack, tmp_path: Path) -> None:
    bench = stack.enter_context(workbench("certificate", tmp_path))
    fill(
        bench.con,
        "feed.certificate",
        [
            told("science/high_tech_enterprises", "1", "holder", valid_years="3", issued_on=date(2015, 3, 8)),
            told("science/high_tech_enterprises", "2", "holder", valid_years="3", issued_on=date(2015, 3, 7)),
        ],
    )
    certificate.build(bench)
    assert bench.con.execute("select source_key, status from out.certificate order by 1").fetchall() == [("1", "valid"), ("2", "expired")]


def test_a_certificate_that_left_its_register_is_none(stack: ExitStack, tmp_path: Path) -> None:
    bench = stack.enter_context(workbench("certificate", tmp_path))
    fill(bench.con, "feed.certificate", [told("food_drug/food_licences", "1", "holder", removed_on=date(2018, 3, 8))])
    certificate.build(bench)
    assert bench.con.execute("select count(*) from out.certificate").fetchall() == [(0,)]


NUMBERS = ["510502198001011234", "51050219800101123X", "5105**********123X", "510502800101123"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("kind", ["permit", "penalty", "list_entry", "rating"])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_natural_persons_number_never_enters_the_credit_library(
    stack: ExitStack, tmp_path: Path, number: str, kind: str, is_known: bool
) -> None:
    bench = stack.enter_context(workbench("credit", tmp_path))
    dataset = "court/dishonest_debtors"
    more: dict[str, Any] = {"list": "dishonest"} if kind == "list_entry" else {}
    fill(bench.con, f"feed.{kind}", [told(dataset, "1", "subject", subject_name="某人", subject_code=number, **more)])
    if is_known:
        fill(bench.con, "published.person_record", [{"dataset": dataset, "source_key": "1", "role": "subject", "person_id": "P1"}])
    credit.build(bench)
    row = str(bench.con.execute(f"select * from out.{kind}").fetchall())
    assert number not in row


def test_a_firms_code_stays_and_both_parties_are_named(stack: ExitStack, tmp_path: Path) -> None:
    bench = stack.enter_context(workbench("credit", tmp_path))
    fill(
        bench.con,
        "feed.list_entry",
        [
            told(
                "local_tax/arrears",
                "1",
                "subject",
                list="arrears",
                subject_name="公司",
                subject_code="91510502MA6XXXXX1A",
                listed_on=date(2018, 1, 1),
            )
        ],
    )
    fill(bench.con, "published.entity_record", [{"dataset": "local_tax/arrears", "source_key": "1", "role": "subject", "entity_id": "E1"}])
    credit.build(bench)
    assert bench.con.execute("select subject_code, entity_id, person_id, removed_on from out.list_entry").fetchall() == [
        ("91510502MA6XXXXX1A", "E1", None, None)
    ]


def test_an_entry_that_vanishes_from_a_full_list_was_removed_that_day(stack: ExitStack, tmp_path: Path) -> None:
    bench = stack.enter_context(workbench("credit", tmp_path))
    fill(
        bench.con,
        "feed.list_entry",
        [
            told("development_reform/red_black_lists", "1", "subject", list="black", removed_on=date(2018, 3, 8)),
            told(
                "development_reform/red_black_lists",
                "2",
                "subject",
                list="black",
                delisted_on=date(2017, 1, 1),
                removed_on=date(2018, 3, 8),
            ),
        ],
    )
    credit.build(bench)
    assert bench.con.execute("select source_key, removed_on from out.list_entry order by 1").fetchall() == [
        ("1", date(2018, 3, 8)),
        ("2", date(2017, 1, 1)),
    ]
