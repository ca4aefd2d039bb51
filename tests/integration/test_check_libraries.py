"""Every suite on the tables that the migrations make: no claim breaks, and what the libraries' claims are for is seen."""

from datetime import date

import psycopg2
import pytest

from etl import migrate, spec
from etl.check import Outcome, critical, run
from etl.platform.postgres import Cluster
from etl.settings import Settings
from etl.spec.suite import load_suite

TODAY = date(2018, 3, 1)
TABLES = sorted(t for library in spec.load().libraries.values() for t in library.tables)
STEMS = sorted({s.stem for s in spec.load().sources.values() if load_suite(s.stem)})


@pytest.fixture(scope="module")
def library_database(postgis_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with every table of the newest migration."""
    postgis_cluster.server.create_database("suites", "jichu", template="pristine")
    url, home = postgis_cluster.role_url("jichu", "suites"), tmp_path_factory.mktemp("home")
    migrate.migrate(Settings(url, home / "drop", home, "duckdb", 1024, TODAY, 5.0, 1000))
    return url


def execute(url: str, sql: str) -> None:
    con = psycopg2.connect(url)
    try:
        with con, con.cursor() as c:
            c.execute(sql)
    finally:
        con.close()


def candidate(url: str, table: str, inserts: str) -> str:
    """A candidate of that table with those rows (published constraints do not stand on a candidate)."""
    name = table.replace(".", "__")
    into = f"candidate.{name}"
    execute(url, f"drop table if exists {into}; create table {into} as select * from {table} limit 0; {inserts.format(into=into)}")
    return name


def of_table(table: str, url: str, name: str) -> list[Outcome]:
    suite = load_suite(table.replace(".", "/"))
    assert suite is not None
    return run(suite, table, url, "candidate", name, today=TODAY)


def failed(url: str, table: str, inserts: str) -> set[str]:
    outcomes = of_table(table, url, candidate(url, table, inserts))
    assert [o.expectation for o in outcomes if o.broken] == []
    return {o.expectation for o in outcomes if not o.success and o.severity != "info"}


@pytest.mark.parametrize("table", TABLES)
def test_no_claim_breaks_on_the_table_as_it_is_made(library_database: str, table: str) -> None:
    name = candidate(library_database, table, "insert into {into} default values")
    outcomes = of_table(table, library_database, name)
    assert outcomes
    assert [o.expectation for o in outcomes if o.broken] == []


@pytest.mark.parametrize("stem", STEMS)
def test_no_claim_breaks_on_the_cleaned_rows_of_a_dataset(library_database: str, stem: str) -> None:
    source = next(s for s in spec.load().sources.values() if s.stem == stem)
    suite = load_suite(stem)
    assert suite is not None
    con = psycopg2.connect(library_database)
    with con:
        migrate.staging(con, spec.load(), source)
    con.close()
    name = candidate(library_database, f"staging.{source.table}", "insert into {into} default values")
    outcomes = run(suite, source.name, library_database, "candidate", name, today=TODAY)
    assert [o.expectation for o in outcomes if o.broken] == []


def test_a_person_twice_holds_the_library(library_database: str) -> None:
    row = "insert into {into} (person_id, living_status) values ('P1', 'living');"
    name = candidate(library_database, "population.person", row * 2)
    held = critical(of_table("population.person", library_database, name))
    assert [(o.expectation, o.checked, o.failed) for o in held] == [("person_id_is_unique", 2, 2)]


def test_a_person_who_contradicts_their_number_and_died_before_birth_is_seen(library_database: str) -> None:
    found = failed(
        library_database,
        "population.person",
        """insert into {into} (person_id, citizen_id, name, sex_code, birth_date, death_date, living_status) values
            ('P1', '510502198001010018', '甲 乙', '2', '1981-01-01', '1979-01-01', 'living')""",
    )
    assert found == {
        "citizen_id_agrees_with_birth_date", "citizen_id_agrees_with_sex", "name_has_no_blanks", "death_follows_birth",
        "the_others_have_none",
    }  # fmt: skip


def test_kin_of_oneself_unreturned_spouses_and_young_parents_are_seen(library_database: str) -> None:
    candidate(
        library_database,
        "population.person",
        """insert into {into} (person_id, birth_date, living_status) values
            ('A', '1980-01-01', 'living'), ('B', '1985-01-01', 'living')""",
    )
    found = failed(
        library_database,
        "population.kinship",
        """insert into {into} (person_id, related_person_id, relation, since, until) values
            ('A', 'A', 'spouse', null, null), ('A', 'B', 'spouse', '2010-01-01', '2009-01-01'),
            ('A', 'B', 'mother', null, null), ('A', 'C', 'mother', null, null)""",
    )
    assert found == {
        "nobody_is_their_own_kin", "related_person_exists", "relation_ends_after_it_begins", "spouses_are_stated_both_ways",
        "parents_are_older", "one_mother_and_one_father",
    }  # fmt: skip


def test_entities_with_a_foreign_organisation_code_or_a_lost_parent_are_seen(library_database: str) -> None:
    found = failed(
        library_database,
        "legal_entity.entity",
        """insert into {into} (entity_id, uscc, organization_code, name, kind, status, closed_on, parent_entity_id) values
            ('E1', '91510500MA62AAAA1X', 'MA62BBBB1', '甲公司', 'enterprise', 'open', '2018-01-01', 'E9')""",
    )
    assert found == {"organization_code_agrees_with_uscc", "open_entities_are_not_closed", "parent_exists"}


def test_figures_without_a_value_of_two_units_or_badly_dated_are_seen(library_database: str) -> None:
    found = failed(
        library_database,
        "statistics.observation",
        """insert into {into} (indicator_code, region_code, object_code, frequency, period, measure,
            value, unit, status, released_on) values
            ('I1', '510500000000', '', 'M', '2018-3', 'period', 1, '元', 'normal', '2018-03-01'),
            ('I1', '510500000000', '', 'M', '2018-02', 'period', null, '万元', 'normal', '2018-03-01'),
            ('I1', '510500000000', '', 'M', '2018-01', 'period', 0, '元', 'missing', '2018-03-01')""",
    )
    assert found == {
        "indicator_exists", "period_is_written_for_its_frequency", "other_figures_have_a_value", "missing_figures_have_no_value",
        "an_indicator_has_one_unit",
    }  # fmt: skip


def test_a_certificate_is_valid_through_its_last_day_and_expired_after_it(library_database: str) -> None:
    columns = "dataset, source_key, type_name, number, holder_name, valid_to, status"
    row = f"insert into {{{{into}}}} ({columns}) values ('a/b', '{{}}', '证', '1', '甲', '{{}}', '{{}}');"
    right = row.format(1, "2018-03-01", "valid") + row.format(2, "2018-02-28", "expired")
    wrong = row.format(3, "2018-02-28", "valid") + row.format(4, "2018-03-01", "expired")
    assert failed(library_database, "certificate.certificate", right) == set()
    assert failed(library_database, "certificate.certificate", wrong) == {
        "valid_certificates_have_not_run_out",
        "expired_certificates_have_run_out",
    }
