"""The drop folder: which deliveries are complete, which are not, what stands there that nobody declared."""

import hashlib
import math
import os
import stat
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO

from etl import connections
from etl.errors import DeliveryRefused
from etl.extract import bucket
from etl.extract.model import Waiting
from etl.settings import Settings
from etl.spec import Registry, Source

DONE = "_SUCCESS"
BLOCK = 1024 * 1024
ROW = 100  # bytes that a row takes, more or less


def find(source: Source, settings: Settings, since: str | None = None) -> list[Waiting]:
    """Complete file folders in date order; one Waiting for a database or API that has a connection; else nothing.

    A folder that is (or lies under) a symbolic link counts as complete, so that its refusal is on the books.
    """
    channel = source.delivery.channel
    if channel != "file":
        found = connections.get(source.department, settings.home)
        return [Waiting(source.name, settings.today, channel, connection=found, since=since if channel == "api" else None)] if found else []
    if store := bucket.of(source, settings):
        return _found_there(source, settings, store)
    link = _link_above(source, settings)
    if link:
        return [Waiting(source.name, settings.today, channel, folder=link)]
    dated = [(day, folder) for day, folder in _dated(_home_of(source, settings)) if folder.is_symlink() or os.path.lexists(folder / DONE)]
    return [Waiting(source.name, day, channel, folder=folder) for day, folder in sorted(dated)]


def _found_there(source: Source, settings: Settings, store: bucket.Bucket) -> list[Waiting]:
    """`find` on object storage. A store that does not answer is one delivery of today that cannot be reached, as with an API."""
    try:
        dated = [(_day(f), f) for f in store.folders(source.department, source.dataset)]
        remotes = [(day, store.delivery(source, f, settings.home)) for day, f in dated if day]
    except DeliveryRefused as e:
        return [Waiting(source.name, settings.today, source.delivery.channel, remote=bucket.Unlisted(e))]
    return [Waiting(source.name, day, source.delivery.channel, remote=r) for day, r in remotes if any(o.name == DONE for o in r.objects)]


def incomplete(source: Source, settings: Settings) -> list[Path]:
    """Dated folders without _SUCCESS: the department is still writing, or forgot it."""
    if source.delivery.channel != "file":
        return []
    if store := bucket.of(source, settings):
        dated = [f for f in store.folders(source.department, source.dataset) if _day(f)]
        return [Path(f) for f in dated if all(o.name != DONE for o in store.delivery(source, f, settings.home).objects)]
    if _link_above(source, settings):
        return []
    return sorted(f for _, f in _dated(_home_of(source, settings)) if not f.is_symlink() and not os.path.lexists(f / DONE))


def misnamed(source: Source, settings: Settings) -> list[Path]:
    """Folders of a dataset whose name is not a date YYYYMMDD: nobody will ever read them."""
    home = _home_of(source, settings)
    if source.delivery.channel == "file" and (store := bucket.of(source, settings)):
        return [Path(f) for f in store.folders(source.department, source.dataset) if _day(f) is None]
    if source.delivery.channel != "file" or _link_above(source, settings) or not home.is_dir():
        return []
    return sorted(f for f in _folders(home) if _day(f.name) is None)


def reachable(source: Source, settings: Settings) -> bool:
    """Whether anything could come from this source: its folder is in the drop, or its connection is declared."""
    if source.delivery.channel != "file":
        return connections.get(source.department, settings.home) is not None
    if store := bucket.of(source, settings):
        try:
            return source.dataset in store.folders(source.department)
        except DeliveryRefused:
            return True  # something may be there; that it cannot be listed is booked
    return _link_above(source, settings) is not None or _home_of(source, settings).is_dir()


def estimate(source: Source, settings: Settings) -> float:
    """About how many rows wait in the delivery folder; infinite where only the department knows."""
    if source.delivery.channel != "file" or bucket.of(source, settings) or _link_above(source, settings):
        return math.inf
    try:
        return sum(p.lstat().st_size for _, folder in _dated(_home_of(source, settings)) for p in entries(folder)) / ROW
    except OSError:  # a department is moving its files
        return math.inf


def strangers(registry: Registry, settings: Settings) -> list[str]:
    """`department/dataset` folders in the drop that no spec declares. The demo form's api/ is not a dataset."""
    known = {s.name for s in registry.sources.values() if s.delivery.channel == "file"}
    if store := bucket.shared(settings):
        return sorted(n for d in store.folders() for f in store.folders(d) if (n := f"{d}/{f}") not in known and f != "api")
    if not settings.drop.is_dir():
        return []
    departments = [d for d in _folders(settings.drop) if not d.is_symlink()]
    names = [f"{d.name}/{f.name}" for d in departments for f in _folders(d) if f.name != "api"]
    return sorted(n for n in names if n not in known)


def fingerprint(source: Source, waiting: Waiting) -> str | None:
    """SHA-256 over the names and bytes of a folder's files, _SUCCESS too; None for a database or API.

    A symbolic link counts with its target's name and is never followed; anything else that is no plain file
    counts with its name. What lies on object storage is fetched for it, unless its listing (sizes, ETags) is the one of last time.
    """
    remote = waiting.remote
    if remote and remote.known:
        return remote.known
    try:
        place = waiting.place
    except DeliveryRefused as e:  # landing it says so again; the same listing need not be refused twice
        return remote.listing if isinstance(remote, bucket.Remote) and e.code != "unreachable" else None
    if place is None:
        return None
    found = combined((p.name, kind(p), _content(p)) for p in entries(place))
    if isinstance(remote, bucket.Remote):
        remote.remember(found)
    return found


def combined(files: Iterable[tuple[str, str, str]]) -> str:
    """SHA-256 over (name, kind, hex of the content's SHA-256 or of the link's target)."""
    digest = hashlib.sha256()
    for name, what, content in files:
        digest.update(f"{name}\0{what}\0{content}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _content(path: Path) -> str:
    """Hex of what stands for an entry's content: a link's target, a file's SHA-256, nothing for a folder or a pipe."""
    if path.is_symlink():
        return os.fsencode(path.readlink()).hex()
    return sha256(path) if kind(path) == "file" else ""


def entries(folder: Path) -> list[Path]:
    """What a delivery folder holds, in name order, but hidden files and Office's lock files; a linked folder is its own entry."""
    if folder.is_symlink():
        return [folder]
    return sorted((p for p in folder.iterdir() if not p.name.startswith((".", "~$"))), key=lambda p: os.fsencode(p.name))


def kind(path: Path) -> str:
    """file, link, folder or other (a pipe, a device), without following anything."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "link"
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def opened(path: Path) -> BinaryIO:
    """A plain file, opened without following a link that took its place meanwhile."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def shown(path: Path) -> str:
    """A file's name as text: departments on old systems send names in GBK."""
    name = os.fsencode(path.name)
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("gb18030", "replace")


def sha256(path: Path) -> str:
    """SHA-256 of a plain file, read in blocks."""
    digest = hashlib.sha256()
    with opened(path) as f:
        while block := f.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _home_of(source: Source, settings: Settings) -> Path:
    return settings.drop / source.department / source.dataset


def _link_above(source: Source, settings: Settings) -> Path | None:
    """The department's or dataset's folder where that is a symbolic link."""
    home = _home_of(source, settings)
    return next((p for p in (home.parent, home) if p.is_symlink()), None)


def _folders(parent: Path) -> Iterator[Path]:
    """Folders, and links that would be folders, in a folder; hidden ones do not count."""
    return (p for p in parent.iterdir() if not p.name.startswith(".") and (p.is_symlink() or p.is_dir()))


def _dated(home: Path) -> list[tuple[date, Path]]:
    if not home.is_dir():
        return []
    return [(day, f) for f in _folders(home) if (day := _day(f.name))]


def _day(name: str) -> date | None:
    """20180301 → that day; anything else, and days that do not exist → None."""
    if len(name) != 8 or not (name.isascii() and name.isdigit()):
        return None
    try:
        return datetime.strptime(name, "%Y%m%d").date()
    except ValueError:
        return None
