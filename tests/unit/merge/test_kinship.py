"""Kin: from certificates, registrations and the register's relation to the head of the household."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from linking import fill, told, workbench

from etl.merge.kinship import REGISTER, kinship

MARRIAGES, BIRTHS = "civil_affairs/marriages", "health/birth_certificates"


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with workbench("population", tmp_path) as bench:
        bench.con.execute("create table out.person (person_id varchar, sex_code varchar, birth_date date, death_date date)")
        bench.con.execute("create table out.person_record (dataset varchar, source_key varchar, role varchar, person_id varchar)")
        bench.con.execute(
            "create table told (person_id varchar, dataset varchar, role varchar, household_id varchar, relation_to_head varchar, removed_on date)"
        )
        yield bench.con


def person(
    con: duckdb.DuckDBPyConnection,
    ident: str,
    sex: str,
    year: int,
    relation: str | None = None,
    household: str = "H",
    death: date | None = None,
) -> None:
    fill(con, "out.person", [{"person_id": ident, "sex_code": sex, "birth_date": date(year, 1, 1), "death_date": death}])
    if relation:
        fill(
            con,
            "told",
            [{"person_id": ident, "dataset": REGISTER, "role": "self", "household_id": household, "relation_to_head": relation}],
        )


def stated(
    con: duckdb.DuckDBPyConnection, dataset: str, key: str, relation: str, roles: tuple[str, str], people: tuple[str, str], **fields: Any
) -> None:
    fill(con, "feed.kinship", [told(dataset, key, relation=relation, person_role=roles[0], related_role=roles[1], **fields)])
    for role, ident in zip(roles, people, strict=True):
        if not con.execute(
            "select 1 from out.person_record where dataset = ? and source_key = ? and role = ?", [dataset, key, role]
        ).fetchall():
            fill(con, "out.person_record", [{"dataset": dataset, "source_key": key, "role": role, "person_id": ident}])


def found(con: duckdb.DuckDBPyConnection) -> set[tuple[Any, ...]]:
    kinship(con)
    return set(con.execute("select person_id, related_person_id, relation, since, until from out.kinship").fetchall())


COUPLE = ("husband", "wife")


def test_a_marriage_stands_twice_and_begins_with_its_registration(con: duckdb.DuckDBPyConnection) -> None:
    person(con, "M", "1", 1980)
    person(con, "F", "2", 1982)
    stated(con, MARRIAGES, "1", "spouse", COUPLE, ("M", "F"), event="结婚", since=date(2010, 5, 1))
    assert found(con) == {("M", "F", "spouse", date(2010, 5, 1), None), ("F", "M", "spouse", date(2010, 5, 1), None)}


def test_a_divorce_ends_a_marriage_and_a_second_wedding_begins_it_again(con: duckdb.DuckDBPyConnection) -> None:
    person(con, "M", "1", 1980)
    person(con, "F", "2", 1982)
    stated(con, MARRIAGES, "1", "spouse", COUPLE, ("M", "F"), event="结婚", since=date(2010, 5, 1))
    stated(con, MARRIAGES, "2", "spouse", COUPLE, ("M", "F"), event="离婚", since=date(2014, 5, 1))
    assert {(s, u) for *_, s, u in found(con)} == {(date(2010, 5, 1), date(2014, 5, 1))}
    stated(con, MARRIAGES, "3", "spouse", COUPLE, ("M", "F"), event="结婚", since=date(2016, 5, 1))
    assert {(s, u) for *_, s, u in found(con)} == {(date(2016, 5, 1), None)}


def test_a_death_ends_a_marriage(con: duckdb.DuckDBPyConnection) -> None:
    person(con, "M", "1", 1980, death=date(2017, 1, 1))
    person(con, "F", "2", 1982)
    stated(con, MARRIAGES, "1", "spouse", COUPLE, ("M", "F"), event="结婚", since=date(2010, 5, 1))
    assert {u for *_, u in found(con)} == {date(2017, 1, 1)}


def test_the_household_tells_spouse_and_parents(con: duckdb.DuckDBPyConnection) -> None:
    for ident, sex, year, relation in (
        ("head", "1", 1970, "02"),
        ("wife", "2", 1972, "12"),
        ("son", "1", 1995, "20"),
        ("daughter", "2", 1998, "30"),
        ("granny", "2", 1945, "52"),
    ):
        person(con, ident, sex, year, relation)
    assert {(a, b, r) for a, b, r, *_ in found(con)} == {
        ("head", "wife", "spouse"),
        ("wife", "head", "spouse"),
        *((c, "head", "father") for c in ("son", "daughter")),
        *((c, "wife", "mother") for c in ("son", "daughter")),
        ("head", "granny", "mother"),
    }


def test_a_child_who_is_as_old_as_its_parent_is_nobodys_child(con: duckdb.DuckDBPyConnection) -> None:
    person(con, "head", "1", 1970, "02")
    person(con, "son", "1", 1975, "20")
    assert found(con) == set()


def test_members_of_different_households_are_no_kin(con: duckdb.DuckDBPyConnection) -> None:
    person(con, "head", "1", 1970, "02", "H1")
    person(con, "wife", "2", 1972, "12", "H2")
    assert found(con) == set()


def test_a_certificate_outranks_the_household(con: duckdb.DuckDBPyConnection) -> None:
    """The head's second wife is not the mother whom the certificate names."""
    for ident, sex, year, relation in (("head", "1", 1970, "02"), ("second", "2", 1975, "12"), ("son", "1", 2000, "20")):
        person(con, ident, sex, year, relation)
    person(con, "mother", "2", 1972)
    stated(con, BIRTHS, "1", "mother", ("child", "mother"), ("son", "mother"), event="出生", since=date(2000, 1, 1))
    parents = {(a, b, r, s) for a, b, r, s, _ in found(con) if r != "spouse"}
    assert parents == {("son", "mother", "mother", date(2000, 1, 1)), ("son", "head", "father", date(2000, 1, 1))}
