"""The invented city itself: numbers, names, kin, addresses, and what a week brings."""

from pathlib import Path

import duckdb
import numpy as np
import pytest
from stdnum.cn import uscc

from etl.demo import city as cities
from etl.demo import identifiers, spoken, text
from etl.demo.chance import Chance, rank_within
from etl.demo.city import City
from etl.demo.geography import communities, regions
from etl.demo.people import DEAD
from etl.demo.weeks import next_week


@pytest.fixture(scope="module")
def city() -> City:
    return cities.build(800, 11, 1.0)


def test_a_draw_depends_on_seed_name_and_id_alone() -> None:
    chance = Chance("a")
    ids = np.arange(1000)
    assert (chance.uniform("x", ids)[500:] == chance.uniform("x", ids[500:])).all()
    assert not np.isclose(chance.uniform("x", ids), chance.sub("b").uniform("x", ids)).any()
    assert abs(chance.uniform("x", np.arange(100_000)).mean() - 0.5) < 0.01


def test_ranks_count_within_equal_keys_in_the_given_order() -> None:
    assert rank_within(np.array([1, 2, 1, 1]), order=np.array([3, 0, 1, 2])).tolist() == [2, 0, 0, 1]


def test_check_characters_follow_the_standards() -> None:
    assert identifiers.citizen_ids(np.array([11010519491231002])).to_pylist() == ["11010519491231002X"]
    assert identifiers.legacy_ids(np.array([11010519491231002])).to_pylist() == ["110105491231002"]
    code, values = identifiers.organization_codes(np.array([10_000_019, 5]), np.array([False, True]))
    made = identifiers.credit_codes(np.array([91, 92]), np.array([510502, 510521]), values).to_pylist()
    assert all(uscc.is_valid(c) for c in made)
    assert [c[8:17] for c in made] == code.to_pylist()


def test_the_city_has_exactly_the_persons_asked_for_with_distinct_numbers(city: City) -> None:
    assert len(city.people) == 800 == len(np.unique(city.people.id_body))


def test_spouses_are_each_others_and_children_are_younger_than_their_parents(city: City) -> None:
    p = city.people
    married = np.flatnonzero(p.spouse >= 0)
    assert (p.spouse[p.spouse[married]] == married).all()
    assert (p.since[married] == p.since[p.spouse[married]]).all()
    for parent in (p.father, p.mother):
        child = np.flatnonzero(parent >= 0)
        assert (p.birth[child] - p.birth[parent[child]] > 16 * 365).all()


def test_divisions_lie_within_the_city_and_do_not_overlap() -> None:
    shapes = regions()
    counties = [r.shape for r in shapes if r.level == "county"]
    assert len(counties) == 7
    assert sum(c.area for c in counties) == pytest.approx(shapes[0].shape.area, rel=1e-6)
    where = communities()
    assert where.lon.min() > 105.1 and where.lon.max() < 106.5 and where.lat.min() > 27.6 and where.lat.max() < 29.4


def test_no_address_text_means_two_plates(small_city: Path) -> None:
    twice = duckdb.sql(f"SELECT text FROM '{small_city}/truth/address_link.parquet' GROUP BY text HAVING count(DISTINCT address_code) > 1")
    assert twice.fetchall() == []


def test_an_address_tells_a_unit_only_where_it_names_one(city: City) -> None:
    ids = city.people.ids
    place = spoken.write(city, Chance("x"), city.people.plate, city.people.room, ids)
    levels = text.pick(place.words, place.level).to_pylist()
    for value, level in zip(place.value.to_pylist(), levels, strict=True):
        assert ("单元" in value or value.count("-") == 2 or "单" in value) == (level == "unit")


def test_a_week_brings_births_deaths_moves_and_new_firms_and_forgets_nobody() -> None:
    before = cities.build(6000, 2, 1.0)
    after = next_week(before)
    assert len(after.people) > len(before.people)
    assert len(after.entities) > len(before.entities)
    n = len(before.people)
    assert (after.people.id_body[:n] == before.people.id_body).all()
    assert (after.people.plate[:n] != before.people.plate).sum() > 5
    assert ((after.people.status[:n] == DEAD) & (before.people.status != DEAD)).any()
    assert after.people.touched[n:].min() == 1
    unchanged = after.people.touched == 0
    assert (after.people.phone[unchanged] == before.people.phone[unchanged[:n]]).all()


def test_a_week_in_which_more_is_asked_to_happen_brings_more_of_it() -> None:
    start = cities.build(20_000, 3, 1.0)
    touched = {change: int((next_week(start, change).people.touched == 1).sum()) for change in (0.0, 0.01, 0.05)}
    assert touched[0.0] <= 2
    assert 150 < touched[0.01] < 250
    assert 4 < touched[0.05] / touched[0.01] < 6
