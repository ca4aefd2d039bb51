"""What the books say, once read: counts, dates and names of columns; no value of a row."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from etl import scoring


class Score(scoring.Score, Protocol):
    """A score, and what it was counted from."""

    @property
    def checked(self) -> int: ...
    @property
    def failed(self) -> int: ...


class Weights(Protocol):
    """How much each severity and dimension weighs (expectations/weights.yml)."""

    @property
    def severities(self) -> dict[str, float]: ...
    @property
    def dimensions(self) -> dict[str, float]: ...


@dataclass(frozen=True)
class Delivery:
    """A delivery and the account of its rows; `code`: why it was not taken."""

    dataset: str
    delivery_id: str
    day: date
    kind: str
    state: str
    code: str
    notes: int
    rows: dict[str, int]


@dataclass(frozen=True)
class Publication:
    """A publication of a library."""

    library: str
    day: date
    state: str
    written: int
    deleted: int


@dataclass(frozen=True)
class Result:
    """One check, once: of `checked` rows `failed`."""

    day: date
    success: bool
    broken: bool
    checked: int
    failed: int


@dataclass(frozen=True)
class History:
    """A check of one target: its results, oldest first."""

    target: str
    name: str
    column: str
    dimension: str
    severity: str
    because: str
    results: tuple[Result, ...]

    @property
    def last(self) -> Result:
        return self.results[-1]

    @property
    def state(self) -> str:
        """failed, passed, idle (nothing to judge) or broken (the check itself)."""
        last = self.last
        return "broken" if last.broken else "failed" if not last.success else "passed" if last.checked else "idle"

    @property
    def shares(self) -> list[tuple[date, float]]:
        """The share of rows (in %) that met it, per day on which there was something to judge."""
        return sorted({r.day: 100 * (1 - r.failed / r.checked) for r in self.results if r.checked and not r.broken}.items())


@dataclass(frozen=True)
class Finding:
    """How many values of a delivered column have a problem now, and how many were mended."""

    dataset: str
    column: str
    problem: str
    open: int
    closed: int


@dataclass(frozen=True)
class Refusal:
    """Rows that could not be loaded for one reason (in one column, where it names one)."""

    dataset: str
    code: str
    column: str
    open: int
    closed: int


@dataclass(frozen=True)
class Dispute:
    """Differences between two datasets in one field of a library."""

    library: str
    field: str
    kept_from: str
    other_from: str
    open: int
    closed: int


@dataclass(frozen=True)
class Late:
    """A dataset that should have come by `expected`: `days` late."""

    dataset: str
    due: str
    last: date
    expected: date
    days: int


@dataclass(frozen=True)
class Indicator:
    """A statistical indicator."""

    code: str
    name: str
    unit: str | None
    dataset: str
    figures: int
    first: str | None
    last: str | None
    frequencies: str


@dataclass(frozen=True)
class Fill:
    """How full a table's columns are: rows, and per column those that hold a value. `sampled`: judged on a sample."""

    rows: int
    filled: dict[str, int]
    sampled: bool = False
