"""Scores read from real books."""

from collections.abc import Iterator
from datetime import date

import psycopg2
import pytest

from etl import migrate
from etl.check import Score, scores
from etl.check.findings import applied
from etl.platform.postgres import Cluster
from etl.settings import Settings
from etl.spec import load

TODAY = date(2018, 3, 8)
FULL, INCREMENT, FETCHED = "education/students", "health/death_certificates", "public_security/household_register"


class Books:
    """ops.delivery and quality.result of one database."""

    def __init__(self, url: str):
        self.url = url
        self.con = psycopg2.connect(url)
        self.con.autocommit = True

    def deliver(self, dataset: str, day: str, kind: str, rows: int = 10, bad: int = 0, state: str = "loaded") -> str:
        """One delivery; its id is its day."""
        reason = None if state == "loaded" else "truncated: …"
        with self.con.cursor() as c:
            c.execute(
                """insert into ops.delivery (dataset, delivery_id, delivered_on, kind, state, reason, content_sha256,
                    rows_in, rows_new, rows_quarantined) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
                [dataset, day, day, kind, state, reason, day, rows, rows - bad, bad],
            )
        return day

    def result(
        self, target: str, delivery: str | None, claim: str, checked: int, failed: int, at: str = "now", broken: bool = False
    ) -> None:
        """One result of a claim about accuracy."""
        with self.con.cursor() as c:
            c.execute(
                """insert into quality.result (target, expectation, dimension, severity, success, broken, checked, failed,
                    delivery_id, run_at)
                values (%s, %s, 'accuracy', 'warning', %s, %s, %s, %s, %s, %s::timestamptz)""",
                [target, claim, failed == 0, broken, checked, failed, delivery, at],
            )

    def scores(self) -> dict[tuple[str, str, str], Score]:
        return {(s.scope, s.name, s.dimension): s for s in scores(self.url, TODAY)}


@pytest.fixture(scope="module")
def migrated(postgis_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database of the newest shape, for all of this file."""
    postgis_cluster.server.create_database("scores", "jichu", template="pristine")
    url, home = postgis_cluster.role_url("jichu", "scores"), tmp_path_factory.mktemp("home")
    migrate.migrate(Settings(url, home / "drop", home, "duckdb", 1024, TODAY, 5.0, 1000))
    return url


@pytest.fixture
def books(migrated: str) -> Iterator[Books]:
    """Empty books."""
    kept = Books(migrated)
    with kept.con.cursor() as c:
        c.execute("truncate ops.delivery, quality.result")
    yield kept
    kept.con.close()


def test_a_city_without_books_has_no_scores(books: Books) -> None:
    assert books.scores() == {}


def test_what_rules_found_in_a_full_delivery_replaces_what_they_found_before(books: Books) -> None:
    rule = next(a.claim for a in applied(load(), load().sources[FULL]))
    books.result(FULL, books.deliver(FULL, "2018-03-01", "full"), rule, 10, 5)
    books.result(FULL, books.deliver(FULL, "2018-03-08", "full"), rule, 10, 1)
    score = books.scores()["dataset", FULL, "accuracy"]
    assert (score.value, score.previous, score.checked, score.failed) == (90, 50, 10, 1)


def test_what_suites_found_in_changed_rows_adds_up(books: Books) -> None:
    books.result(FULL, books.deliver(FULL, "2018-03-01", "full"), "names", 30, 0)
    books.result(FULL, books.deliver(FULL, "2018-03-08", "full"), "names", 10, 10)
    score = books.scores()["dataset", FULL, "accuracy"]
    assert (score.value, score.previous) == (75, 100)


def test_increments_add_up(books: Books) -> None:
    books.result(INCREMENT, books.deliver(INCREMENT, "2018-03-01", "increment"), "names", 30, 0)
    books.result(INCREMENT, books.deliver(INCREMENT, "2018-03-08", "increment"), "names", 10, 10)
    score = books.scores()["dataset", INCREMENT, "accuracy"]
    assert (score.value, score.previous) == (75, 100)


def test_the_same_delivery_checked_again_counts_once(books: Books) -> None:
    day = books.deliver(INCREMENT, "2018-03-01", "increment")
    books.result(INCREMENT, day, "names", 10, 10, at="2018-03-01")
    books.result(INCREMENT, day, "names", 10, 0, at="2018-03-02")
    assert books.scores()["dataset", INCREMENT, "accuracy"].value == 100


def test_a_broken_check_and_an_empty_one_are_no_score(books: Books) -> None:
    day = books.deliver(FULL, "2018-03-01", "full")
    books.result(FULL, day, "broken", 0, 0, broken=True)
    books.result(FULL, day, "nothing", 0, 0)
    score = books.scores()["dataset", FULL, "accuracy"]
    assert (score.value, score.previous) == (None, None)


def test_quarantined_rows_and_refused_deliveries_cost_accessibility(books: Books) -> None:
    books.deliver(FULL, "2018-03-01", "full", rows=10, bad=2)
    assert books.scores()["dataset", FULL, "accessibility"].value == pytest.approx(100 * (5 * 0.8 + 2 * 1) / 7, abs=0.01)
    books.deliver(FULL, "2018-03-08", "full", rows=0, state="rejected")
    assert books.scores()["dataset", FULL, "accessibility"].value == pytest.approx(100 * (5 * 0.8 + 2 * 0.5) / 7, abs=0.01)


def test_what_we_fetch_ourselves_is_never_late(books: Books) -> None:
    books.deliver(FETCHED, "2017-01-01", "full")
    books.deliver(FULL, "2017-01-01", "full")
    found = books.scores()
    assert found["dataset", FETCHED, "timeliness"].value is None
    late = found["dataset", FULL, "timeliness"].value
    assert late is not None and late < 100


def test_a_department_is_the_mean_of_its_datasets_and_a_library_the_claims_of_its_tables(books: Books) -> None:
    other = "education/schools"
    books.result(FULL, books.deliver(FULL, "2018-03-01", "full"), "names", 1000, 500)
    books.result(other, books.deliver(other, "2018-03-01", "full"), "names", 10, 0)
    books.result("population.person", None, "unique", 10, 5, at="2018-03-01")
    books.result("population.person", None, "unique", 10, 0, at="2018-03-02")
    books.result("population.kinship", None, "unique", 10, 4, at="2018-03-02")
    books.result("legal_entity.person_role", None, "unique", 10, 10, at="2018-03-02")
    found = books.scores()
    assert found["department", "education", "accuracy"].value == 75
    population = found["library", "population", "accuracy"]  # which publishes person_role too
    assert population.value == pytest.approx(100 * (1 + 0.6 + 0) / 3, abs=0.01)
    assert population.previous == 50
    assert found["city", "city", "accuracy"].value == 75


@pytest.mark.parametrize(("kept", "previous"), [({"2018-03-01": 40.0, "2018-03-07": 70.0}, 40), ({"2018-03-07": 70.0}, 70), ({"2018-03-08": 99.0}, 50), ({"2018-03-07": None}, None)])  # fmt: skip
def test_a_score_is_compared_with_what_was_written_down_a_week_ago(
    books: Books, kept: dict[str, float | None], previous: float | None
) -> None:
    rule = next(a.claim for a in applied(load(), load().sources[FULL]))
    books.result(FULL, books.deliver(FULL, "2018-03-01", "full"), rule, 10, 5)
    books.result(FULL, books.deliver(FULL, "2018-03-08", "full"), rule, 10, 1)
    with books.con.cursor() as c:
        c.execute("truncate quality.score")
        for day, value in kept.items():
            c.execute("insert into quality.score (day, scope, name, dimension, value, checked, failed) values (%s, 'dataset', %s, 'accuracy', %s, 1, 0)", [day, FULL, value])  # fmt: skip
    score = books.scores()["dataset", FULL, "accuracy"]
    assert (score.value, score.previous) == (90, previous)
