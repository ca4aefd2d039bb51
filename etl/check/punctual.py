"""Whether deliveries come when they are due."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Literal

Due = Literal["daily", "weekly", "monthly", "quarterly", "yearly", "irregular"]
# due → the number of the period that a day lies in
PERIODS: dict[str, Callable[[date], int]] = {
    "daily": date.toordinal,
    "weekly": lambda day: (day.toordinal() - 1) // 7,  # Monday to Sunday
    "monthly": lambda day: day.year * 12 + day.month - 1,
    "quarterly": lambda day: day.year * 4 + (day.month - 1) // 3,
    "yearly": lambda day: day.year,
}


def periods_met(days: list[date], due: Due, today: date, age: int = 1) -> tuple[int, int]:
    """(periods in which a delivery was due, those in which one came), from the first delivery's period to today's.

    days: delivery dates, sorted. The running period counts once a delivery has come: until it ends nobody is late.
    age 2: as it stood on the day before the last delivery. (0, 0) when nothing was due.
    """
    if age > 1 and days:
        days, today = days[: -(age - 1)], days[-(age - 1)] - timedelta(days=1)
    if not days or due not in PERIODS:
        return 0, 0
    period = PERIODS[due]
    met = {period(d) for d in days if d <= today}
    if not met:
        return 0, 0
    expected = set(range(min(met), period(today))) | met
    return len(expected), len(met)
