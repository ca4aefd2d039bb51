"""A dataset's DAG and a library's DAG, run by Airflow's own `dag.test()` on a real PostGIS."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from etl import demo
from etl.settings import ROOT

DATASET = "statistics_bureau/monthly_indicators"
RUN = """
import json, os, runpy, sys
from airflow.sdk import DAG
for file, dag_id in json.loads(sys.argv[1]):
    os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id  # as a worker does, so that one DAG is built and not a hundred
    found = [d for d in runpy.run_path(file).values() if isinstance(d, DAG) and d.dag_id == dag_id]
    found[0].tasks[0].retries = 0  # a failure shall be seen now, not in five minutes
    run = found[0].test(run_conf={"as_of": "2018-03-01"})
    task = run.get_task_instances()[0]
    print("RESULT " + json.dumps({"state": str(run.state), "value": task.xcom_pull(task_ids=task.task_id)}), flush=True)
"""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest city's statistics, as delivered."""
    folder = tmp_path_factory.mktemp("city")
    demo.generate(100, 7, folder / "city", days=1, datasets=[DATASET])
    return folder / "city" / "drop"


def _run(env: dict[str, str], *dags: tuple[str, str]) -> list[dict[str, Any]]:
    """Runs DAGs (file, id) one after the other in one process; returns each run's state and its task's value."""
    command = [sys.executable, "-c", RUN, json.dumps([(str(ROOT / "dags" / file), dag_id) for file, dag_id in dags])]
    done = subprocess.run(command, env=os.environ | env, capture_output=True, text=True, check=False)
    results = [json.loads(x.removeprefix("RESULT ")) for x in done.stdout.splitlines() if x.startswith("RESULT ")]
    assert len(results) == len(dags), done.stdout[-3000:] + done.stderr[-3000:]
    return results


def _rows(url: str, query: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()
    finally:
        connection.close()


def test_a_dataset_dag_and_a_library_dag_load_and_publish(
    city: Path, empty_database: str, jichu_home: Path, airflow_environment: dict[str, str], receiver: Any
) -> None:
    env = airflow_environment | {"JICHU_DATABASE_URL": empty_database, "JICHU_HOME": str(jichu_home), "JICHU_DROP": str(city)}
    env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.address, "AIRFLOW__METRICS__OTEL_ON": "True", "OPENLINEAGE_URL": receiver.address}
    dataset = ("departments.py", DATASET.replace("/", "."))
    loaded, again, published = _run(env, dataset, dataset, ("libraries.py", "library.statistics"))

    assert loaded["state"] == "success"
    (delivery,) = loaded["value"]["deliveries"]
    assert delivery["state"] == "loaded"
    assert delivery["rows_in"] > 0
    booked = _rows(empty_database, "select dataset, state, rows_in from ops.delivery")
    assert booked == [(DATASET, "loaded", delivery["rows_in"])]
    assert again["value"]["deliveries"] == [], "nothing is loaded twice"

    assert (published["state"], published["value"]["state"]) == ("success", "published")
    assert _rows(empty_database, "select count(*) > 0 from statistics.observation") == [(True,)]

    _is_watched(receiver)


def _is_watched(receiver: Any) -> None:
    """Airflow's own metrics and ours came to one collector; our lineage names Airflow's task as its parent, by Airflow's own run id."""
    told = [ExportMetricsServiceRequest.FromString(b) for b in receiver.bodies("/v1/metrics")]
    names = {m.name for r in told for resource in r.resource_metrics for scope in resource.scope_metrics for m in scope.metrics}
    assert {"jichu_delivered_rows", "jichu_library_age_seconds"} <= names
    assert [n for n in names if n.startswith("airflow.")]
    events = [json.loads(b) for b in receiver.bodies("/api/v1/lineage")]
    ours = {e["job"]["name"]: e for e in events if e["eventType"] == "COMPLETE" and e["job"]["namespace"] == "jichu"}
    assert {f"load.{DATASET}", "publish.statistics"} <= set(ours)
    parent = ours[f"load.{DATASET}"]["run"]["facets"]["parent"]
    assert parent["job"]["name"] == f"{DATASET.replace('/', '.')}.ingest"
    assert parent["run"]["runId"] in {e["run"]["runId"] for e in events if e["job"]["name"] == parent["job"]["name"]}
