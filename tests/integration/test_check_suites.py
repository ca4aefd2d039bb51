"""Expectations on real PostGIS tables: bad rows are planted, and seen."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg2
import pytest

from etl.check import Outcome, critical, run
from etl.errors import DatabaseError
from etl.spec.suite import Claim, Suite

TODAY = date(2018, 3, 1)
PEOPLE = """
    create schema if not exists candidate;
    create schema people;
    create table people.mother (mother_id text primary key);
    insert into people.mother values ('M1'), ('M2');
    create view candidate.people__mother as select * from people.mother where mother_id <> 'M2';
    create table candidate.people__person (
        person_id text, code text, name text, sex_code text, born date, died date, status text, mother_id text,
        share numeric, token uuid, geom geometry(Point, 4490)
    );
    insert into candidate.people__person values
        ('P1', '0123', '甲', '1', '1980-01-01', null, 'living', 'M1', 0.5, gen_random_uuid(), st_setsrid(st_point(105.4, 28.8), 4490)),
        ('P2', '0456', '乙', '2', '1981-01-01', '2017-05-05', 'dead', null, 0.1, gen_random_uuid(), null),
        ('P3', null, null, null, null, null, 'living', null, null, null, null);
"""
BAD = """
    insert into candidate.people__person values
        ('P1', '04', '丙 丁', '3', '2018-03-02', '1990-01-01', 'living', 'M2', 7, null, null),
        (null, '0456', null, '1', '1981-01-01', null, 'dead', 'M9', 0.2, null, null);
"""


def claim(name: str, type_: str, severity: str = "warning", **kwargs: Any) -> Claim:
    return Claim.model_validate(
        {"name": name, "type": type_, "kwargs": kwargs, "dimension": "accuracy", "severity": severity, "because": "试一试每种检查"}
    )


WHERE_DEAD = {"type": "comparison", "column": {"name": "status"}, "operator": "==", "parameter": "dead"}
# claim → (checked, failed) on the good rows, on the good and the bad rows
EXPECTED = [
    (claim("id_is_unique", "expect_column_values_to_be_unique", "critical", column="person_id"), (3, 0), (4, 2)),
    (claim("key_is_unique", "expect_compound_columns_to_be_unique", column_list=["code", "sex_code"]), (2, 0), (4, 0)),
    (claim("pair_is_unique", "expect_compound_columns_to_be_unique", column_list=["code", "born"]), (2, 0), (4, 2)),
    (claim("unique_among_the_dead", "expect_column_values_to_be_unique", column="code", row_condition=WHERE_DEAD), (1, 0), (2, 2)),
    (claim("id_is_present", "expect_column_values_to_not_be_null", column="person_id"), (3, 0), (5, 1)),
    (claim("geometry_is_present", "expect_column_values_to_not_be_null", column="geom"), (3, 2), (5, 4)),
    (claim("code_is_four_digits", "expect_column_values_to_match_regex", column="code", regex="^[0-9]{4}$"), (2, 0), (4, 1)),
    (claim("name_has_no_blank", "expect_column_values_to_not_match_regex", column="name", regex="\\s"), (2, 0), (3, 1)),
    (claim("name_is_short", "expect_column_value_lengths_to_be_between", column="name", max_value=2), (2, 0), (3, 1)),
    (claim("sex_is_known", "expect_column_values_to_be_in_set", column="sex_code", value_set=["1", "2"]), (2, 0), (4, 1)),
    (claim("born_by_today", "expect_column_values_to_be_between", column="born", max_value={"$PARAMETER": "today"}), (2, 0), (4, 1)),
    (claim("share_is_a_share", "expect_column_values_to_be_between", column="share", min_value=0, max_value=1), (2, 0), (4, 1)),
    (claim("died_after_birth", "expect_column_pair_values_a_to_be_greater_than_b", column_A="died", column_B="born",
           or_equal=True, ignore_row_if="either_value_is_missing"), (1, 0), (2, 1)),
    (claim("dead_have_a_date", "expect_column_values_to_not_be_null", column="died", row_condition=WHERE_DEAD), (1, 0), (2, 1)),
    (claim("living_have_none", "expect_column_values_to_be_null", column="died",
           row_condition={**WHERE_DEAD, "operator": "!="}), (2, 0), (3, 1)),
    (claim("nobody_is_their_mother", "expect_select_column_values_to_be_unique_within_record", column_list=["person_id", "mother_id"],
           ignore_row_if="any_value_is_missing"), (1, 0), (2, 0)),
    (claim("mother_is_known", "expect_column_values_to_refer_to", column="mother_id",
           table="people.mother", key="mother_id"), (1, 0), (3, 2)),
    (claim("no_three", "unexpected_rows_expectation", unexpected_rows_query="select 1 from {batch} where sex_code = '3'"), (3, 0), (5, 1)),
    (claim("mothers_joined", "unexpected_rows_expectation",
           unexpected_rows_query="select 1 from {batch} as p join {people.mother} as m using (mother_id) where share > 1"), (3, 0), (5, 0)),
    (claim("there_are_few", "expect_table_row_count_to_be_between", max_value=4), (1, 0), (1, 1)),
]  # fmt: skip
CLAIMS = [c for c, _, _ in EXPECTED]
BEFORE = {c.name: n for c, n, _ in EXPECTED}
AFTER = {c.name: n for c, _, n in EXPECTED}
SUITE = Suite(stem="people/person", expectations=CLAIMS)


@pytest.fixture
def people(empty_database: str) -> Iterator[str]:
    execute(empty_database, PEOPLE)
    yield empty_database


def execute(url: str, sql: str) -> None:
    con = psycopg2.connect(url)
    try:
        with con, con.cursor() as c:
            c.execute(sql)
    finally:
        con.close()


def check(url: str, suite: Suite = SUITE, table: str = "people__person") -> dict[str, Outcome]:
    return {o.expectation: o for o in run(suite, "people.person", url, "candidate", table, today=TODAY)}


def counts(outcomes: dict[str, Outcome]) -> dict[str, tuple[int, int]]:
    return {name: (o.checked, o.failed) for name, o in outcomes.items()}


def test_good_rows_pass_and_planted_bad_rows_are_seen(people: str) -> None:
    good = check(people)
    assert counts(good) == BEFORE
    assert not any(o.broken for o in good.values())
    assert [o.expectation for o in good.values() if not o.success] == ["geometry_is_present"]
    execute(people, BAD)
    bad = check(people)
    assert counts(bad) == AFTER
    assert {n: o.success for n, o in bad.items()} == {n: failed == 0 for n, (_, failed) in AFTER.items()}
    assert [o.expectation for o in critical(bad.values())] == ["id_is_unique"]


def test_no_connection_is_left_behind(people: str) -> None:
    check(people)
    con = psycopg2.connect(people)
    with con, con.cursor() as c:
        c.execute("select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        assert c.fetchone() == (0,)
    con.close()


def test_an_empty_table_is_not_applicable_rather_than_wrong(people: str) -> None:
    execute(people, "delete from candidate.people__person")
    rows = check(people)
    assert rows.pop("there_are_few").checked == 1
    assert all(o.success and not o.broken and o.checked == 0 for o in rows.values())


def test_a_check_that_cannot_be_made_is_broken_and_spares_the_others(people: str) -> None:
    broken = [
        claim("no_such_column", "expect_column_values_to_not_be_null", "critical", column="nickname"),
        claim("no_such_type", "expect_the_spanish_inquisition", "critical"),
        claim("no_such_argument", "expect_column_values_to_be_in_set", "critical", column="name", values=["甲"]),
        claim("no_regular_expression", "expect_column_values_to_match_regex", "critical", column="name", regex="("),
        claim("not_a_number", "expect_column_values_to_be_between", "critical", column="name", max_value=3),
        claim("no_such_table", "expect_column_values_to_refer_to", "critical", column="name", table="people.father", key="father_id"),
        claim("no_sql", "unexpected_rows_expectation", "critical", unexpected_rows_query="select 1 from {batch} where"),
    ]
    found = check(people, Suite(stem="people/person", expectations=[*CLAIMS, *broken]))
    assert [n for n, o in found.items() if o.broken] == [c.name for c in broken]
    assert critical(found.values()) == []
    assert all((o.success, o.checked, o.failed) == (False, 0, 0) for o in found.values() if o.broken)
    assert {n: v for n, v in counts(found).items() if not found[n].broken} == BEFORE


def test_a_missing_table_breaks_every_claim_and_fails_none(people: str) -> None:
    found = check(people, table="nobody")
    assert len(found) == len(CLAIMS)
    assert all(o.broken and not o.failed for o in found.values())


def test_an_unreachable_database_is_said_without_its_password() -> None:
    with pytest.raises(DatabaseError) as e:
        check("postgresql://somebody:sesame@127.0.0.1:1/nowhere")
    assert "sesame" not in str(e.value)


def test_results_carry_no_value_of_a_row(people: str) -> None:
    execute(people, BAD)
    said = " ".join(str(o) for o in check(people).values())
    assert not any(value in said for value in ("甲", "丙", "0456", "P1"))


def test_the_candidate_of_a_referred_table_goes_before_the_published_one(people: str) -> None:
    execute(people, "update candidate.people__person set mother_id = 'M2' where person_id = 'P1'")
    assert not check(people)["mother_is_known"].success
    execute(people, "drop view candidate.people__mother")
    assert check(people)["mother_is_known"].success
