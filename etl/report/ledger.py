"""What each department was told last: JICHU_HOME/mail/told.json, per database, so that a mail tells what is new."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

PART = ".part-"


@dataclass(frozen=True)
class Told:
    """The state of the books at a department's last mail: `sequence` of ops.delivery, business date."""

    sequence: int = 0
    as_of: str = ""

    @property
    def day(self) -> date | None:
        return date.fromisoformat(self.as_of) if self.as_of else None


def folder(home: Path) -> Path:
    """JICHU_HOME/mail, made if need be."""
    path = home / "mail"
    path.mkdir(parents=True, exist_ok=True)
    return path


def _read(home: Path) -> dict[str, Any]:
    file = home / "mail" / "told.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def last(home: Path, instance: str, department: str) -> Told:
    """What the department was told last about this database; nothing if never (or about another database)."""
    known = _read(home).get(instance, {}).get(department)
    return Told(**known) if known else Told()


def remember(home: Path, instance: str, department: str, told: Told) -> None:
    """Keeps what was told."""
    whole = _read(home)
    whole.setdefault(instance, {})[department] = asdict(told)
    write(folder(home) / "told.json", json.dumps(whole, ensure_ascii=False, indent=1).encode())


def write(path: Path, content: bytes) -> None:
    """A file that is there whole or not at all, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=PART)
    with os.fdopen(handle, "wb") as f:
        f.write(content)
        f.flush()
        os.fsync(f.fileno())
    Path(name).replace(path)


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """One sender at a time: two runs must not send the same mail."""
    with (folder(home) / ".lock").open("w") as f:
        flock(f, LOCK_EX)
        for left in folder(home).rglob(f"{PART}*"):  # of a sender that was killed
            left.unlink()
        yield
