"""A publication's row checks read only what changes: the counts are those of the whole table all the same."""

from collections.abc import Callable
from datetime import date

import pytest
from pipeline_kit import execute

from etl import db
from etl.check import Outcome, run
from etl.load import write_results
from etl.settings import Settings
from etl.spec.suite import load_suite

TODAY = date(2018, 3, 8)
COLUMNS = "person_id, name, sex_code, birth_date, living_status, version_from"
ROWS = [
    (f"P{i:02d}", None if i % 5 == 0 else "甲 乙" if i % 7 == 0 else "甲乙", "1", "1980-01-01", "living", "2018-03-01") for i in range(40)
]


@pytest.fixture
def published(new_database: Callable[[], str], settings_of: Callable[[str], Settings]) -> Settings:
    """Forty persons, checked and published; then a candidate: two changed, one new, one gone."""
    url = new_database()
    execute(url, f"insert into population.person ({COLUMNS}) values %s", ROWS)
    settings = settings_of(url)
    with db.transaction(settings) as con:
        write_results(con, check(settings, "population", "person"), None)
        db.rows(
            con, "insert into ops.publication (library, published_on, inputs, state) values ('population', '2018-03-01', 'x', 'published')"
        )
    candidate(url)
    return settings


@pytest.fixture
def settings_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Settings]:
    folder = tmp_path_factory.mktemp("home")
    return lambda url: Settings(url, folder / "drop", folder, "duckdb", 512, TODAY, 5.0, 1000)


def candidate(url: str) -> None:
    """What publishing makes: rows to write, keys to delete, and the table as it would be."""
    made = "candidate.population__person"
    execute(url, f"""
        create unlogged table {made}__write (like population.person including defaults);
        create unlogged table {made}__delete as select person_id from population.person where person_id = 'P07';
        insert into {made}__write ({COLUMNS}) values
            ('P00', '甲乙', '1', '1980-01-01', 'living', '2018-03-08'), ('P01', null, '7', '2018-03-09', 'living', '2018-03-08'),
            ('P99', '甲乙', null, null, 'gone', '2018-03-08');
        create view {made} as
            select * from population.person t where not exists (select from {made}__write x where x.person_id = t.person_id)
                and not exists (select from {made}__delete x where x.person_id = t.person_id)
            union all select * from {made}__write
    """)  # fmt: skip


def check(settings: Settings, schema: str = "candidate", table: str = "population__person") -> list[Outcome]:
    suite = load_suite("population/person")
    assert suite is not None
    return run(suite, "population.person", settings.database_url, schema, table, today=TODAY)


def counts(outcomes: list[Outcome]) -> dict[str, tuple[bool, int, int]]:
    return {o.expectation: (o.success, o.checked, o.failed) for o in outcomes}


def test_counts_of_what_changed_are_those_of_the_whole(published: Settings) -> None:
    increment = counts(check(published))
    execute(published.database_url, "delete from quality.result")
    assert increment == counts(check(published))
    assert increment["name_is_filled"] == (False, 40, 8)
    assert increment["living_status_is_known"] == (False, 40, 1)
    assert increment["birth_date_is_plausible"] == (False, 39, 1)


def test_the_last_counts_are_what_it_starts_from(published: Settings) -> None:
    execute(published.database_url, "update quality.result set failed = failed + 7 where expectation = 'name_is_filled'")
    assert counts(check(published))["name_is_filled"] == (False, 40, 15)


@pytest.mark.parametrize(
    "spoilt",
    [
        "update quality.result set definition = 'another'",
        "insert into population.person (person_id, living_status, version_from) values ('P50', 'living', '2018-03-01')",
        "update ops.publication set state = 'held'",
        "insert into candidate.population__person__delete select person_id from population.person where person_id > 'P20'",
    ],
)
def test_all_is_counted_anew_when_the_claim_the_table_or_most_rows_are_others(published: Settings, spoilt: str) -> None:
    execute(published.database_url, f"update quality.result set failed = failed + 700; {spoilt}")
    assert counts(check(published))["name_is_filled"][2] < 700


@pytest.fixture
def referring(published: Settings) -> Settings:
    """Records of those forty, published together with them; then a candidate: one written for nobody, one for the new person, and one
    whose person is deleted."""
    url = published.database_url
    execute(url, "insert into population.person_record (dataset, source_key, role, person_id, rule, probability, version_from) values %s",
            [("a/b", f"k{i:02d}", "self", f"P{i:02d}", "id", 1, "2018-03-01") for i in range(40)])  # fmt: skip
    execute(url, """
        drop view candidate.population__person;
        alter table candidate.population__person__write rename to w;
        alter table candidate.population__person__delete rename to d
    """)  # fmt: skip
    with db.transaction(published) as con:  # both as they were checked at the publication, in one transaction
        db.rows(con, "delete from quality.result; delete from ops.publication")
        write_results(con, [*check(published, "population", "person"), *check_records(published, "population", "person_record")], None)
        db.rows(
            con, "insert into ops.publication (library, published_on, inputs, state) values ('population', '2018-03-01', 'x', 'published')"
        )
    execute(url, "drop table candidate.w, candidate.d")
    candidate(url)
    made = "candidate.population__person_record"
    execute(url, f"""
        create unlogged table {made}__write (like population.person_record including defaults);
        create unlogged table {made}__delete as select dataset, source_key, role from population.person_record where source_key = 'k20';
        insert into {made}__write (dataset, source_key, role, person_id, rule, probability, version_from) values
            ('a/b', 'k01', 'self', 'P77', 'id', 1, '2018-03-08'), ('a/b', 'k99', 'self', 'P99', 'id', 1, '2018-03-08');
        create view {made} as
            select * from population.person_record t where not exists (select from {made}__write x where (x.dataset, x.source_key, x.role) = (t.dataset, t.source_key, t.role))
                and not exists (select from {made}__delete x where (x.dataset, x.source_key, x.role) = (t.dataset, t.source_key, t.role))
            union all select * from {made}__write
    """)  # fmt: skip
    return published


def check_records(settings: Settings, schema: str = "candidate", table: str = "population__person_record") -> list[Outcome]:
    suite = load_suite("population/person_record")
    assert suite is not None
    return run(suite, "population.person_record", settings.database_url, schema, table, today=TODAY)


def test_what_refers_to_nothing_is_found_by_what_is_written_and_what_is_deleted(referring: Settings) -> None:
    increment = counts(check_records(referring))
    assert increment["person_exists"] == (False, 40, 2)  # k01 is written for nobody, the person of k07 is deleted
    execute(referring.database_url, "delete from quality.result")
    assert increment == counts(check_records(referring))


def test_only_what_changes_is_looked_at_where_both_were_published_together(referring: Settings) -> None:
    execute(
        referring.database_url, "update population.person_record set person_id = 'P55' where source_key = 'k30'"
    )  # behind everybody's back
    assert counts(check_records(referring))["person_exists"] == (False, 40, 2)
    execute(
        referring.database_url, "update quality.result set run_at = run_at - interval '1 hour' where target = 'population.person'"
    )  # its last counts are of another publication
    assert counts(check_records(referring))["person_exists"] == (False, 40, 3)
