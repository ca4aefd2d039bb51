"""One demo city, two weeks, loaded by DuckDB alone and by Spark with DuckDB in its executors: every table the same, row by row."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pipeline_kit import City, Service, content, differing, execute

from etl import migrate
from etl.demo import generate
from etl.platform.postgres import Cluster, binaries
from etl.settings import Settings, load
from etl.spread import cluster as spark_cluster

PERSONS, SEED, HARSHNESS = 400, 5, 2.0
DAYS = ("2018-03-01", "2018-03-08")
ENGINES = ("duckdb", "spark")
FEWEST = 150  # rows from which a work is handed out: a good part of all rows, and the whole linkage


@dataclass
class Loaded:
    """The city of each engine, and the works that Spark was given."""

    cities: dict[str, City]
    handed_out: list[str]


@pytest.fixture(scope="module")
def loaded(postgis_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """Both weeks, first with DuckDB, then with Spark: local[2], whatever has `FEWEST` rows handed out in several parts."""
    folder, service = tmp_path_factory.mktemp("two_engines"), Service()
    generate(persons=PERSONS, seed=SEED, out=folder / "made", days=len(DAYS), harshness=HARSHNESS)
    cities = {engine: _city(postgis_cluster, folder / engine, engine, service) for engine in ENGINES}
    handed_out: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        real = spark_cluster._done
        patch.setattr(spark_cluster, "_done", lambda spark, job: (handed_out.append(Path(job.shelf.url).name), real(spark, job))[1])
        try:
            for k, day in enumerate(DAYS):
                made = folder / "made" / ("drop" if k == 0 else f"drop_day{k}")
                for city in cities.values():
                    _deliver(postgis_cluster, city, made, service)
                    assert city.run(today=day).failures == {}
            yield Loaded(cities, handed_out)
        finally:
            service.shutdown()
            service.server_close()
            for name in [*ENGINES, *_departments]:
                postgis_cluster.server.drop_database(name)


_departments: set[str] = set()


def _city(cluster: Cluster, folder: Path, engine: str, service: Service) -> City:
    cluster.server.create_database(engine, "jichu", template="pristine")
    url = cluster.role_url("jichu", engine)
    migrate.migrate(Settings(url, folder, folder, "duckdb", 512, load(as_of=DAYS[0]).today, 30.0, 1000))
    city = City(folder / "drop", folder / "home", url)
    city.extra |= {"JICHU_ENGINE": engine, "JICHU_SPARK_MASTER": "local[2]", "JICHU_SPARK_FROM": str(FEWEST), "JICHU_MEMORY": "2GB"}
    city.extra["AIRFLOW_CONN_MARKET_REGULATION"] = service.connection
    return city


def _deliver(cluster: Cluster, city: City, made: Path, service: Service) -> None:
    """The files join the drop folder; the departments' databases and the API are in their new state."""
    shutil.copytree(made, city.drop, dirs_exist_ok=True)
    for dump in sorted(made.glob("*/database.sql")):
        name = f"of_{dump.parent.name}"
        cluster.server.drop_database(name)
        cluster.server.create_database(name, "jichu")
        _departments.add(name)
        command = [str(binaries() / "psql"), "-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", cluster.role_url("jichu", name), "-f", str(dump)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        city.extra[f"AIRFLOW_CONN_{dump.parent.name.upper()}"] = cluster.role_url("jichu", name).replace("postgresql", "postgres", 1)
    for file in sorted(made.glob("*/api/*.jsonl")):
        service.records[file.stem] = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def test_spark_was_given_every_kind_of_work(loaded: Loaded) -> None:
    assert {name.rpartition("-")[0] for name in loaded.handed_out} == {"clean", "account", "address", "score"}


def test_both_engines_fill_every_table_with_the_same_rows(loaded: Loaded) -> None:
    one, other = (content(loaded.cities[engine].url, skip={"mask.secret"}, also_volatile={"ticket"}) for engine in ENGINES)
    assert sum(map(len, one.values())) > 10_000
    assert differing(one, other) == {}


def test_blocking_and_its_budget_count_the_same_pairs(loaded: Loaded) -> None:
    told = "select library, stage, rule, pairs, refused_pairs from match.blocking order by 1, 2, 3, 4, 5"  # of two weeks
    assert execute(loaded.cities["duckdb"].url, told) == execute(loaded.cities["spark"].url, told)
