"""Limits: what is documented is what holds."""

import io
import re
import zipfile
from collections.abc import Callable

import pytest
from delivering import Office, source, workbook, zipped

from etl.errors import DeliveryRefused, UsageError
from etl.extract import api, database
from etl.extract.limits import SETTINGS, Limits, limits
from etl.settings import ROOT
from etl.spec import Source

DOCS = (ROOT / "docs" / "settings.md").read_text("utf-8")
LIMITS = DOCS.partition("How big a delivery may be")[2].partition("\n\n")[2].partition("\n\n")[0]  # its table
CSV, XLSX = source(["编号", "名称"]), source(["编号", "名称"], "xlsx")
SHAPEFILE = source(["编号"], "shapefile")
HEAD = "编号,名称\n"


def with_strings(length: int) -> bytes:
    """A workbook that brings shared texts."""
    out = io.BytesIO(workbook(("表", [["编号", "名称"], ["1", "甲"]])))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("xl/sharedStrings.xml", f'<?xml version="1.0"?><sst>{"<si><t>x</t></si>" * (length // 17)}</sst>')
    return out.getvalue()


PASSED: dict[str, tuple[int, Source, str, Callable[[], bytes]]] = {
    "JICHU_MAX_FILE_BYTES": (30, CSV, "a.csv", lambda: f"{HEAD}1,{'x' * 30}\n".encode()),
    "JICHU_MAX_UNZIPPED_BYTES": (1000, SHAPEFILE, "a.zip", lambda: zipped({"x.shp": b"x" * 1001})),
    "JICHU_MAX_RATIO": (20, SHAPEFILE, "a.zip", lambda: zipped({"x.shp": b"x" * (17 * 1024 * 1024)})),
    "JICHU_MAX_COLUMNS": (2, CSV, "a.csv", lambda: f"{HEAD[:-1]},三\n1,甲,x\n".encode()),
    "JICHU_MAX_CELL": (5, CSV, "a.csv", lambda: f"{HEAD}1,二个字\n".encode()),
    "JICHU_MAX_RECORD_BYTES": (100, source(["编号", "名称"], "json"), "a.json", lambda: ('[{"编号": "' + "x" * 3_000_000 + '"}]').encode()),
    "JICHU_MAX_STRINGS_BYTES": (1000, XLSX, "a.xlsx", lambda: with_strings(2000)),
}


def documented() -> dict[str, int]:
    """Every limit of the page with its default in bytes or as a count."""
    return {name: int(value) for name, value in re.findall(r"^\| `(JICHU_MAX_\w+)` \| .* \| (\d+)(?: \(.*\))? \|$", LIMITS, re.MULTILINE)}


def test_every_limit_is_documented_with_its_default_and_no_other_is() -> None:
    assert documented() == {name: getattr(Limits, field) for field, name in SETTINGS.items()}
    assert set(re.findall(r"JICHU_MAX_\w+", LIMITS)) == set(SETTINGS.values())
    for name, told in re.findall(r"^\| `(JICHU_MAX_\w+)` .*\((\d+ [GM]B)\) \|$", LIMITS, re.MULTILINE):
        number, unit = told.split()
        assert int(number) * 1024 ** {"M": 2, "G": 3}[unit[0]] == documented()[name]


def test_every_limit_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(SETTINGS.values(), 7):
        monkeypatch.setenv(name, str(number))
    assert limits() == Limits(**{field: number for number, field in enumerate(SETTINGS, 7)})


@pytest.mark.parametrize("name", [n for n in SETTINGS.values() if n != "JICHU_MAX_PAGE_BYTES"])  # that one: test_landing_api
def test_a_delivery_beyond_a_limit_is_refused_and_lands_when_the_limit_is_raised(
    office: Office, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    limit, of, file, made = PASSED[name]
    office.deliver({file: made()})
    monkeypatch.setenv(name, str(limit))
    with pytest.raises(DeliveryRefused, match="too_big"):
        office.land(of)
    monkeypatch.setenv(name, str(10**10))
    try:
        office.land(of)
    except DeliveryRefused as other:
        assert (name, other.code) in {
            ("JICHU_MAX_UNZIPPED_BYTES", "truncated"),
            ("JICHU_MAX_RATIO", "truncated"),
            ("JICHU_MAX_RECORD_BYTES", "too_big"),  # a cell's own limit
        }


@pytest.mark.parametrize("value", ["many", "0", "-5", "1.5"])
def test_a_limit_that_is_no_number_is_wrong_usage(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("JICHU_MAX_CELL", value)
    with pytest.raises(UsageError, match="JICHU_MAX_CELL"):
        limits()


def test_the_times_that_are_documented_are_the_ones_in_use() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| (?:database|api) \| .* \| ([\d.]+) \|$", DOCS, re.MULTILINE))
    assert {k: float(v) for k, v in told.items()} == {
        "read_timeout": database.SILENCE_SECONDS,
        "lock_timeout": database.LOCK_SECONDS,
        "timeout": api.SILENCE_SECONDS,
        "backoff": api.BACK_OFF,
        "longest_wait": api.LONGEST_WAIT,
    }
    assert "ten times" in DOCS
    assert api.SLOWEST == 10
    assert "six attempts" in DOCS
    assert api.ATTEMPTS == 6
