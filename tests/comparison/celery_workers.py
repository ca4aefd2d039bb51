"""A city taken in by Airflow with the Celery executor, Redis and two workers, and the end state compared with that of `jichu run`.

    uv sync --extra celery && apt-get install redis-server
    .venv/bin/python tests/comparison/celery_workers.py FOLDER [PERSONS]

Executor, Celery's settings, Redis's command and the worker's are read from docker-compose.yml; only addresses and secrets are this machine's.
Not part of `make test`: it needs Redis, and minutes. tests/dags/test_celery.py shows in seconds that a worker starts and runs a task.
"""

import json
import os
import secrets
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from pipeline_kit import content, differing

from etl import pipeline, platform
from etl.platform import airflow, departments, processes
from etl.platform.airflow_api import Api
from etl.platform.postgres import Cluster, free_port, port_in_use
from etl.settings import ROOT, Settings

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
WORKERS = ("worker-one", "worker-two")
# what a run writes down of its own course; letters to the owners with their tickets' states and the scores of their day, which the reports' DAG
# sends and `jichu run` does not; and what each database draws for itself
COURSE = {"ops.decision", "catalog.theme", "quality.letter", "quality.ticket", "quality.ticket_change", "quality.score", "mask.secret"}


def start_redis(home: Path) -> str:
    """Redis by the compose file's own command; returns the broker's URL."""
    password, port = secrets.token_hex(16), free_port()
    (home / "redis").mkdir(parents=True, exist_ok=True)
    (home / "redis.conf").write_text(f"requirepass {password}\nbind 127.0.0.1\nport {port}\n", encoding="ascii")
    places = {
        "redis-server": shutil.which("redis-server") or "",
        "/run/secrets/redis_conf": str(home / "redis.conf"),
        "/data": str(home / "redis"),
    }
    processes.start(home, "redis", [places.get(x, x) for x in COMPOSE["redis"]["command"]], dict(os.environ))
    processes.wait_or_explain(home, "redis", lambda: port_in_use(port), 20)
    return f"redis://:{password}@127.0.0.1:{port}/0"


def celery_settings(broker: str, metadata: str) -> dict[str, str]:
    """What the compose file sets otherwise than the embedded setting, with this machine's addresses."""
    told = COMPOSE["airflow-worker"]["environment"]
    plain = {
        k: v for k, v in told.items() if (k.startswith("AIRFLOW__CELERY_") or k == "AIRFLOW__CORE__EXECUTOR") and not k.endswith("_FILE")
    }
    plain["AIRFLOW__CELERY__WORKER_CONCURRENCY"] = "2"
    sqlalchemy = metadata.replace("postgresql://", "postgresql+psycopg2://", 1)
    return plain | {"AIRFLOW__CELERY__BROKER_URL": broker, "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{sqlalchemy}"}


@contextmanager
def environment(**changed: str) -> Iterator[None]:
    """Only these settings of ours, for a while."""
    kept = dict(os.environ)
    for name in [n for n in kept if n.startswith(("JICHU_", "AIRFLOW"))]:
        del os.environ[name]
    os.environ.update(changed)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def start_workers(settings: Settings, cluster: Cluster) -> None:
    """Both workers, each with a name and a log server of its own, as containers have."""
    connections = departments.connections(settings.home, cluster.server, departments=True)
    library = {"JICHU_DATABASE_URL": cluster.role_url("jichu", "jichu"), "JICHU_HOME": str(settings.home), "JICHU_DROP": str(settings.drop)}
    env = airflow.Airflow(settings.home, cluster.role_url("airflow", "airflow"), connections | library).prepared_environment()
    command = COMPOSE["airflow-worker"]["command"]
    for name in WORKERS:
        started = [str(Path(sys.executable).parent / command[0]), *command[1:], "--celery-hostname", f"{name}@here"]
        processes.start(settings.home, name, started, env | {"AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port())})


def by_celery(settings: Settings, persons: int) -> tuple[int, str, float, Counter[str]]:
    """Exit code, database, seconds and how many tasks each worker ran."""
    cluster = Cluster(settings.home, durable=False)
    cluster.start()
    metadata = cluster.role_url("airflow", "airflow")
    with environment(**celery_settings(start_redis(settings.home), metadata)):
        start_workers(settings, cluster)
        began = time.monotonic()
        code = platform.demo_run(settings, print, persons)
        took = time.monotonic() - began
        with Api(airflow.address(settings.home), airflow.USER, airflow.password(settings.home)) as api:
            print(f"DAG runs: {dict(Counter(r.state for r in api.runs(datetime(2018, 1, 1, tzinfo=UTC))))}")
    ran = Counter(
        name
        for name in WORKERS
        for line in (settings.home / "logs" / f"{name}.log").read_text(encoding="utf-8").splitlines()
        if "succeeded in" in line
    )
    return code, cluster.role_url("jichu", "jichu"), took, ran


def embedded(settings: Settings, cluster: Cluster) -> tuple[int, str, float]:
    """The same deliveries by one `jichu run` into another database of the same server."""
    cluster.make_library_database("embedded")
    url, home = cluster.role_url("jichu", "embedded"), settings.home / "embedded"
    home.mkdir(mode=0o711, exist_ok=True)
    connections = dict(x.split("=", 1) for x in (settings.home / "connections.env").read_text(encoding="utf-8").splitlines() if x)
    with environment(**connections, JICHU_DATABASE_URL=url, JICHU_HOME=str(home), JICHU_TODAY=str(settings.today), JICHU_MEMORY="1GB"):
        began = time.monotonic()
        code = pipeline.run(settings.home / "demo" / "drop").exit_code
    return code, url, time.monotonic() - began


def main(folder: Path, persons: int) -> int:
    """Prints both runs' seconds and what differs; 0 when nothing does and both workers had work."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    settings = Settings("", folder / "drop", folder, "duckdb", 1024, date(2018, 3, 1), 60, 1000)
    try:
        code, celery_url, celery_seconds, ran = by_celery(replace(settings, drop=folder / "demo" / "drop"), persons)
        airflow.stop(folder)
        for name in WORKERS:
            processes.stop(folder, name)
        other, embedded_url, seconds = embedded(settings, Cluster(folder, durable=False))
        one, two = content(celery_url, COURSE), content(embedded_url, COURSE)
        apart = differing(one, two)
        rows = sum(map(len, one.values()))
        told = {
            "persons": persons,
            "celery_seconds": round(celery_seconds),
            "embedded_seconds": round(seconds),
            "exit": [code, other],
            "tasks": dict(ran),
        }
        print(json.dumps(told | {"tables": len(one), "rows": rows, "differing": apart}, ensure_ascii=False))
        return int(bool(code or other or apart or len(ran) < len(WORKERS)))
    finally:  # everything ends; the folder, with its logs, is left to whoever named it
        for name in WORKERS:
            processes.stop(folder, name)
        platform.down(settings, print)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 300))
