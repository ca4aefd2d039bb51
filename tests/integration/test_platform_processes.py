"""Background processes: started once, recorded, and ended with everything they started."""

import os
import sys
import time
from pathlib import Path

import pytest

from etl.errors import JichuError
from etl.platform import processes

CHILDREN = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
print("ready", flush=True)
time.sleep(600)
"""


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def _session(pid: int) -> list[str]:
    found = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[3] == str(pid) and fields[0] != "Z":
            found.append(p)
    return found


def test_a_running_service_is_not_started_twice(jichu_home: Path) -> None:
    first = processes.start(jichu_home, "sleeper", _python("import time; time.sleep(600)"), os.environ)
    try:
        assert processes.start(jichu_home, "sleeper", _python("raise SystemExit"), os.environ) == first
        assert processes.running(jichu_home, "sleeper") == first
    finally:
        assert processes.stop(jichu_home, "sleeper")
    assert processes.running(jichu_home, "sleeper") is None
    assert not processes.stop(jichu_home, "sleeper"), "stopping twice is no error"


def test_stopping_leaves_no_descendant_not_even_one_that_ignores_the_signal(jichu_home: Path) -> None:
    pid = processes.start(jichu_home, "parent", _python(CHILDREN), os.environ)
    log = jichu_home / "logs" / "parent.log"
    assert processes.wait(lambda: log.exists() and "ready" in log.read_text(), 20)
    time.sleep(0.3)
    assert len(_session(pid)) == 3
    processes.stop(jichu_home, "parent", seconds=1)
    assert _session(pid) == []
    assert list((jichu_home / "run").iterdir()) == []


def test_descendants_are_ended_when_the_leader_is_gone_already(jichu_home: Path) -> None:
    orphaning = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    pid = processes.start(jichu_home, "gone", _python(orphaning), os.environ)
    assert processes.wait(lambda: processes.running(jichu_home, "gone") is None, 20)
    assert len(_session(pid)) == 1
    assert processes.stop(jichu_home, "gone", seconds=5)
    assert _session(pid) == []


def test_a_recycled_process_id_is_not_taken_for_ours(jichu_home: Path) -> None:
    (jichu_home / "run").mkdir()
    (jichu_home / "run" / "other.pid").write_text(f"{os.getpid()} 1\n")
    assert processes.running(jichu_home, "other") is None
    assert not processes.stop(jichu_home, "other"), "this very test would have been ended"


def test_a_service_that_dies_at_once_is_explained_by_its_log(jichu_home: Path) -> None:
    processes.start(jichu_home, "broken", _python("raise SystemExit('no port')"), os.environ)
    with pytest.raises(JichuError, match=r"broken.*broken\.log"):
        processes.wait_or_explain(jichu_home, "broken", lambda: False, 20)
    assert "no port" in (jichu_home / "logs" / "broken.log").read_text()
