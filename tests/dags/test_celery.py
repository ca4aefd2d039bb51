"""A server's worker: starts with the compose file's settings, warm, answers its health check, and runs what stands in the queue.

The queue is a folder here, Redis on a server; tests/comparison/celery_workers.py runs the whole city through Redis and two workers.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from etl.platform.postgres import free_port
from etl.settings import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]
WORKER = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["airflow-worker"]
ASK = """
from celery.app.builtins import add_accumulate_task
from airflow.providers.celery.executors.celery_executor import app
add_accumulate_task(app)
print(app.send_task("celery.accumulate", args=(1, 2, 3), queue="default").get(timeout=200))
"""
WARM = """
from celery.signals import worker_init
from etl.platform import celery_settings
worker_init.send(sender=None)
import sys
print({"etl.pipeline", "great_expectations", "duckdb"} <= sys.modules.keys())
"""


@pytest.fixture(scope="module")
def server(airflow_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a worker: the embedded one, and what the compose file sets otherwise; the queue is a folder."""
    folder = tmp_path_factory.mktemp("queue")
    told = {k: v for k, v in WORKER["environment"].items() if k.startswith("AIRFLOW__CELERY_") and not k.endswith("_FILE")}
    told |= {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "1",
        "AIRFLOW__CELERY__BROKER_URL": "filesystem://",
    }
    told["AIRFLOW__CELERY__RESULT_BACKEND"] = f"db+{airflow_environment['AIRFLOW__DATABASE__SQL_ALCHEMY_CONN']}"
    told |= {
        f"AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__{n.upper()}": str(folder)
        for n in ("data_folder_in", "data_folder_out", "control_folder")
    }
    told["AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT"] = str(free_port())
    return {**os.environ, **airflow_environment, **told}


@pytest.fixture(scope="module")
def worker(server: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The worker by the compose file's own command; gives its log. Its whole session ends afterwards."""
    log = tmp_path_factory.mktemp("worker") / "log"
    command = [str(Path(sys.executable).parent / WORKER["command"][0]), *WORKER["command"][1:]]
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            command, env=server, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=log.parent, start_new_session=True
        )
    try:
        yield log
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _said(code: str, env: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False, timeout=260)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


def test_a_worker_starts_and_runs_what_stands_in_the_queue(server: dict[str, str], worker: Path) -> None:
    assert _said(ASK, server) == "(1, 2, 3)", worker.read_text(encoding="utf-8")


def test_a_worker_imports_the_pipeline_before_it_forks(server: dict[str, str]) -> None:
    assert _said(WARM, server) == "True"


def test_the_health_check_has_the_queues_password(server: dict[str, str]) -> None:
    """A check runs beside the entry point, not below it: without with-secrets.sh it would know neither queue nor password."""
    check = WORKER["healthcheck"]["test"]
    assert check[:2] == ["CMD", "/opt/jichu/etl/platform/with-secrets.sh"]
    assert "inspect ping" in check[-1]
