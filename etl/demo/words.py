"""The vocabulary of the invented city, from etl/demo/data."""

import csv
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parent / "data"


@cache
def words() -> dict[str, Any]:
    """Own lists: surnames, given names by generation, roads, estates, firm words, look-alike characters."""
    return dict(json.loads((DATA / "words.json").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Elsewhere:
    """A county outside the city, where newcomers come from."""

    code: str
    province: str
    city: str
    county: str


@cache
def elsewhere() -> list[Elsewhere]:
    with (DATA / "outside.csv").open(encoding="utf-8", newline="") as f:
        return [Elsewhere(**row) for row in csv.DictReader(f)]


@cache
def divisions() -> dict[str, str]:
    """12-digit code → name: counties, towns, villages and communities of Luzhou (2019 edition)."""
    with (DATA / "divisions.csv").open(encoding="utf-8", newline="") as f:
        return {row["code"]: row["name"] for row in csv.DictReader(f)}
