"""Which firm is which, in a town made for the hard cases."""

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from linking import Record, clusters, fill, told, workbench

from etl.match import entity

FIRMS, SELF, TAX, SOCIAL = (
    "market_regulation/enterprises",
    "market_regulation/self_employed",
    "state_tax/taxpayers",
    "human_resources/insured_employers",
)
LICENCE = "food_drug/food_licences"
REGIONS = [
    {"code": "510500000000", "name": "泸州市", "level": "city"},
    {"code": "510502000000", "name": "江阳区", "level": "county", "parent_code": "510500000000"},
    {"code": "510503000000", "name": "纳溪区", "level": "county", "parent_code": "510500000000"},
]
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def organization(body: str) -> str:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    rest = (11 - sum(digits.index(c) * w for c, w in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11) % 11
    return body + ("X" if rest == 10 else str(rest))


def uscc(body: str, region: str = "510502") -> str:
    text = f"91{region}{organization(body)}"
    rest = (31 - sum(ALPHABET.index(c) * 3**i % 31 for i, c in enumerate(text)) % 31) % 31
    return text + ALPHABET[rest]


def coded(code: str) -> dict[str, Any]:
    return {"code": code, "code_uscc": code, "code_state": "ok_uscc"}


def town() -> list[dict[str, Any]]:
    head, branch = uscc("11111111"), uscc("22222222")
    old, new = uscc("33333333"), uscc("44444444")
    here, there = uscc("55555555"), uscc("66666666", "510503")
    right = uscc("77777777")
    wrong = right[:12] + ("8" if right[12] != "8" else "9") + right[13:]
    return [
        # a head office, its branch, and what others say of each
        told(FIRMS, "head", name="泸州江阳宏达商贸有限公司", **coded(head), legal_representative="钱大有", status="open"),
        told(FIRMS, "branch", name="泸州江阳宏达商贸有限公司纳溪分公司", **coded(branch), legal_representative="钱大有", status="open"),
        told(TAX, "head", name="泸州江阳宏达商贸有限公司", **coded(head)),
        told(SOCIAL, "branch", name="泸州江阳宏达商贸有限公司纳溪分公司", code_state="missing", legal_representative="钱大有"),
        # by organisation code and by registration number, inside and beside the credit code
        told(
            TAX,
            "org",
            name="宏达商贸",
            code=organization("11111111"),
            code_organization_code=organization("11111111"),
            code_state="ok_orgcode",
        ),
        # a new firm under a cancelled firm's name
        told(
            FIRMS,
            "old",
            name="泸州江阳旧名餐饮有限公司",
            **coded(old),
            legal_representative="孙一",
            status="cancelled",
            closed_on=date(2014, 1, 1),
            established_on=date(2001, 1, 1),
        ),
        told(
            FIRMS,
            "new",
            name="泸州江阳旧名餐饮有限公司",
            **coded(new),
            legal_representative="李二",
            status="open",
            established_on=date(2015, 1, 1),
        ),
        told(LICENCE, "new", name="泸州江阳旧名餐饮有限公司", code_state="missing", legal_representative="李二"),
        # one name in two counties
        told(SELF, "here", name="幸福小吃店", **coded(here), legal_representative="周三", region_code="510502"),
        told(SELF, "there", name="幸福小吃店", **coded(there), legal_representative="吴四", region_code="510503"),
        told(LICENCE, "there", name="幸福小吃店", code_state="missing", legal_representative="吴四"),
        told(TAX, "either", name="幸福小吃店", code_state="missing"),
        # the form of the name, and a code with one character wrong
        told(FIRMS, "form", name="泸州江阳远航机械有限责任公司", **coded(right), legal_representative="郑五"),
        told(TAX, "form", name="泸州江阳远航机械有限公司", code_state="missing", legal_representative="郑五"),
        told(SOCIAL, "form", name="泸州江阳远航机械有限责任公司", code=wrong, code_state="invalid"),
        # near-equal names that are two firms
        told(FIRMS, "near1", name="泸州江阳天成贸易有限公司", **coded(uscc("88888888")), legal_representative="王六"),
        told(FIRMS, "near2", name="泸州江阳天诚贸易有限公司", **coded(uscc("99999999")), legal_representative="王七"),
        # one department's key
        told(SOCIAL, "unit", name="泸州江阳缴费单位", entity_key="0001", key_scheme="aab001", code_state="missing"),
        told("human_resources/insured_persons", "p1", "employer", entity_key="0001", key_scheme="aab001"),
        told("housing_fund/accounts", "a1", "employer", entity_key="0001", key_scheme="fund"),
    ]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Record, str]]:
    yield linked(town(), tmp_path_factory.mktemp("firms"))


def linked(rows: list[dict[str, Any]], folder: Path) -> dict[Record, str]:
    with workbench("legal_entity", folder) as bench:
        fill(bench.con, "feed.entity", rows)
        fill(bench.con, "published.region", REGIONS)
        entity.link(bench)
        return clusters(bench.con, "entity")


SAME = [
    ((TAX, "head"), (FIRMS, "head")),
    ((SOCIAL, "branch"), (FIRMS, "branch")),
    ((TAX, "org"), (FIRMS, "head")),
    ((LICENCE, "new"), (FIRMS, "new")),
    ((LICENCE, "there"), (SELF, "there")),
    ((TAX, "form"), (FIRMS, "form")),
    ((SOCIAL, "form"), (FIRMS, "form")),
]
APART = [
    ((FIRMS, "branch"), (FIRMS, "head")),
    ((FIRMS, "old"), (FIRMS, "new")),
    ((SELF, "here"), (SELF, "there")),
    ((TAX, "either"), (SELF, "here")),
    ((TAX, "either"), (SELF, "there")),
    ((FIRMS, "near1"), (FIRMS, "near2")),
]


@pytest.mark.parametrize(("record", "firm"), SAME)
def test_a_record_meets_its_firm(found: dict[Record, str], record: tuple[str, str], firm: tuple[str, str]) -> None:
    assert found[(*record, "self")] == found[(*firm, "self")]


@pytest.mark.parametrize(("one", "other"), APART)
def test_two_firms_stay_two(found: dict[Record, str], one: tuple[str, str], other: tuple[str, str]) -> None:
    assert found[(*one, "self")] != found[(*other, "self")]


def test_a_departments_key_is_an_identifier_at_that_department_alone(found: dict[Record, str]) -> None:
    unit = found[(SOCIAL, "unit", "self")]
    assert found[("human_resources/insured_persons", "p1", "employer")] == unit
    assert found[("housing_fund/accounts", "a1", "employer")] != unit


def test_the_order_of_the_records_does_not_matter(found: dict[Record, str], tmp_path: Path) -> None:
    rows = town()
    random.Random(3).shuffle(rows)
    assert linked(rows, tmp_path) == found
