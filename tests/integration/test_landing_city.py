"""The synthetic city beside the project, where there is one: every file delivery has as many rows as its truth says."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from etl import extract, settings, spec

CITY = Path("/work/shared/city")
DAYS = ["drop", "drop_day1", "drop_day2"]

pytestmark = pytest.mark.skipif(not CITY.is_dir(), reason="the synthetic city with its truth is not on this machine")


@pytest.mark.parametrize("day", range(len(DAYS)))
def test_every_file_delivery_has_the_rows_that_the_truth_counts(day: int, tmp_path: Path) -> None:
    here = replace(settings.load(CITY / DAYS[day], str(date(2018, 3, 1 + 7 * day))), home=tmp_path)
    told = duckdb.sql(f"select dataset, rows_in from '{CITY}/truth/delivery.parquet' where day = {day}").fetchall()
    sources = [s for s in spec.load().sources.values() if s.delivery.channel == "file"]
    found = {s.name: extract.land(s, w, here).rows_in for s in sources for w in extract.find(s, here)}
    assert found
    assert found == {n: count for n, count in told if n in found}
    assert extract.strangers(spec.load(), here) == []
