"""Fixtures of the pipeline's own tests: a migrated database for each, and a tiny city that delivers into it."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline_kit import City, Service, execute
from three_days_kit import three_days  # noqa: F401  # a fixture of this folder

from etl import migrate
from etl.platform.postgres import Cluster
from etl.settings import Settings, load

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def migrated_template(postgis_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database of the newest shape, to copy."""
    postgis_cluster.server.create_database("migrated", "jichu", template="pristine")
    folder = tmp_path_factory.mktemp("migrating")
    url = postgis_cluster.role_url("jichu", "migrated")
    migrate.migrate(Settings(url, folder, folder, "duckdb", 512, load(as_of="2018-03-01").today, 30.0, 1000))
    return "migrated"


@pytest.fixture(scope="module")
def new_database(postgis_cluster: Cluster, migrated_template: str) -> Iterator["Databases"]:
    """Makes migrated databases (0.1 s each); they are dropped at the end of the module."""
    made = Databases(postgis_cluster, migrated_template)
    yield made
    made.drop()


class Databases:
    """Migrated databases, each with an identity of its own."""

    def __init__(self, cluster: Cluster, template: str):
        self._cluster, self._template, self._names = cluster, template, list[str]()

    def __call__(self) -> str:
        name = f"city_{next(_numbers)}"
        self._cluster.server.create_database(name, "jichu", template=self._template)
        self._names.append(name)
        url = self._cluster.role_url("jichu", name)
        execute(url, "update ops.instance set id = gen_random_uuid()")
        return url

    def drop(self) -> None:
        for name in self._names:
            self._cluster.server.drop_database(name)


@pytest.fixture
def city(new_database: Databases, tmp_path: Path) -> City:
    """A city without any delivery, before its first run."""
    return City(tmp_path / "drop", tmp_path / "home", new_database())


@pytest.fixture
def service() -> Iterator[Service]:
    """A department's API that answers."""
    made = Service()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture(scope="session")
def department_database(postgis_cluster: Cluster) -> Iterator[str]:
    """The PostgreSQL database of a department; `fill_register` makes its table anew."""
    name = f"department_{next(_numbers)}"
    postgis_cluster.server.create_database(name, "jichu")
    yield postgis_cluster.role_url("jichu", name)
    postgis_cluster.server.drop_database(name)
