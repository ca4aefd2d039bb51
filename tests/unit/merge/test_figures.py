"""Figures as they are printed: marks, signs, scales, units of one kind and of another, the two months that come as one."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from linking import fill, told, workbench

from etl.merge import statistics
from etl.workbench import Workbench

MONTHLY = "statistics_bureau/monthly_indicators"


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


def month(period: str, unit: str | None = "万元", name: str = "财政收入", day: int = 1, **values: str) -> dict[str, Any]:
    key = f"{name}|{period}|{unit}"
    return told(MONTHLY, key, day=date(2018, 3, day), indicator=name, unit=unit, frequency="M", period=period, shape="long", **values)


def values(bench: Workbench, measure: str = "period") -> list[tuple[Any, ...]]:
    return bench.con.execute(
        "select value, status from out.observation where measure = ? order by period, source_key", [measure]
    ).fetchall()


PRINTED = [
    ("1,234.5", 1234.5),
    ("１，２３４", 1234.0),
    ("1 234", 1234.0),
    ("123①", 123.0),
    ("123¹", 123.0),
    ("*123*", 123.0),
    ("123[1]", 123.0),
    ("123〔2〕", 123.0),
    ("(12.5)", -12.5),
    ("（12.5）", -12.5),
    ("-12.5", -12.5),
    ("−12.5", -12.5),
    ("+3.2", 3.2),
    ("1.5亿元", 15000.0),
    ("二十五", 25.0),
    ("1.2E+3", 1200.0),
]


@pytest.mark.parametrize(("text", "value"), PRINTED)
def test_a_figure_is_read_as_it_is_printed(stack: ExitStack, tmp_path: Path, text: str, value: float) -> None:
    assert values(figures(stack, tmp_path, [month("2018-02", period_value=text)])) == [(value, "normal")]


@pytest.mark.parametrize("text", ["—", "——", "…", "……", "...", "x", "不详", "／", "见注"])
def test_what_is_no_figure_is_missing_and_never_zero(stack: ExitStack, tmp_path: Path, text: str) -> None:
    assert values(figures(stack, tmp_path, [month("2018-02", period_value=text, cumulative_value="5")])) == [(None, "missing")]


@pytest.mark.parametrize(
    ("text", "value"), [("12.5%", 12.5), ("下降3.2%", -3.2), ("增长4", 4.0), ("↓1.5", -1.5), ("持平", 0.0), ("-1.6", -1.6)]
)
def test_growth_may_be_told_in_words(stack: ExitStack, tmp_path: Path, text: str, value: float) -> None:
    assert values(figures(stack, tmp_path, [month("2018-02", growth_value=text)]), "growth") == [(value, "normal")]


@pytest.mark.parametrize(
    ("one", "other", "unit", "expected"),
    [
        (("10", "亿元"), ("20000", "万元"), "万元", [100000.0, 20000.0]),
        (("10", "（亿元）"), ("20000", "单位：万元"), "万元", [100000.0, 20000.0]),
        (("3", "万吨"), ("500", "公斤"), "公斤", [30_000_000.0, 500.0]),
        (("2", "公顷"), ("30", "亩"), "亩", [30.0, 30.0]),
        (("2", "千瓦时"), ("3", "万千瓦时"), "千瓦时", [2.0, 30000.0]),
        (("2", "千米"), ("3", "公里"), "公里", [2.0, 3.0]),
    ],
)
def test_units_of_one_kind_are_made_one(
    stack: ExitStack, tmp_path: Path, one: tuple[str, str], other: tuple[str, str], unit: str, expected: list[float]
) -> None:
    rows = [month("2018-01", one[1], period_value=one[0]), month("2018-02", other[1], period_value=other[0])]
    bench = figures(stack, tmp_path, rows)
    assert [v for v, _ in values(bench)] == pytest.approx(expected)
    assert bench.con.execute("select distinct unit from out.observation where measure = 'period'").fetchall() == [(unit,)]
    assert bench.con.execute(
        "select original_value, original_unit from out.observation where measure = 'period' order by period"
    ).fetchall() == [one, other]


def test_units_of_different_kinds_are_two_indicators(stack: ExitStack, tmp_path: Path) -> None:
    rows = [
        month("2018-01", "万元", period_value="1"),
        month("2018-02", "万元", period_value="2"),
        month("2018-02", "万美元", period_value="3"),
    ]
    bench = figures(stack, tmp_path, rows)
    assert sorted(bench.con.execute("select name, unit from out.indicator").fetchall()) == [("财政收入", "万元"), ("财政收入", "万美元")]
    assert [v for v, _ in values(bench)] == [1.0, 2.0, 3.0]


def test_februarys_cumulative_tells_of_two_months_and_is_no_month(stack: ExitStack, tmp_path: Path) -> None:
    rows = [month("2018-01", period_value="—", cumulative_value="—"), month("2018-02", period_value="30", cumulative_value="30")]
    apart = [month("2017-01", period_value="10", cumulative_value="10"), month("2017-02", period_value="20", cumulative_value="30")]
    bench = figures(stack, tmp_path, rows + apart)
    told_ = bench.con.execute(
        "select period, measure, value, months from out.observation where value is not null order by period, measure"
    ).fetchall()
    assert told_ == [
        ("2017-01", "cumulative", 10.0, 1),
        ("2017-01", "period", 10.0, 1),
        ("2017-02", "cumulative", 30.0, 2),
        ("2017-02", "period", 20.0, 1),
        ("2018-02", "cumulative", 30.0, 2),
        ("2018-02", "period", 30.0, 2),
    ]


def test_no_month_is_made_of_two_cumulatives(stack: ExitStack, tmp_path: Path) -> None:
    rows = [month("2018-02", cumulative_value="30"), month("2018-03", cumulative_value="45")]
    assert values(figures(stack, tmp_path, rows)) == [(None, "missing"), (None, "missing")]


def test_a_quarter_among_months_is_a_quarter(stack: ExitStack, tmp_path: Path) -> None:
    bench = figures(
        stack, tmp_path, [month("2018-Q1", period_value="3"), month("2017", period_value="9"), month("2018-02", period_value="1")]
    )
    assert bench.con.execute("select period, frequency from out.observation where value is not null order by 1").fetchall() == [
        ("2017", "A"),
        ("2018-02", "M"),
        ("2018-Q1", "Q"),
    ]


def test_a_revision_in_another_unit_is_none_when_the_value_is_the_same(stack: ExitStack, tmp_path: Path) -> None:
    old = month("2018-01", "亿元", period_value="1.5") | {"replaced_on": date(2018, 3, 8)}
    new = month("2018-01", "万元", day=8, period_value="15000")
    assert values(figures(stack, tmp_path, [new], [old])) == [(15000.0, "normal"), (15000.0, "normal")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("999999", (None, "missing")),
        ("32766.0", (None, "missing")),
        ("999990", (0.0, "trace")),
        ("32700", (0.0, "trace")),
        ("0", (0.0, "normal")),
    ],
)
def test_the_weather_signs_of_both_exchange_formats(stack: ExitStack, tmp_path: Path, text: str, expected: tuple[Any, ...]) -> None:
    row = told(
        "meteorology/daily",
        text,
        indicator="降水量",
        unit="mm",
        frequency="D",
        period="2018-02-01",
        object_code="57602",
        shape="weather",
        period_value=text,
    )
    assert values(figures(stack, tmp_path, [row])) == [expected]
