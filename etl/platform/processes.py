"""Background processes of the embedded setting: each in a session of its own, recorded, and ended whole.

`JICHU_HOME/run/<name>.pid` holds two numbers, the process id and its start time (clock ticks since boot, field 22
of /proc/<pid>/stat), so that a recycled id is never taken for ours. What belongs to a service is found by its session:
Airflow's tasks have process groups of their own, and its processes overwrite their environment with their titles.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from etl.errors import JichuError


def start(home: Path, name: str, command: Sequence[str], env: Mapping[str, str]) -> int:
    """Starts `command` in its own session unless it already runs; output goes to home/logs/<name>.log. Returns its id."""
    if (pid := running(home, name)) is not None:
        return pid
    log = home / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    (home / "run").mkdir(parents=True, exist_ok=True)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    pid = os.posix_spawn(command[0], list(command), dict(env), file_actions=actions, setsid=True)
    (home / "run" / f"{name}.pid").write_text(f"{pid} {_started(pid)}\n", encoding="ascii")
    return pid


def running(home: Path, name: str) -> int | None:
    """The id of the recorded process while that very process lives, else None."""
    pid, started = _recorded(home / "run" / f"{name}.pid")
    with contextlib.suppress(ChildProcessError):
        if pid:
            os.waitpid(pid, os.WNOHANG)
    return pid if pid and _started(pid) == started else None


def stop(home: Path, name: str, seconds: float = 30) -> bool:
    """Ends the process and its whole session; True when there was any. Kills what does not end in time."""
    file = home / "run" / f"{name}.pid"
    pid, started = _recorded(file)
    members = _session(pid, started)
    for member in sorted(members):
        _signal(member, signal.SIGTERM)
    if not wait(lambda: not _session(pid, started), seconds):
        for member in _session(pid, started):
            _signal(member, signal.SIGKILL)
        wait(lambda: not _session(pid, started), 5)
    file.unlink(missing_ok=True)
    return bool(members)


def names(home: Path) -> list[str]:
    """Every recorded process, running or not."""
    return sorted(p.stem for p in (home / "run").glob("*.pid"))


def wait(ready: Callable[[], bool], seconds: float, every: float = 0.1) -> bool:
    """Polls `ready` until it says yes; False when `seconds` have passed."""
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            return False
        time.sleep(every)
    return True


def wait_or_explain(home: Path, name: str, ready: Callable[[], bool], seconds: float) -> None:
    """Like `wait`, but ends at once when the process dies, and the error names its log."""
    until = time.monotonic() + seconds
    while not ready():
        if running(home, name) is None:
            raise JichuError(f"{name} 启动后即退出，原因见 {home / 'logs' / f'{name}.log'}")
        if time.monotonic() > until:
            raise JichuError(f"{name} 在 {seconds:.0f} 秒内没有就绪，详见 {home / 'logs' / f'{name}.log'}")
        time.sleep(0.2)


def _recorded(file: Path) -> tuple[int, int]:
    """Process id and start time as recorded; zeros when nothing readable is."""
    try:
        pid, started = (int(x) for x in file.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return 0, 0
    return pid, started


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the third on; empty for no process and for a zombie (PID 1 of a container may not reap)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] in "ZX" else fields


def _started(pid: int) -> int | None:
    """Start time of a living process."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def _session(leader: int, started: int) -> set[int]:
    """Living processes of the session that `leader` led, dead or alive; none when the id now is somebody else's."""
    if not leader or _started(leader) not in (None, started):
        return set()
    with contextlib.suppress(ChildProcessError):
        os.waitpid(leader, os.WNOHANG)
    living = {int(p): _stat(int(p)) for p in os.listdir("/proc") if p.isdigit()}
    return {pid for pid, fields in living.items() if fields and int(fields[3]) == leader}


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
