"""Paths under JICHU_HOME, and writes that are whole or not there at all."""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PRIVATE_PREFIX = ".tmp-"


def landing_root(home: Path, dataset: str) -> Path:
    """The folder that holds every landing of a dataset (`department/dataset`)."""
    return home / "landing" / dataset


def landing(home: Path, dataset: str, delivery_id: str) -> Path:
    """The folder of one landed delivery: `raw/`, `rows.parquet`, `manifest.json`."""
    return landing_root(home, dataset) / delivery_id


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Gives a private file beside `path` to write to; it takes the name when the block ends well, else it vanishes.

    It is locked while in use, so that what a killed process left behind can be told apart and is removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _gate(path.parent):
        handle, name = tempfile.mkstemp(prefix=PRIVATE_PREFIX, dir=path.parent)
        fcntl.flock(handle, fcntl.LOCK_EX)
    beside = Path(name)
    try:
        yield beside
        _settle(beside)
        beside.replace(path)
    finally:
        os.close(handle)
        beside.unlink(missing_ok=True)


@contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """A folder (0700) inside `parent` for one piece of work; removed at the end unless it was renamed away.

    It is locked while in use, so that what a killed process left behind can be told apart and is removed first.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with _gate(parent):
        folder = Path(tempfile.mkdtemp(prefix=PRIVATE_PREFIX, dir=parent))
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _gate(parent: Path) -> Iterator[None]:
    """Sweeps `parent`; nobody else does between a private file's birth and its lock."""
    gate = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)
        sweep(parent)
        yield
    finally:
        os.close(gate)


def tidy(parent: Path) -> None:
    """Removes what killed processes left in `parent`, though nothing new is made there now."""
    if parent.is_dir():
        with _gate(parent):
            pass


def abandoned(parent: Path) -> list[Path]:
    """Private folders and files in `parent` that no living process holds."""
    return [left for left in parent.glob(f"{PRIVATE_PREFIX}*") if not left.is_symlink() and not _held(left)]


def sweep(parent: Path) -> None:
    """Removes what is abandoned in `parent`."""
    for left in abandoned(parent):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def take_place(finished: Path, path: Path) -> None:
    """A finished file takes its name, whole; from another file system by way of a copy beside it."""
    try:
        finished.replace(path)
    except OSError as e:
        if e.errno != errno.EXDEV:
            raise
        with write_atomically(path) as beside:
            shutil.copyfile(finished, beside)
        finished.unlink()


def publish(folder: Path, target: Path) -> bool:
    """Renames a finished folder to its place. False when somebody else put the same there first."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.rename(target)
    except OSError:
        if target.is_dir():
            return False
        raise
    return True


def _held(folder: Path) -> bool:
    """Whether a living process works in this private folder (it holds a lock on it)."""
    with suppress(FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
    return False


def _settle(path: Path) -> None:
    """Forces a file's bytes to the disk, so that the rename cannot outrun them."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


STILL_READ = 6 * 3600  # seconds in which another process may still be reading an older copy


def forget(folder: Path, keep: Path, pattern: str = "*.parquet") -> None:
    """Removes the older copies beside `keep`, once nobody can still be reading them."""
    for old in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            if old != keep and time.time() - old.stat().st_mtime > STILL_READ:
                old.unlink()
