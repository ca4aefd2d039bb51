"""What would move many ids or make one person of a crowd is held; a handful is not."""

from datetime import date

import pytest
from pipeline_kit import execute

from etl import check
from etl.check import Outcome
from etl.spec.suite import load_suite


@pytest.fixture(scope="module")
def candidate(new_database: "object") -> str:
    """A library of 20,000 records of as many people, and a candidate of the same."""
    url = str(new_database())  # type: ignore[operator]
    execute(url, "create schema if not exists candidate")
    execute(url, "create table candidate.population__person_record (like population.person_record)")
    execute(
        url,
        "insert into match.person_member (dataset, source_key, role, person_id, former, first_delivered_on, rule, probability) "
        "select 'd/s', i::text, 'self', 'P' || i, false, '2018-03-01', 'id', 1 from generate_series(1, 20000) i"
        if _has(url, "rule")
        else "insert into match.person_member (dataset, source_key, role, person_id, former, first_delivered_on) select 'd/s', i::text, 'self', 'P' || i, false, '2018-03-01' from generate_series(1, 20000) i",
    )
    return url


def _has(url: str, column: str) -> bool:
    return bool(
        execute(
            url,
            f"select 1 from pg_attribute where attrelid = 'match.person_member'::regclass and attname = '{column}' and not attisdropped",
        )
    )


def outcomes(url: str, ident: str) -> dict[str, Outcome]:
    """What the suite says of a candidate whose ids are this expression of i."""
    execute(url, "truncate candidate.population__person_record")
    execute(
        url,
        "insert into candidate.population__person_record (dataset, source_key, role, person_id, rule, probability, version_from) "
        f"select 'd/s', i::text, 'self', {ident}, 'id', 1, '2018-03-01' from generate_series(1, 20000) i",
    )
    suite = load_suite("population/person_record")
    assert suite
    found = check.run(suite, "population.person_record", url, "candidate", "population__person_record", today=date(2018, 3, 1))
    return {o.expectation: o for o in found}


def test_ids_that_keep_still_pass(candidate: str) -> None:
    told = outcomes(candidate, "'P' || i")
    assert told["ids_keep_still"].success and told["nobody_has_too_many_records"].success


def test_one_id_in_a_hundred_may_move_and_no_more(candidate: str) -> None:
    assert outcomes(candidate, "case when i <= 200 then 'Q' || i else 'P' || i end")["ids_keep_still"].success
    told = outcomes(candidate, "case when i <= 201 then 'Q' || i else 'P' || i end")["ids_keep_still"]
    assert (told.success, told.broken, told.failed, told.severity) == (False, False, 201, "critical")


def test_a_crowd_that_became_one_person_is_held(candidate: str) -> None:
    told = outcomes(candidate, "case when i <= 1001 then 'P1' else 'P' || i end")
    assert told["nobody_has_too_many_records"].failed == 1 and not told["ids_keep_still"].success
