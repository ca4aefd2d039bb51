"""A piece of work in a process of its own: wall time, processor time, and the peak memory of its process tree and of PostgreSQL's."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl.errors import JichuError
from etl.settings import ROOT

EVERY = 0.1  # seconds between two looks at the memory
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024**2
LAST_LINES = 15  # of a side that failed


@dataclass(frozen=True)
class Measured:
    """What one side took. seconds: wall, with its imports; cpu: of its process tree, without PostgreSQL; peak_mb: resident memory of its
    process tree; postgres_mb: private memory of all servers' processes together and the shared buffers once."""

    seconds: float
    cpu: float
    peak_mb: float
    postgres_mb: float
    told: dict[str, Any] = field(default_factory=dict)
    code: int = 0


def side(name: str, given: Mapping[str, Any], environment: Mapping[str, str], postmaster: int | None = None) -> Measured:
    """Runs `etl.bench.side NAME` with `given` as JSON on its input; what it tells is the JSON that it writes."""
    return process([sys.executable, "-m", "etl.bench.side", name], environment, postmaster, json.dumps(dict(given)))


def process(
    command: Sequence[str], environment: Mapping[str, str], postmaster: int | None = None, given: str = "", codes: tuple[int, ...] = (0,)
) -> Measured:
    """Runs a command to its end and watches its memory. Raises JichuError with its last words when its exit code is none of `codes`."""
    with tempfile.TemporaryDirectory() as folder:
        told, said = Path(folder) / "told.json", Path(folder) / "said.txt"
        began = time.monotonic()
        with said.open("wb") as out:
            child = subprocess.Popen(
                list(command), cwd=ROOT, env={**environment, "BENCH_TOLD": str(told)}, stdin=subprocess.PIPE, stdout=out, stderr=out
            )
            watch = Watch(child.pid, postmaster)
            watch.start()
            with suppress(BrokenPipeError):
                child.stdin.write(given.encode()) if child.stdin else None
                child.stdin.close() if child.stdin else None
            try:
                _, status, usage = os.wait4(child.pid, 0)
            except KeyboardInterrupt:
                child.kill()
                child.wait()
                raise
            finally:
                watch.stop()
        seconds, code = time.monotonic() - began, os.waitstatus_to_exitcode(status)
        child.returncode = code
        if code not in codes:
            last = "\n".join(said.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:])
            raise JichuError(f"{' '.join(command[2:])} 以 {code} 结束：\n{last}")
        answer = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}
    # (not ru_maxrss: a child begins its life with the memory of its parent)
    return Measured(round(seconds, 2), round(usage.ru_utime + usage.ru_stime, 2), round(watch.peak), round(watch.postgres), answer, code)


def tell(answer: Mapping[str, Any]) -> None:
    """What a side found, for the process that started it."""
    Path(os.environ["BENCH_TOLD"]).write_text(json.dumps(dict(answer)), encoding="utf-8")


class Watch(threading.Thread):
    """Looks at two process trees until it is stopped: a side's, and a PostgreSQL server's."""

    def __init__(self, root: int, postmaster: int | None) -> None:
        super().__init__(daemon=True)
        self.root, self.postmaster = root, postmaster
        self.peak = self.postgres = 0.0
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(EVERY):
            children = _children()
            self.peak = max(self.peak, sum(resident(pid) for pid in tree(self.root, children)), highest(self.root))
            if self.postmaster:
                parts = [anonymous_and_shared(pid) for pid in tree(self.postmaster, children)]
                total = sum(own for own, _ in parts) + max((shared for _, shared in parts), default=0)
                self.postgres = max(self.postgres, total)

    def stop(self) -> None:
        """Ends the watch."""
        self._done.set()
        self.join()


def _children() -> dict[int, list[int]]:
    """Parent → children, of every process."""
    found: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError, ValueError, IndexError):
                parent = int(Path(f"/proc/{entry}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
                found.setdefault(parent, []).append(int(entry))
    return found


def tree(root: int, children: Mapping[int, Sequence[int]]) -> list[int]:
    """A process and all that descend from it."""
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, ())
    return found


def resident(pid: int) -> float:
    """Resident memory in MB; 0 of a process that is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_MB
    except (OSError, IndexError):
        return 0.0


def highest(pid: int) -> float:
    """The most that a process has had resident so far, in MB: also between two looks."""
    return _status(pid, "VmHWM")[0]


def anonymous_and_shared(pid: int) -> tuple[float, float]:
    """A process's own memory and what it has touched of the shared one, in MB."""
    own, shared = _status(pid, "RssAnon", "RssShmem")
    return own, shared


def _status(pid: int, *names: str) -> list[float]:
    """Entries of /proc/<pid>/status in MB; zeros of a process that is gone."""
    try:
        lines = dict(x.split(":", 1) for x in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines() if ":" in x)
    except OSError:
        return [0.0] * len(names)
    return [int(lines.get(n, "0 kB").split()[0]) / 1024 for n in names]
