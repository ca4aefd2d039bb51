"""A drop on object storage (JICHU_DROP or a source's `drop` as an fsspec URL, s3://bucket/prefix): listed there, read here.

The layout is that of a folder, `<department>/<dataset>/<YYYYMMDD>/` with `_SUCCESS` last. A complete delivery is fetched into
a private folder under JICHU_HOME and from there on is a delivery like any other: every rule for hostile input holds.
Credentials come from the environment, as the store's own client reads them, or from the Airflow connection of the
department or `jichu_drop`.
"""

import hashlib
import json
import re
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import finalize

from etl import connections, store
from etl.errors import DeliveryRefused, UsageError
from etl.extract.limits import limits, size, too_big
from etl.settings import Settings
from etl.spec import Source

BLOCK = 1024 * 1024
LONGEST = 255  # bytes of a file's name on this machine
SHARED = "jichu_drop"  # the connection of a drop that all departments share


@dataclass(frozen=True)
class Object:
    """What is listed under a folder: `name` is its last part, `size` in bytes, `mark` its ETag or whatever else tells a new version."""

    name: str
    folder: bool
    size: int
    mark: str


class Remote:
    """A delivery folder on object storage, as it was listed; its copy lives in a private folder of this process, while it is needed."""

    def __init__(self, bucket: "Bucket", path: str, note: Path, scratch: Path):
        self.bucket, self.path, self.objects = bucket, path, bucket.objects(path)
        self._note, self._scratch, self._held = note, scratch, ExitStack()
        self._folder: Path | None = None
        self._end = finalize(self, self._held.close)

    @property
    def listing(self) -> str:
        """SHA-256 over what is listed: with another version of an object it is another delivery to look at."""
        told = [[o.name, o.folder, o.size, o.mark] for o in self.objects]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    @property
    def known(self) -> str | None:
        """The fingerprint of its content, where this very listing was fetched before."""
        with suppress(OSError, ValueError, KeyError):
            told = json.loads(self._note.read_text(encoding="utf-8"))
            return str(told["fingerprint"]) if told["listing"] == self.listing else None
        return None

    def remember(self, fingerprint: str) -> None:
        """Notes the fingerprint, so that what does not change is not fetched again."""
        with store.write_atomically(self._note) as beside:
            beside.write_text(json.dumps({"listing": self.listing, "fingerprint": fingerprint}), encoding="utf-8")

    def local(self) -> Path:
        """The delivery as a folder on this machine. Raises DeliveryRefused (unsafe_path, too_big, unreachable)."""
        if self._folder is None:
            try:
                self._folder = self._fetched(self._held.enter_context(store.private_folder(self._scratch)) / "fetched")
            except DeliveryRefused:
                self.release()
                raise
        return self._folder

    def _fetched(self, folder: Path) -> Path:
        folder.mkdir()
        for one in self.objects:
            _safe(one)
            if one.folder:  # counts by its name and is never read, as in a drop folder
                (folder / one.name).mkdir()
            else:
                self.bucket.fetch(f"{self.path}/{one.name}", folder / one.name, one)
        if self.bucket.objects(self.path) != self.objects:
            raise DeliveryRefused("unreachable", "交付在读取时仍在变动，下次再取")
        return folder

    def release(self) -> None:
        """Removes the copy."""
        self._held.close()
        self._folder = None


class Unlisted:
    """Stands for whatever may wait in a store that could not be listed: asked for it, it says why."""

    known: str | None = None

    def __init__(self, reason: DeliveryRefused):
        self.reason = reason

    def local(self) -> Path:
        raise self.reason

    def release(self) -> None:
        """There is no copy."""


@dataclass(frozen=True)
class Bucket:
    """A place on object storage; `repr` shows no credentials."""

    url: str
    options: dict[str, Any] = field(repr=False, default_factory=dict)

    def folders(self, *parts: str) -> list[str]:
        """Names of the folders in a folder; hidden ones do not count."""
        return sorted(o.name for o in self.objects(self._path(*parts)) if o.folder)

    def objects(self, path: str) -> tuple[Object, ...]:
        """What a folder holds, by name, but hidden files and Office's lock files. Raises DeliveryRefused(unreachable)."""
        there, path = self._store, path.rstrip("/")
        try:
            there.invalidate_cache()
            listed = there.ls(path, detail=True)
        except FileNotFoundError:
            return ()
        except Exception as e:  # every store has errors of its own, and their texts may hold keys
            raise DeliveryRefused("unreachable", f"对象存储 {self.url} 无法列出：{type(e).__name__}") from None
        found = [_object(path, told) for told in listed]
        return tuple(sorted((o for o in found if o and not o.name.startswith((".", "~$"))), key=lambda o: o.name))

    def delivery(self, source: Source, day: str, home: Path) -> Remote:
        """A dated folder of a dataset."""
        path, note = self._path(source.department, source.dataset, day), home / "cache" / "drop" / source.name / f"{day}.json"
        return Remote(self, path, note, home / "tmp")

    def fetch(self, path: str, to: Path, listed: Object) -> None:
        """One object into a file, never more bytes than may be."""
        allowed = limits().file
        if listed.size > allowed:
            raise too_big(to.name, size(listed.size), size(allowed))
        count = 0
        try:
            with self._store.open(path, "rb") as source, to.open("xb") as out:
                while block := source.read(BLOCK):
                    count += len(block)
                    if count > listed.size:
                        break
                    out.write(block)
        except Exception as e:
            raise DeliveryRefused("unreachable", f"{to.name} 从对象存储读不出来（{type(e).__name__}），或仍在变动，下次再取") from None
        if count != listed.size:
            raise DeliveryRefused("unreachable", f"{to.name} 在读取时仍在变动，下次再取")

    def _path(self, *parts: str) -> str:
        return "/".join([self._root, *parts])

    @property
    def _root(self) -> str:
        from fsspec.core import split_protocol  # type: ignore[import-untyped]

        return str(self._store._strip_protocol(self.url)).rstrip("/") or str(split_protocol(self.url)[1])

    @property
    def _store(self) -> Any:
        from fsspec.core import url_to_fs

        try:
            return url_to_fs(self.url, **self.options)[0]
        except ImportError:
            raise UsageError(f"{self.url.partition(':')[0]}:// 的投递需要相应的 fsspec 实现：uv sync --extra s3") from None
        except ValueError:
            raise UsageError(f"投递地址“{self.url}”不是 fsspec 认识的网址") from None


def _object(folder: str, told: dict[str, Any]) -> Object | None:
    """A listed entry; None for the marker of the folder itself."""
    path = str(told["name"]).rstrip("/")
    if path == folder:
        return None
    mark = next((str(told[k]) for k in ("ETag", "etag", "md5", "LastModified", "mtime", "created") if told.get(k)), "")
    return Object(path.rpartition("/")[2], told.get("type") == "directory", int(told.get("size") or 0), mark)


def of(source: Source, settings: Settings) -> Bucket | None:
    """The object storage that a dataset is delivered to; None for a folder."""
    url = source.delivery.drop or settings.drop_url
    return Bucket(url, _options(source.department, url, settings)) if url else None


def shared(settings: Settings) -> Bucket | None:
    """The object storage of JICHU_DROP."""
    return Bucket(settings.drop_url, _options(SHARED, settings.drop_url, settings)) if settings.drop_url else None


def _options(department: str, url: str, settings: Settings) -> dict[str, Any]:
    """What a connection says of the store, as fsspec takes it; nothing where there is none, then its client asks the environment."""
    found = next(
        (c for n in (department, SHARED) if (c := connections.get(n, settings.home)) and c.conn_type in ("aws", "s3", "fsspec")), None
    )
    if found is None:
        return {}
    extra = dict(found.extra)
    if not re.match("s3a?://", url):
        return extra
    client = {k: extra[k] for k in ("endpoint_url", "region_name", "verify") if k in extra}
    return {
        k: v
        for k, v in {"key": found.login, "secret": found.password, "token": extra.get("aws_session_token"), "client_kwargs": client}.items()
        if v
    }


def _safe(one: Object) -> None:
    """An object's name is a file's name, or nothing is fetched: a key may hold whatever its writer liked."""
    if "\0" in one.name or "/" in one.name or len(one.name.encode("utf-8", "replace")) > LONGEST:
        raise DeliveryRefused("unsafe_path", "对象存储里有不能作为文件名的对象名，不予读取")
