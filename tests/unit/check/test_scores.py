"""Scores: weighted, never a full mark for nothing, and whether deliveries came when they were due."""

from datetime import date

import pytest

from etl.check.punctual import periods_met
from etl.check.scores import DIMENSIONS, Judged, dimension_scores


def test_nothing_to_judge_is_no_score() -> None:
    assert dimension_scores([]) == dict.fromkeys(("total", *DIMENSIONS))
    assert dimension_scores([Judged("accuracy", "critical", 0, 0)])["accuracy"] is None


def test_a_claim_weighs_by_its_severity() -> None:
    scored = dimension_scores([Judged("accuracy", "critical", 10, 5), Judged("accuracy", "info", 10, 0)])
    assert scored["accuracy"] == pytest.approx(100 * (5 * 0.5 + 1) / 6, abs=0.01)


def test_the_total_is_of_the_dimensions_that_apply() -> None:
    scored = dimension_scores([Judged("accuracy", "warning", 4, 1), Judged("timeliness", "warning", 2, 2)])
    assert scored["completeness"] is None
    assert scored["total"] == pytest.approx((25 * 75 + 10 * 0) / 35, abs=0.01)


@pytest.mark.parametrize(
    ("days", "due", "today", "expected"),
    [
        ([], "monthly", "2018-03-15", (0, 0)),
        (["2018-03-01"], "irregular", "2018-09-01", (0, 0)),
        (["2018-03-01"], "monthly", "2018-03-31", (1, 1)),
        (["2018-03-01"], "monthly", "2018-04-30", (1, 1)),  # April is not over
        (["2018-03-01"], "monthly", "2018-05-01", (2, 1)),  # it is, and nothing came
        (["2018-03-01", "2018-03-09", "2018-05-02"], "monthly", "2018-05-03", (3, 2)),
        (["2017-12-31"], "yearly", "2018-12-31", (1, 1)),
        (["2018-01-31"], "quarterly", "2018-07-01", (2, 1)),
        (["2018-03-04"], "weekly", "2018-03-12", (2, 1)),  # a Sunday, the week after it, a Monday
        (["2018-03-01", "2018-03-02"], "daily", "2018-03-04", (3, 2)),
        (["2018-04-01"], "monthly", "2018-03-01", (0, 0)),
    ],
)
def test_a_period_counts_when_it_is_over_or_met(days: list[str], due: str, today: str, expected: tuple[int, int]) -> None:
    assert periods_met([date.fromisoformat(d) for d in days], due, date.fromisoformat(today)) == expected  # type: ignore[arg-type]


def test_before_means_the_day_before_the_last_delivery() -> None:
    days = [date(2018, 1, 5), date(2018, 2, 5), date(2018, 5, 5)]
    assert periods_met(days, "monthly", date(2018, 6, 1)) == (5, 3)
    assert periods_met(days, "monthly", date(2018, 6, 1), age=2) == (4, 2)
    assert periods_met(days[:1], "monthly", date(2018, 6, 1), age=2) == (0, 0)
