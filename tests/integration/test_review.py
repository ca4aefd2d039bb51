"""Judgements of people: they merge, keep apart and are withdrawn; whatever the scores say."""

import pytest
from pipeline_kit import City, citizen_id, health_record, newcomer

from etl import review
from etl import settings as settings_module
from etl.errors import UsageError

HEALTH, FLOATING = "health/health_records", "public_security/floating_population"
ONE = citizen_id("510502", "19800115", 11)


def persons(city: City) -> dict[str, str]:
    """Person of each key."""
    return dict(city.query("select source_key, person_id from population.person_record"))


@pytest.fixture
def town(city: City) -> City:
    """A person by number; one of the same name without number at the same house and phone, a year apart; and a stranger."""
    city.plates()
    city.health("20180301", [health_record("h1", "武雨晴", ONE, "1980-01-15"), health_record("h2", "武雨晴", "", "1981-02-15", 现住址="泸州市江阳区佳乐路10号", 联系电话="13899999999")])
    city.floating("20180301", [newcomer("f1", "邓可欣", citizen_id("430112", "19900505", 22), "1990-05-05", "女")])
    city.run()
    return city


def test_accepting_two_records_makes_them_one_person_from_the_next_run_on_and_withdrawing_restores(town: City) -> None:
    before = persons(town)
    assert len(set(before.values())) == 3
    pair = f"{HEALTH}|h1|self ~ {HEALTH}|h2|self"
    with town.inside():
        print(review.judge(settings_module.load(), pair, "same", "李主任", "电话核实"))
    summary = town.run()
    assert summary.libraries["population"]["state"] == "published"
    after = persons(town)
    assert after["h1"] == after["h2"] in before.values()
