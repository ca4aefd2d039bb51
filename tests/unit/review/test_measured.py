"""Intervals, estimates and drift of the linkage's figures; the waterfall of a pair's weights."""

import pytest

from etl.explain.chart import steps, svg
from etl.load.measured import Stratum, estimate, stability, wilson
from etl.records import Weight

WEIGHTS = (Weight("prior", "", -6.0), Weight("birth", "exact", 14.5), Weight("name", "surname", -2.0))


def test_wilsons_interval_is_the_published_one() -> None:
    low, high = wilson(0.9, 100)
    assert (low, high) == (pytest.approx(0.8256, abs=1e-3), pytest.approx(0.9448, abs=1e-3))
    assert wilson(1.0, 50)[0] == pytest.approx(0.9287, abs=1e-3) and wilson(1.0, 50)[1] == pytest.approx(1)
    assert wilson(0.5, 0) == (0.0, 1.0)


def test_a_large_stratum_weighs_more_than_a_small_one() -> None:
    told = estimate([Stratum(True, 9000, 50, 50), Stratum(True, 1000, 50, 40)])
    assert told and told[0] == pytest.approx(0.98) and told[1] < 0.98 < told[2]


def test_a_stratum_that_nobody_judged_is_left_out() -> None:
    assert estimate([Stratum(True, 10, 0, 0)]) is None
    told = estimate([Stratum(True, 10, 0, 0), Stratum(True, 10, 4, 4)])
    assert told and told[0] == 1.0


def test_more_judgements_make_the_interval_narrower() -> None:
    few, many = estimate([Stratum(True, 100, 10, 10)]), estimate([Stratum(True, 100, 90, 90)])
    assert few and many and few[1] < many[1]


def test_the_same_shares_have_no_drift_and_others_have() -> None:
    assert stability({"exact": 0.9, "else": 0.1}, {"exact": 0.9, "else": 0.1}) == 0
    assert stability({"exact": 0.5, "else": 0.5}, {"exact": 0.9, "else": 0.1}) > 0.25
    assert stability({"exact": 1.0}, {"exact": 0.9, "else": 0.1}) > 0.25


def test_the_waterfall_ends_at_the_sum() -> None:
    bars = steps(WEIGHTS)
    assert [(s.start, s.end) for s in bars] == [(0, -6), (-6, 8.5), (8.5, 6.5), (0, 6.5)] and bars[-1].total


def test_the_picture_names_every_bar_and_threshold_and_escapes() -> None:
    drawn = svg("甲 <乙>", WEIGHTS, {"接受": 6.6})
    assert drawn.count("<rect") == 4 and "接受" in drawn and "出生日期" in drawn and "+14.5" in drawn and "<乙>" not in drawn
