"""Certificates: the identifier's check and version, the newer one that takes the place of the older."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from linking import fill, told, workbench

from etl.merge import certificate
from etl.workbench import Workbench

LICENCES = "market_regulation/business_licences"
TYPE, ISSUER = "11100000MB0143028R001", "11510502009755653D"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def built(stack: ExitStack, folder: Path, rows: list[dict[str, Any]]) -> Workbench:
    bench = stack.enter_context(workbench("certificate", folder))
    fill(bench.con, "feed.certificate", rows)
    certificate.build(bench)
    return bench


def identifier(serial: str, version: int, check: str) -> str:
    return f"1.2.156.3005.2.{TYPE}.{ISSUER}.{serial}.{version:03d}.{check}"


def licence(key: str, version: int, issued: date, **more: Any) -> dict[str, Any]:
    return told(
        LICENCES,
        key,
        "holder",
        certificate_id=identifier("0002374903", version, "M"),
        certificate_id_state="ok",
        type_name="营业执照",
        number="91510502354279096D",
        holder_name="公司",
        issued_on=issued,
        **more,
    )


def test_the_next_version_of_an_identifier_supersedes_the_one_before(stack: ExitStack, tmp_path: Path) -> None:
    bench = built(
        stack, tmp_path, [licence("a", 1, date(2014, 5, 7)), licence("b", 2, date(2016, 1, 2)), licence("c", 3, date(2017, 1, 2))]
    )
    assert bench.con.execute(
        "select source_key, version, superseded_by, superseded_on, type_code, status from out.certificate order by 1"
    ).fetchall() == [
        ("a", 1, f"{LICENCES}|b", date(2016, 1, 2), TYPE, "valid"),
        ("b", 2, f"{LICENCES}|c", date(2017, 1, 2), TYPE, "valid"),
        ("c", 3, None, None, TYPE, "valid"),
    ]


def paper(key: str, number: str, issued: date, holder: str = "甲店") -> dict[str, Any]:
    return told(
        "food_drug/food_licences",
        key,
        "holder",
        number=number,
        type_name="食品经营许可证",
        issuer="局",
        holder_name=holder,
        issued_on=issued,
    )


def test_without_identifiers_the_later_issue_of_one_number_to_one_holder_supersedes(stack: ExitStack, tmp_path: Path) -> None:
    rows = [
        paper("1", "JY1", date(2014, 1, 1)),
        paper("2", "JY1", date(2016, 1, 1)),
        paper("3", "JY1", date(2017, 1, 1), holder="乙店"),
        paper("4", "JY2", date(2018, 1, 1)),
    ]
    bench = built(stack, tmp_path, rows)
    assert bench.con.execute("select source_key, superseded_by from out.certificate where superseded_by is not null").fetchall() == [
        ("1", "food_drug/food_licences|2")
    ]


def test_what_the_identifiers_check_said_is_kept(stack: ExitStack, tmp_path: Path) -> None:
    rows = [
        licence("right", 1, date(2014, 5, 7)),
        licence("wrong", 2, date(2014, 5, 7)) | {"certificate_id_state": "invalid"},
        paper("none", "JY1", date(2014, 1, 1)),
    ]
    bench = built(stack, tmp_path, rows)
    assert dict(bench.con.execute("select source_key, certificate_id_state from out.certificate").fetchall()) == {
        "right": "ok",
        "wrong": "invalid",
        "none": "missing",
    }
