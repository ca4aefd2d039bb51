"""A dataset's DAG and a library's DAG, run by Airflow's own `dag.test()` on a real PostGIS."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from etl import demo
from etl.settings import ROOT

DATASET = "statistics_bureau/monthly_indicators"
RUN = """
import json, runpy, sys
from airflow.sdk import DAG
file, dag_id, conf = sys.argv[1:]
found = [d for d in runpy.run_path(file).values() if isinstance(d, DAG) and d.dag_id == dag_id]
run = found[0].test(run_conf=json.loads(conf))
task = run.get_task_instances()[0]
print("RESULT " + json.dumps({"state": str(run.state), "value": task.xcom_pull(task_ids=task.task_id)}))
"""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest city's statistics, as delivered."""
    folder = tmp_path_factory.mktemp("city")
    demo.generate(100, 7, folder / "city", days=1, datasets=[DATASET])
    return folder / "city" / "drop"


def _run(file: str, dag_id: str, conf: dict[str, Any], env: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-c", RUN, str(ROOT / "dags" / file), dag_id, json.dumps(conf)]
    done = subprocess.run(command, env=os.environ | env, capture_output=True, text=True, check=False)
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert results, done.stdout[-3000:] + done.stderr[-3000:]
    return dict(json.loads(results[-1].removeprefix("RESULT ")))


def _rows(url: str, query: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()
    finally:
        connection.close()


def test_a_dataset_dag_and_a_library_dag_load_and_publish(
    city: Path, empty_database: str, jichu_home: Path, airflow_environment: dict[str, str]
) -> None:
    env = airflow_environment | {"JICHU_DATABASE_URL": empty_database, "JICHU_HOME": str(jichu_home), "JICHU_DROP": str(city)}
    dag_id = DATASET.replace("/", ".")

    loaded = _run("departments.py", dag_id, {"as_of": "2018-03-01"}, env)
    assert loaded["state"] == "success"
    (delivery,) = loaded["value"]["deliveries"]
    assert delivery["state"] == "loaded"
    assert delivery["rows_in"] > 0
    booked = _rows(empty_database, "select dataset, state, rows_in from ops.delivery")
    assert booked == [(DATASET, "loaded", delivery["rows_in"])]

    again = _run("departments.py", dag_id, {"as_of": "2018-03-01"}, env)
    assert again["value"]["deliveries"] == [], "nothing is loaded twice"

    published = _run("libraries.py", "library.statistics", {"as_of": "2018-03-01"}, env)
    assert (published["state"], published["value"]["state"]) == ("success", "published")
    assert _rows(empty_database, "select count(*) > 0 from statistics.observation") == [(True,)]
