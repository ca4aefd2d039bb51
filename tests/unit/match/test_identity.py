"""Identities over the days: what stays, what is redirected, what may never come again."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.match import identity

REGISTER = "public_security/household_register"
OTHER = "health/health_records"
DAY = date(2018, 3, 1)


@dataclass(frozen=True, order=True)
class Record:
    """A record of one party; `since`: the day of its first delivery, in days after the first."""

    dataset: str
    key: str
    since: int = 0


@dataclass
class Town:
    """The published members and redirects, and a clustering a day."""

    con: duckdb.DuckDBPyConnection
    day: int = 0
    members: dict[Record, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    ever: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for schema in ("matched", "published", "out"):
            self.con.execute(f"create schema if not exists {schema}")

    def cluster(self, *clusters: set[Record]) -> list[str]:
        """Publishes this clustering of everybody; the ids of the clusters in that order."""
        self._fill(clusters)
        identity.assign(self.con, kind="person", letter="P", anchor=REGISTER)
        identity.redirects(self.con, "person", datetime(2018, 3, self.day + 1, 8))
        ids = dict(self.con.execute("select cluster, id from matched.person_id").fetchall())
        assert sorted(ids) == list(range(len(clusters))), "every cluster has one id"
        self.redirects = dict(self.con.execute("select old_id, new_id from out.person_redirect").fetchall())
        self.members = {r: ids[n] for n, c in enumerate(clusters) for r in c}
        self.ever |= set(ids.values())
        self.day += 1
        return [ids[n] for n in range(len(clusters))]

    def _fill(self, clusters: tuple[set[Record], ...]) -> None:
        con = self.con
        con.execute(
            "create or replace table matched.cluster (dataset varchar, source_key varchar, role varchar, former boolean, first_delivered_on date, cluster bigint)"
        )
        con.execute(
            "create or replace table published.person_member (dataset varchar, source_key varchar, role varchar, person_id varchar, first_delivered_on date)"
        )
        con.execute("""create or replace table published.person_redirect (old_id varchar, new_id varchar, "at" varchar, why varchar)""")
        for n, c in enumerate(clusters):
            con.executemany(
                "insert into matched.cluster values (?, ?, 'self', false, ?, ?)",
                [[r.dataset, r.key, DAY + timedelta(r.since), n] for r in sorted(c)],
            )
        if self.members:
            con.executemany(
                "insert into published.person_member values (?, ?, 'self', ?, ?)",
                [[r.dataset, r.key, i, DAY + timedelta(r.since)] for r, i in self.members.items()],
            )
        if self.redirects:
            con.executemany(
                "insert into published.person_redirect values (?, ?, '2018-03-01', 'x')", [list(x) for x in self.redirects.items()]
            )


@pytest.fixture
def town() -> Town:
    return Town(duckdb.connect())


a, b, c = (Record(OTHER, k) for k in "abc")
young = Record(OTHER, "young", since=1)
registered = Record(REGISTER, "r")


def test_ids_begin_with_their_letter_and_are_all_different(town: Town) -> None:
    ids = town.cluster({a}, {b}, {registered, c})
    assert len(set(ids)) == 3
    assert all(i[0] == "P" and len(i) == 17 for i in ids)


def test_the_same_clusters_keep_their_ids_whatever_their_order(town: Town) -> None:
    one, other = town.cluster({a, b}, {c})
    assert town.cluster({c}, {b, a}) == [other, one]
    assert town.redirects == {}


def test_the_ids_do_not_depend_on_the_order_of_records(town: Town) -> None:
    assert town.cluster({a, b}, {c}) == Town(duckdb.connect()).cluster({b, a}, {c})


def test_an_id_stays_when_a_record_joins_or_leaves(town: Town) -> None:
    (one,) = town.cluster({a})
    assert town.cluster({a, b, young}) == [one]
    assert town.cluster({b, young}) == [one], "the founder is gone, the id stays"


def test_when_two_prove_one_the_id_with_the_older_record_stays(town: Town) -> None:
    old, late = town.cluster({a}, {young})
    assert town.cluster({a, young}) == [old]
    assert town.redirects == {late: old}


def test_the_register_does_not_outrank_an_older_record_in_a_merge(town: Town) -> None:
    late_register = Record(REGISTER, "late", since=1)
    old, late = town.cluster({a}, {late_register})
    assert town.cluster({a, late_register}) == [old]
    assert town.redirects == {late: old}


def test_three_that_prove_one_are_redirected_to_the_oldest(town: Town) -> None:
    first, second, third = town.cluster({a}, {Record(OTHER, "x", 1)}, {Record(OTHER, "y", 2)})
    assert town.cluster({a, Record(OTHER, "x", 1), Record(OTHER, "y", 2)}) == [first]
    assert town.redirects == {second: first, third: first}


def test_a_redirect_is_followed_to_its_present_end(town: Town) -> None:
    x, y = Record(OTHER, "x", 1), Record(OTHER, "y", 2)
    first, second, third = town.cluster({a}, {x}, {y})
    assert town.cluster({a}, {x, y}) == [first, second]
    assert town.cluster({a, x, y}) == [first]
    assert town.redirects == {third: first, second: first}


def test_in_a_split_the_part_with_the_registers_record_keeps_the_id(town: Town) -> None:
    (one,) = town.cluster({a, b, registered})
    other, kept = town.cluster({a, b}, {registered})
    assert kept == one
    assert other != one


def test_in_a_split_without_the_register_the_older_part_keeps_the_id(town: Town) -> None:
    (one,) = town.cluster({a, young, Record(OTHER, "younger", 2)})
    late, kept = town.cluster({young, Record(OTHER, "younger", 2)}, {a})
    assert kept == one
    assert late != one


def test_a_redirected_id_is_not_given_again_when_the_two_part(town: Town) -> None:
    old, late = town.cluster({a}, {young})
    town.cluster({a, young})
    kept, fresh = town.cluster({a}, {young})
    assert kept == old
    assert fresh not in (old, late)


def test_an_id_whose_founder_went_elsewhere_is_not_given_to_the_founder_again(town: Town) -> None:
    (one,) = town.cluster({a, registered})
    alone, kept = town.cluster({a}, {registered})
    assert kept == one
    assert alone != one


recordings = [Record(REGISTER if n % 3 == 0 else OTHER, f"k{n}", since=n % 2) for n in range(7)]
clusterings = st.lists(st.lists(st.integers(0, 3), min_size=len(recordings), max_size=len(recordings)), min_size=2, max_size=5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(clusterings)
def test_over_any_days_every_id_that_was_given_still_leads_somewhere_or_is_gone_for_good(days: list[list[int]]) -> None:
    town = Town(duckdb.connect())
    ended: set[str] = set()
    for labels in days:
        before, given_before = dict(town.members), set(town.ever)
        clusters = [{r for r, label in zip(recordings, labels, strict=True) if label == one} for one in sorted(set(labels))]
        ids = town.cluster(*clusters)
        assert len(set(ids)) == len(ids), "two persons never share an id"
        present = set(ids)
        assert not present & ended, "an id that ended is never used again"
        for cluster, now in zip(clusters, ids, strict=True):
            had = {before[r] for r in cluster if r in before}
            assert now in had or now not in given_before, "an id is inherited from a record of the cluster, or new"
            if len(had) == 1 and all(before[r] not in had for r in before if r not in cluster):
                assert {now} == had, "whose records are all still together keeps the id"
        gone = set(before.values()) - present
        assert gone <= set(town.redirects), "an id that records had leads on"
        assert all(new in present for old, new in town.redirects.items() if old in gone)
        ended |= gone
    town.con.close()
