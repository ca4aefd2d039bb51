"""Airflow dies in the middle, all of it, with its tasks: `make run` again comes to the end, and to what a plain `jichu run` comes to."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from pipeline_kit import City, execute
from world import checksums, differing

from etl.platform import processes, services
from etl.platform.postgres import Cluster
from etl.settings import ROOT, load

pytestmark = [pytest.mark.faults, pytest.mark.timeout(7200)]
PERSONS = 150
MAKE_RUN = (
    "import sys; from etl import platform; from etl.settings import load; sys.exit(platform.demo_run(load(), print, int(sys.argv[1])))"
)
# what a person relies on; tickets and scores number and date themselves by the order in which the scheduler got round to them
RELIED_ON = ("population", "legal_entity", "geospatial", "statistics", "credit", "certificate", "registry", "staging", "match")
RELIED_ON_TOO = ("ops.delivery", "quality.quarantine", "quality.finding", "quality.disagreement")


@pytest.fixture
def home() -> Iterator[Path]:
    """A JICHU_HOME of its own, with all its services ended afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"jichu-test-{os.getpid()}-"))
    folder.chmod(0o711)
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith(("JICHU_", "AIRFLOW"))]:
            patch.delenv(name)
        patch.setenv("JICHU_HOME", str(folder))
        yield folder
        services.clean(load(), print)
    shutil.rmtree(folder, ignore_errors=True)


def make_run(log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as f:
        return subprocess.Popen([sys.executable, "-c", MAKE_RUN, str(PERSONS)], cwd=ROOT, stdout=f, stderr=f)


def loaded(home: Path) -> int:
    """Deliveries on the books so far."""
    try:
        return int(execute(Cluster(home).role_url("jichu", "jichu"), "select count(*) from ops.delivery")[0][0])
    except (psycopg2.Error, OSError, ValueError):
        return 0


def kill_airflow(home: Path) -> int:
    """kill -9 of every process of Airflow's sessions, tasks too."""
    ended = 0
    for name in ("airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-api-server"):
        leader = processes.running(home, name)
        for folder in Path("/proc").iterdir() if leader else ():
            if folder.name.isdigit():
                fields = (
                    (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                    if (folder / "stat").exists()
                    else []
                )
                if fields and int(fields[3]) == leader:
                    os.kill(int(folder.name), signal.SIGKILL)
                    ended += 1
    return ended


def test_airflow_killed_with_its_tasks_and_started_again(home: Path, postgis_cluster: Cluster, tmp_path: Path, told: list[str]) -> None:
    for target in (12, 60):  # deliveries on the books when it dies
        run = make_run(tmp_path / f"run{target}.log")
        until = time.monotonic() + 1800
        while loaded(home) < target and run.poll() is None and time.monotonic() < until:
            time.sleep(0.5)
        assert run.poll() is None, (tmp_path / f"run{target}.log").read_text(encoding="utf-8")[-3000:]
        ended = kill_airflow(home)
        run.kill()
        run.wait()
        told.append(f"airflow: {ended} processes killed with {loaded(home)} deliveries on the books")
    assert make_run(tmp_path / "last.log").wait(3600) == 0, (tmp_path / "last.log").read_text(encoding="utf-8")[-3000:]

    postgis_cluster.make_library_database("without_airflow")
    plain = City(home / "demo" / "drop", tmp_path / "home", postgis_cluster.role_url("jichu", "without_airflow"), "2018-03-01")
    for line in (home / "connections.env").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name.startswith("AIRFLOW_CONN_") and "SMTP" not in name:
            plain.extra[name] = value.strip("'\"")
    code, out, err = plain.command("run")
    assert code in (0, 3), out + err
    expected, found = checksums(plain.url), checksums(Cluster(home).role_url("jichu", "jichu"))
    relied = [t for t in expected if t.split(".")[0] in RELIED_ON or t in RELIED_ON_TOO]
    assert len(relied) > 50
    different = differing({t: expected[t] for t in relied}, {t: found.get(t, (0, "")) for t in relied})
    assert not different, different
    told.append(f"airflow: {len(relied)} tables equal to those of a plain jichu run")
