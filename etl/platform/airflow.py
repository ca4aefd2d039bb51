"""Airflow beside the embedded database: its settings, its four processes, healthy or explained.

docker-compose.yml runs the same commands with the same settings; only where secrets come from differs.
"""

import base64
import hashlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import httpx
import psycopg2

from etl import metrics
from etl.errors import JichuError
from etl.platform import processes
from etl.platform.airflow_api import Api
from etl.platform.postgres import free_port, port_in_use, secret, write_secret
from etl.settings import ROOT

COMMANDS = {
    "airflow-api-server": ["airflow", "api-server"],
    "airflow-scheduler": ["airflow", "scheduler"],
    "airflow-dag-processor": ["airflow", "dag-processor"],
    "airflow-triggerer": ["airflow", "triggerer"],
}
SETTINGS = {
    "AIRFLOW__CORE__EXECUTOR": "etl.platform.executor.WarmLocalExecutor",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DEFAULT_TIMEZONE": "Asia/Shanghai",
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "10",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "120",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_TO_CREATE_PER_LOOP": "50",
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE": "100",
    "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
    "AIRFLOW__API__EXPOSE_CONFIG": "False",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "TZ": "Asia/Shanghai",
}
USER = "admin"
ATTEMPTS = 3  # to find a port that nobody takes between choosing and listening
HEALTHY_PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


@dataclass(frozen=True)
class Airflow:
    """The Airflow of one JICHU_HOME. `database` is the libpq URL of its metadata, `extra` goes into every process's
    environment (connections, JICHU_*)."""

    home: Path
    database: str
    extra: Mapping[str, str]

    @property
    def folder(self) -> Path:
        return self.home / "airflow"

    @property
    def address(self) -> str:
        return address(self.home)

    def start(self, seconds: float = 180, *, abandon: bool = False) -> None:
        """Starts what does not run, and returns when all four parts call themselves healthy.

        Processes that run with other settings or older code are started anew: the workers imported it before they forked.
        abandon: fail the runs that were cut off when Airflow last ended, instead of resuming them minutes later.
        """
        for _ in range(ATTEMPTS - 1):
            try:
                return self._start(seconds, abandon)
            except JichuError:
                if not self._robbed():
                    raise
                stop(self.home)  # the next environment has another port
        return self._start(seconds, abandon)

    def _start(self, seconds: float, abandon: bool) -> None:
        env, stamp = self.prepared_environment(), self.folder / "started_with"
        wanted = _fingerprint(env)
        if stamp.exists() and stamp.read_text(encoding="ascii") != wanted:
            stop(self.home)
        running = all(processes.running(self.home, name) for name in COMMANDS)
        if not running and not self._migrated():
            self._migrate(env)
        stamp.write_text(wanted, encoding="ascii")
        if abandon and not running and _cut_off(self.database):
            self._launch(["airflow-api-server"], env, seconds)  # before the scheduler, which would take the runs up
            self._abandon()
        self._launch(list(COMMANDS), env, seconds)

    def _launch(self, names: list[str], env: Mapping[str, str], seconds: float) -> None:
        for name in names:
            processes.start(self.home, name, [_binary(COMMANDS[name][0]), *COMMANDS[name][1:]], env)
        for name in names:
            processes.wait_or_explain(self.home, name, lambda: self._ready(_PART[name]), seconds)  # noqa: B023

    def _ready(self, part: str) -> bool:
        """Whether a part is healthy and says so itself: another Airflow may have taken the port since we chose it."""
        return healthy(self.address, part) and accepts(self.address, password(self.home))

    def _robbed(self) -> bool:
        """Whether our page ended because its port is somebody else's by now."""
        return processes.running(self.home, "airflow-api-server") is None and port_in_use(_port(self.home))

    def _abandon(self) -> None:
        with Api(self.address, USER, password(self.home)) as api:
            api.abandon_active()

    def prepared_environment(self) -> dict[str, str]:
        """The whole environment of an Airflow process, its ports and secrets made; the caller's own AIRFLOW__… settings outrank ours."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._prepare()
        ports = json.loads((self.folder / "ports.json").read_text(encoding="ascii"))
        sqlalchemy = self.database.replace("postgresql://", "postgresql+psycopg2://", 1)
        here = f"http://127.0.0.1:{ports['api']}"
        ours = SETTINGS | {
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PARALLELISM": str(parallelism()),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{here}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.folder / "passwords.json"),
            "AIRFLOW__CORE__FERNET_KEY": secret(self.folder / "fernet_key"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": sqlalchemy,
            "AIRFLOW__API_AUTH__JWT_SECRET": secret(self.folder / "jwt_secret", 32),
            "AIRFLOW__API__SECRET_KEY": secret(self.folder / "secret_key"),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(ports["api"]),
            "AIRFLOW__API__BASE_URL": here,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(ports["worker_log"]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports["trigger_log"]),
        }
        theirs = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
        return (
            ours
            | _watched(theirs)
            | theirs
            | {"AIRFLOW_HOME": str(self.folder), "JICHU_MEMORY": _memory()}
            | _direct(theirs)
            | dict(self.extra)
        )

    def _prepare(self) -> None:
        """Ports, keys and the admin's password, made on first use."""
        if not (self.folder / "fernet_key").exists():
            write_secret(self.folder / "fernet_key", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
        if not (self.folder / "passwords.json").exists():
            write_secret(self.folder / "passwords.json", json.dumps({USER: secrets.token_hex(8)}))
        running = processes.running(self.home, "airflow-api-server") is not None
        if not running and (not (self.folder / "ports.json").exists() or port_in_use(_port(self.home))):
            wanted = 8080 if not port_in_use(8080) else free_port()
            ports = {"api": wanted, "worker_log": free_port(), "trigger_log": free_port()}
            (self.folder / "ports.json").write_text(json.dumps(ports), encoding="ascii")

    def _migrated(self) -> bool:
        """Whether this Airflow version migrated this very database."""
        stamp = self.folder / "migrated"
        return stamp.exists() and stamp.read_text(encoding="ascii") == f"{version('apache-airflow')} {_revision(self.database)}"

    def _migrate(self, env: Mapping[str, str]) -> None:
        log = self.home / "logs" / "airflow-db-migrate.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as f:
            done = subprocess.run(
                [_binary("airflow"), "db", "migrate"], env=dict(env), stdout=f, stderr=f, stdin=subprocess.DEVNULL, check=False
            )
        if done.returncode:
            raise JichuError(f"Airflow 元数据库没有建成，原因见 {log}")
        stamp = f"{version('apache-airflow')} {_revision(self.database)}"
        (self.folder / "migrated").write_text(stamp, encoding="ascii")


_PART = dict(zip(COMMANDS, ("metadatabase", "scheduler", "dag_processor", "triggerer"), strict=True))


def stop(home: Path) -> bool:
    """Ends all Airflow processes of this JICHU_HOME; True when there were any. The scheduler first: it starts tasks."""
    order = ("airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-api-server")
    stopped = [processes.stop(home, name, seconds=30) for name in order]
    return any(stopped)


def address(home: Path) -> str:
    """Where the Airflow page is."""
    return f"http://127.0.0.1:{_port(home)}"


def password(home: Path) -> str:
    """The password of the user `admin`."""
    known: dict[str, str] = json.loads((home / "airflow" / "passwords.json").read_text(encoding="utf-8"))
    return known[USER]


def healthy(where: str, *parts: str) -> bool:
    """Whether these parts (all of them when none is named) report that they are healthy."""
    try:
        answer = httpx.get(f"{where}/api/v2/monitor/health", timeout=5, trust_env=False)
        body = answer.json()
    except (httpx.HTTPError, ValueError):
        return False
    return answer.status_code == 200 and all((body.get(p) or {}).get("status") == "healthy" for p in parts or HEALTHY_PARTS)


def accepts(where: str, secret_word: str) -> bool:
    """Whether the Airflow at this address knows the admin by this password: then it is the one we started."""
    try:
        answer = httpx.post(f"{where}/auth/token", json={"username": USER, "password": secret_word}, timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.is_success


def parallelism() -> int:
    """Tasks at once: one more than there are cores, since one of them mostly waits for the database."""
    return min(9, (os.cpu_count() or 2) + 1)


def _memory() -> str:
    """The ceiling of one task: its share of 60 % of the machine's memory, at most 4 GB; JICHU_MEMORY outranks it."""
    if given := os.environ.get("JICHU_MEMORY"):
        return given
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2
    return f"{max(512, min(4096, int(whole * 0.6 / parallelism())))}MB"


def _direct(env: Mapping[str, str]) -> dict[str, str]:
    """Tasks reach Airflow's own API on the loopback, never through the site's proxy."""
    known = env.get("no_proxy") or env.get("NO_PROXY") or ""
    value = ",".join(dict.fromkeys([*filter(None, known.split(",")), "localhost", "127.0.0.1"]))
    return {"no_proxy": value, "NO_PROXY": value}


def _watched(env: Mapping[str, str]) -> dict[str, str]:
    """Airflow's own metrics go where ours go, and its log is in the form of ours; its own settings outrank this."""
    found = {}
    if any(env.get(name) for name in metrics.ENDPOINTS):
        found["AIRFLOW__METRICS__OTEL_ON"] = "True"
    if (env.get("JICHU_LOG_FORMAT") or "").lower() == "json":
        found["AIRFLOW__LOGGING__JSON_LOGS"] = "True"
    return found


def _fingerprint(env: Mapping[str, str]) -> str:
    """Changes with Airflow's and our settings, and with our code."""
    settings = sorted((k, v) for k, v in env.items() if k.startswith(("AIRFLOW", "JICHU", "OTEL", "OPENLINEAGE")))
    code = sorted((str(p), p.stat().st_mtime_ns) for p in (ROOT / "etl").rglob("*.py"))
    return hashlib.sha256(repr((settings, code)).encode()).hexdigest()


def _binary(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _port(home: Path) -> int:
    return int(json.loads((home / "airflow" / "ports.json").read_text(encoding="ascii"))["api"])


def _cut_off(database: str) -> bool:
    """Whether runs call themselves queued or running while nothing runs."""
    connection = psycopg2.connect(database)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select exists (select from dag_run where state in ('queued', 'running'))")
            return cursor.fetchone() == (True,)
    finally:
        connection.close()


def _revision(database: str) -> str:
    """The metadata's migration, empty when there is none."""
    connection = psycopg2.connect(database)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select to_regclass('alembic_version') is not null")
            if cursor.fetchone() != (True,):
                return ""
            cursor.execute("select version_num from alembic_version")
            row = cursor.fetchone()
            return str(row[0]) if row else ""
    finally:
        connection.close()
