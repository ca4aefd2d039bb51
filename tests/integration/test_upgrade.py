"""A database of an earlier release is brought to this one: nothing is lost on the way, and the next delivery is loaded as if nothing had happened.

The databases are in tests/fixtures/releases, one for each release, as its own code left them (docs/upgrading.md says how one is added).
"""

import gzip
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pipeline_kit import City, execute

from etl import migrate
from etl import settings as settings_module
from etl.platform.postgres import Cluster, binaries

RELEASES = Path(__file__).parent.parent / "fixtures" / "releases"
FOUND = sorted(RELEASES.glob("[0-9]*.sql.gz"))
DATASET = "health/health_records"
# what analysts, owners and auditors were promised to find again
KEPT = [
    "ops.instance", "ops.delivery", "ops.publication", "ops.stage", "quality.quarantine", "quality.finding", "quality.result", "staging.health__health_records",
    "staging.health__health_records__past", "staging.public_security__floating_population", "staging.public_security__door_plates", "population.person",
    "population.person_history", "population.person_record", "geospatial.address", "geospatial.region", "match.person_member",
]  # fmt: skip


def checksum(url: str, table: str, columns: list[str]) -> tuple[int, str]:
    """Rows of a table, and a digest of these columns that does not depend on the rows' order."""
    listed = ", ".join(f'"{c}"' for c in columns)
    ((rows, digest),) = execute(
        url, f"select count(*), coalesce(md5(string_agg(h, '' order by h)), '') from (select md5(row({listed})::text) as h from {table}) x"
    )
    return rows, digest


def columns(url: str) -> dict[str, list[str]]:
    """The columns of every kept table as the release had them."""
    sql = "select attname from pg_attribute where attrelid = '{}'::regclass and attnum > 0 and not attisdropped order by attnum"
    return {t: [c for (c,) in execute(url, sql.format(t))] for t in KEPT}


class Upgraded:
    """A release's database, what it held before, and the city it belongs to, migrated to today's shape."""

    def __init__(self, city: City, dump: Path):
        self.city = city
        script = gzip.decompress(dump.read_bytes())
        command = [str(binaries("psql") / "psql"), "-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", city.url]
        subprocess.run(command, input=script, check=True, stdout=subprocess.DEVNULL)
        had = columns(city.url)
        self.before = {t: checksum(city.url, t, c) for t, c in had.items()}
        self.persons = dict(
            city.query("select source_key, person_id from population.person_record where dataset = 'health/health_records'")
        )
        with city.inside("2018-03-16"):
            loaded = settings_module.load()
            assert not migrate.current(loaded)
            migrate.migrate(loaded)
            assert migrate.current(loaded)
        self.after = {t: checksum(city.url, t, c) for t, c in had.items()}


@pytest.fixture(scope="module")
def release(postgis_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Upgraded]]:
    """A release's database restored and migrated, with its deliveries in the drop folder and a new home: landings need not survive."""
    made: dict[str, Upgraded] = {}

    def one(dump: Path) -> Upgraded:
        name = f"release_{dump.name.split('.')[0]}"
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            shutil.copytree(RELEASES / "city" / "drop", folder / "drop")
            postgis_cluster.server.create_database(name, "jichu", template="pristine")
            made[name] = Upgraded(City(folder / "drop", folder / "home", postgis_cluster.role_url("jichu", name), "2018-03-16"), dump)
        return made[name]

    yield one
    for name in made:
        postgis_cluster.server.drop_database(name)


@pytest.fixture
def upgraded(release: Callable[[Path], Upgraded]) -> Upgraded:
    """The last release's; the tests that take it follow one another."""
    return release(FOUND[-1])


def test_there_is_a_release_to_come_from() -> None:
    assert FOUND


@pytest.mark.parametrize("dump", FOUND, ids=lambda p: p.name.split(".")[0])
def test_migrating_keeps_every_row_and_every_value(release: Callable[[Path], Upgraded], dump: Path) -> None:
    upgraded = release(dump)
    assert upgraded.before["staging.health__health_records"][0] > 25
    assert upgraded.before["population.person"][0] > 25
    assert {t: (upgraded.before[t], upgraded.after[t]) for t in KEPT if upgraded.before[t] != upgraded.after[t]} == {}


def test_the_next_delivery_is_compared_with_what_the_release_had_loaded(upgraded: Upgraded) -> None:
    shutil.copytree(RELEASES / "city" / "next", upgraded.city.drop, dirs_exist_ok=True)
    summary = upgraded.city.run()
    assert summary.failures == {}
    (outcome,) = summary.deliveries[DATASET]
    fates = {
        k: outcome[k]
        for k in ("rows_in", "rows_new", "rows_changed", "rows_unchanged", "rows_duplicate", "rows_quarantined", "rows_removed")
    }
    assert fates == {
        "rows_in": 31,
        "rows_new": 1,
        "rows_changed": 1,
        "rows_unchanged": 29,
        "rows_duplicate": 0,
        "rows_quarantined": 0,
        "rows_removed": 1,
    }
    assert {n for n, d in summary.deliveries.items() if d} == {DATASET}  # what was loaded is not loaded again
    assert summary.libraries["population"]["state"] == "published"
    assert upgraded.city.query("select phone from population.person_record r join population.person p using (person_id) where dataset = 'health/health_records' and source_key = 'h93'") == [("13812340000",)]  # fmt: skip


def test_people_keep_their_ids_and_their_past(upgraded: Upgraded) -> None:
    now = dict(upgraded.city.query("select source_key, person_id from population.person_record where dataset = 'health/health_records'"))
    stayed = set(upgraded.persons) & set(now)
    assert len(stayed) == len(upgraded.persons) - 1
    assert {k for k in stayed if upgraded.persons[k] != now[k]} == set()
    rows, _ = upgraded.before["population.person_history"]
    assert upgraded.city.query("select count(*) from population.person_history")[0][0] >= rows
    replaced = upgraded.city.query(
        "select source_key, replaced_on::text from staging.health__health_records__past where replaced_on = '2018-03-15'"
    )
    assert ("h07", "2018-03-15") in replaced


def test_running_again_changes_nothing(upgraded: Upgraded) -> None:
    summary = upgraded.city.run()
    assert {n: d for n, d in summary.deliveries.items() if d} == {}
    assert {x["state"] for x in summary.libraries.values()} <= {"unchanged"}
