"""One bad row for every claim of every suite: exactly that claim fails, so that none is ever silently off; and Great Expectations counts the same."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest
from planting import DAY, PLANTS, Bed, CannotPlant

from etl import migrate, spec
from etl.check import stock
from etl.check.engine import survey
from etl.platform.postgres import Cluster
from etl.settings import Settings
from etl.spec.suite import EXPECTATIONS, Claim, Suite, load_suite

STEMS = sorted(str(p.relative_to(EXPECTATIONS).with_suffix("")) for p in EXPECTATIONS.glob("*/*.yml"))
REGISTRY = spec.load()
TABLES = {t.replace(".", "/"): t for library in REGISTRY.libraries.values() for t in library.tables}
KINDS = (
    "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
)


@pytest.fixture(scope="module")
def garden(postgis_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with every table of the newest migration."""
    postgis_cluster.server.create_database("garden", "jichu", template="pristine")
    url, home = postgis_cluster.role_url("jichu", "garden"), tmp_path_factory.mktemp("home")
    migrate.migrate(Settings(url, home / "drop", home, "duckdb", 1024, DAY, 5.0, 1000))
    return url


@pytest.fixture
def bed(garden: str) -> Iterator[Callable[[str | Suite], Bed]]:
    """Makes a suite's table as a candidate, and those that it reads."""
    made: list[Bed] = []

    def make(what: str | Suite) -> Bed:
        suite = what if isinstance(what, Suite) else load_suite(what)
        assert suite is not None
        source = next((s for s in REGISTRY.sources.values() if s.stem == suite.stem), None)
        table = TABLES.get(suite.stem) or f"staging.{source.table}"  # type: ignore[union-attr]
        con = psycopg2.connect(garden)
        con.autocommit = True
        if source:
            migrate.staging(con, REGISTRY, source)
        target = TABLES.get(suite.stem) or source.name  # type: ignore[union-attr]
        with con.cursor() as c:
            c.execute("drop schema if exists candidate cascade; create schema candidate")
            c.execute(KINDS, [table])
            name = target.replace(".", "__").replace("/", "__")
            bed = Bed(garden, suite, target, name, dict(c.fetchall()), sorted(survey(con, suite, *table.split(".")).places))
            for original, copy in [(table, name), *((t, t.replace(".", "__")) for t in bed.near if t != target)]:
                c.execute(f'create table candidate."{copy}" as select * from {original} limit 0')
        con.close()
        made.append(bed)
        return bed

    yield make
    for each in made:
        each.con.close()


@pytest.mark.parametrize("stem", STEMS)
def test_a_bad_row_for_each_claim_fails_that_claim_and_no_other(stem: str, bed: Callable[[str], Bed]) -> None:
    planted = bed(stem)
    good = planted.grow([planted.good()])
    assert sorted(n for n, o in good.items() if not o.success) == [], "the good row is not good"
    missed = []
    for claim in planted.suite.expectations:
        try:
            planted.plant(claim)
        except CannotPlant as e:
            missed.append(str(e))
    assert missed == []


def test_whoever_adds_a_claim_that_cannot_be_planted_hears_of_it(bed: Callable[[Suite], Bed]) -> None:
    suite = load_suite("population/person_redirect")
    assert suite is not None
    off = [
        {"name": "never_fails", "type": "expect_column_values_to_match_regex", "kwargs": {"column": "why", "regex": ".*"}},
        {"name": "only_sql_knows", "type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "select 1 from {batch} where false"}},
        {"name": "of_an_unknown_kind", "type": "expect_column_max_to_be_between", "kwargs": {"column": "why", "max_value": 3}},
    ]  # fmt: skip
    said = {"dimension": "accuracy", "severity": "warning", "because": "查不出任何问题的检查"}
    more = [Claim.model_validate(c | said) for c in off]
    planted = bed(Suite(stem=suite.stem, expectations=[*suite.expectations, *more]))
    for claim in more:
        with pytest.raises(CannotPlant):
            planted.plant(claim)


def test_nothing_is_planted_for_claims_that_are_not_there() -> None:
    for stem, plants in PLANTS.items():
        suite = load_suite(stem)
        assert suite is not None, stem
        assert set(plants) - {"good"} <= {c.name for c in suite.expectations}


def signature(claim: Claim) -> tuple[Any, ...]:
    """What a claim asks of whoever judges it: its type and which arguments it uses."""
    condition = (claim.kwargs.get("row_condition") or {}).get("operator")
    return (claim.type, frozenset(claim.kwargs) - {"mostly"}, condition)


def covering() -> list[str]:
    """A few suites in which every signature occurs."""
    of = {stem: {signature(c) for c in suite.expectations} for stem in STEMS if (suite := load_suite(stem))}
    wanted, chosen = set().union(*of.values()), []
    while wanted:
        best = max(sorted(of), key=lambda stem: len(of[stem] & wanted))
        chosen.append(best)
        wanted -= of[best]
    return chosen


@pytest.mark.parametrize("stem", covering())
def test_great_expectations_counts_the_same(stem: str, bed: Callable[[str], Bed], garden: str) -> None:
    planted, rows = bed(stem), []
    for claim in planted.suite.expectations:
        for plant in planted.some(claim):
            try:
                planted.grow(plant)
            except psycopg2.Error:  # a value that its column cannot hold
                continue
            rows += plant
    ours = planted.grow([planted.good(), *rows])
    claims = planted.suite.expectations
    con = psycopg2.connect(garden)
    places = survey(con, planted.suite, "candidate", planted.name).places
    con.close()
    theirs = {o.expectation: o for o in stock.validate(claims, planted.target, garden, "candidate", planted.name, places, DAY.isoformat())}
    assert not any(o.broken for o in (*ours.values(), *theirs.values()))
    counted = {n: (o.success, o.checked, o.failed) for n, o in ours.items()}
    assert counted == {n: (o.success, o.checked, o.failed) for n, o in theirs.items()}
    assert sum(not o.success for o in ours.values()) > len(claims) / 3, "hardly anything was planted"
