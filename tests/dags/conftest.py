"""Airflow for tests: its home in a scratch folder, its metadata in the session's PostgreSQL server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.platform import airflow
from etl.platform.postgres import Cluster


@pytest.fixture(scope="session")
def airflow_environment(postgis_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of an Airflow process with a migrated metadata database; nothing of it runs."""
    home = tmp_path_factory.mktemp("airflow-home")
    made = airflow.Airflow(home, postgis_cluster.role_url("airflow", "airflow"), {"JICHU_HOME": str(home)})
    env = made.prepared_environment() | {"AIRFLOW__CORE__UNIT_TEST_MODE": "False"}
    migrate = [str(Path(sys.executable).parent / "airflow"), "db", "migrate"]
    subprocess.run(migrate, env=env, check=True, capture_output=True, text=True)
    yield {k: v for k, v in env.items() if os.environ.get(k) != v}
