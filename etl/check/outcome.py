"""What a check found."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """One row of quality.result.

    checked: rows (or values) judged, 0 = not applicable; failed: those that are wrong; broken: the check itself
    went wrong (a missing column, an SQL error) and says nothing about the data. column_name: the department's own;
    definition: fingerprint of what was counted, where counts of one publication serve the next.
    """

    target: str
    expectation: str
    dimension: str
    severity: str
    success: bool
    broken: bool
    checked: int
    failed: int
    because: str
    column_name: str | None
    definition: str = ""


def critical(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Those that hold a delivery or a publication: critical claims that the data, not the check, does not meet."""
    return [o for o in outcomes if o.severity == "critical" and not o.success and not o.broken]


def failed(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Those that the data does not meet, whatever their severity."""
    return [o for o in outcomes if not o.success and not o.broken]


def listed(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Outcomes as they stand in ops.hold.failed: rule, column and rows, no values."""
    return [{"target": o.target, "check": o.expectation, "column": o.column_name, "rows": o.failed, "because": o.because} for o in outcomes]
