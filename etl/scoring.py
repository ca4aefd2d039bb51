"""A score as it is handed about, and as it is told: by the departments' mails as by the site."""

from typing import Protocol


class Score(Protocol):
    """A score as etl.check gives it: 0–100, None = not applicable (an empty denominator)."""

    @property
    def scope(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def dimension(self) -> str: ...
    @property
    def value(self) -> float | None: ...
    @property
    def previous(self) -> float | None: ...


def score(value: float | None) -> str:
    """One decimal; 不适用 for None; never rounded up to 100."""
    if value is None:
        return "不适用"
    return "100" if value >= 100 else f"{min(value, 99.9):.1f}"


def change(value: float | None, previous: float | None) -> str:
    """↑0.8, ↓1.2, 持平; empty when there is nothing to compare with."""
    if value is None or previous is None:
        return ""
    moved = round(value - previous, 1)
    return "持平" if moved == 0 else f"{'↑' if moved > 0 else '↓'}{abs(moved):.1f}"
