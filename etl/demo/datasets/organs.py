"""Government bodies that decide and issue, with their credit codes."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from etl.demo import identifiers
from etl.demo.entities import COUNTY_NAMES
from etl.demo.words import words


@dataclass(frozen=True)
class Organ:
    """A body and its 18-character code."""

    name: str
    code: str


@cache
def organs() -> tuple[Organ, ...]:
    """Bureaus of the city and its counties."""
    return _coded([str(w) for w in words()["organs"]], 0)


@cache
def market_offices() -> tuple[Organ, ...]:
    """The registration offices, by county in order."""
    return _coded([f"{c}工商行政管理局" for c in COUNTY_NAMES], 500)


def _coded(names: list[str], start: int) -> tuple[Organ, ...]:
    serial = 10_000 + (start + np.arange(len(names))) * 7_919
    n = len(names)
    _, values = identifiers.organization_codes(serial, np.zeros(n, dtype=bool))
    codes = identifiers.credit_codes(np.full(n, 11), np.full(n, 510500), values).to_pylist()
    return tuple(Organ(name, code) for name, code in zip(names, codes, strict=True))
