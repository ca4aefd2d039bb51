"""The landing: a delivery is copied, checked and read beside, and takes its place only when whole."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

from etl import store
from etl.errors import DeliveryRefused
from etl.extract import drop, promise
from etl.extract.limits import Limits, limits, size, too_big
from etl.extract.model import Landed, Waiting
from etl.extract.reading import Raw, Reading
from etl.extract.rows import GEOMETRY, Rows
from etl.settings import Settings
from etl.spec import Source
from etl.spec.source import Format

READER = 1  # goes up when the same bytes are read differently: landings of an older reader are read again
SHORT = 8  # hex digits of the content's SHA-256 in a delivery's id

READ_BY = {"format", "encoding", "separator", "quoted", "header", "header_rows", "records", "table", "updated"}

_READERS: dict[str, tuple[str, str]] = {
    "csv": ("separated", "read"),
    "text": ("unquoted", "read"),
    "xlsx": ("workbook", "read"),
    "json": ("records", "read"),
    "xml": ("markup", "read"),
    "dbf": ("dbase", "read"),
    "geojson": ("geojson", "read"),
    "shapefile": ("layers", "read_shapefile"),
    "geopackage": ("layers", "read_geopackage"),
    "kml": ("markup", "read_kml"),
}
_SUFFIXES: dict[str, tuple[str, ...]] = {
    "csv": (".csv", ".txt"),
    "text": (".txt", ".csv", ".dat"),
    "xlsx": (".xlsx", ".xlsm", ".xls"),
    "json": (".json",),
    "xml": (".xml",),
    "dbf": (".dbf",),
    "geojson": (".geojson", ".json"),
    "shapefile": (".zip",),
    "geopackage": (".gpkg",),
    "kml": (".kml",),
}


@dataclass(frozen=True)
class Copied:
    """One delivered file in raw/: its name as it can be shown, and what the manifest says of it."""

    path: Path
    name: str
    bytes: int
    sha256: str
    rows: int | None = None
    encoding: str | None = None


def land(source: Source, waiting: Waiting, settings: Settings, known: Mapping[str, str] | None = None) -> Landed:
    """Lands one delivery. A whole landing of the same bytes, read the same way, is used again.

    known: delivery_id → content_sha256 of deliveries on the books; where the short id of other content is taken the
    id grows. Raises DeliveryRefused with the contract's code.
    """
    if waiting.channel == "file":
        sha = drop.fingerprint(source, waiting) or ""
        there = _reusable(source, waiting, settings, sha, known or {})
        if there:
            return there
    with store.private_folder(store.landing_root(settings.home, source.name)) as beside:
        (beside / "scratch").mkdir()
        whole = beside / "whole"
        whole.mkdir()
        reading = Reading(source, limits(), Rows(beside, limits()), beside / "scratch")
        files: list[Copied] = []
        watermark = None
        if place := waiting.place:
            sha, files = _files(place, whole / "raw", reading)
            if waiting.remote:
                waiting.remote.release()
        elif waiting.connection is None:
            raise DeliveryRefused("unreachable", f"没有 {source.department} 的连接")
        elif waiting.channel == "api":
            from etl.extract import api

            sha, watermark = api.read(waiting.connection, waiting.since, settings, reading)
        else:
            from etl.extract import database

            sha = database.read(waiting.connection, reading)
        return _settle(source, waiting, settings, reading, whole, sha, files, watermark, known or {})


def read_file(source: Source, file: Path, folder: Path) -> Path:
    """Reads one file without landing it, for a preview. Returns its rows.parquet in `folder`. Raises DeliveryRefused."""
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    reading = Reading(source, limits(), Rows(folder, limits()), scratch)
    _read(Raw(file, drop.shown(file)), reading)
    rows = folder / "rows.parquet"
    reading.rows.finish(rows, _promised(source))
    shutil.rmtree(scratch)
    return rows


def replayable(source: Source, settings: Settings) -> list[Landed]:
    """Whole landings on disk, oldest first."""
    root = store.landing_root(settings.home, source.name)
    found = [_landed(m.parent) for m in sorted(root.glob("*/manifest.json")) if not m.parent.name.startswith(store.PRIVATE_PREFIX)]
    return sorted((x for x in found if x), key=lambda x: (x.delivered_on, x.folder.stat().st_mtime_ns))


def _settle(
    source: Source,
    waiting: Waiting,
    settings: Settings,
    reading: Reading,
    whole: Path,
    sha: str,
    files: list[Copied],
    watermark: str | None,
    known: Mapping[str, str],
) -> Landed:
    """rows.parquet and manifest.json, then the rename; an equal landing that is there already is kept."""
    columns = reading.rows.finish(whole / "rows.parquet", _promised(source))
    delivery = _delivery_id(waiting.delivered_on, sha, known)
    manifest = {
        "dataset": source.name,
        "delivery_id": delivery,
        "delivered_on": waiting.delivered_on.isoformat(),
        "content_sha256": sha,
        "rows": reading.rows.count,
        "columns": columns,
        "files": [{k: v for k, v in asdict(f).items() if k != "path"} for f in files],
        "notes": _notes(reading),
        "watermark": watermark,
        "read_as": _read_as(source),
    }
    (whole / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
    target = store.landing(settings.home, source.name, delivery)
    if not store.publish(whole, target):
        there = _landed(target)
        if there and there.content_sha256 == sha and _read_the_same(there.folder, source):
            return there
        shutil.rmtree(target)
        store.publish(whole, target)
    landed = _landed(target)
    if landed is None:
        raise DeliveryRefused("format", f"{source.name} 的落地副本写不成，请查磁盘")
    return landed


def _files(folder: Path, raw: Path, reading: Reading) -> tuple[str, list[Copied]]:
    """Copies a delivery folder, checks it against its promise, reads it. Returns the content's SHA-256 and the files."""
    entries = drop.entries(folder)
    for path in entries:
        if drop.kind(path) in ("link", "other"):
            what = "符号链接" if drop.kind(path) == "link" else "管道或设备"
            raise DeliveryRefused("unsafe_path", f"{drop.shown(path)} 是{what}，不予读取")
    promised = promise.read(folder / drop.DONE)
    raw.mkdir()
    copied = {p.name: _copy(p, _free(raw / drop.shown(p)), reading.limits) for p in entries if drop.kind(p) == "file"}
    promise.check_bytes(promised, [(c.name, c.sha256) for c in copied.values()])
    suffixes = _SUFFIXES[reading.terms.format or ""]
    wanted = [c for c in copied.values() if c.name != drop.DONE and Path(c.name).suffix.lower() in suffixes]
    others = [n for n in map(drop.shown, entries) if n != drop.DONE and n not in {c.name for c in wanted}]
    if others:
        reading.note(f"未读的文件：{'、'.join(others)}（约定为 {'、'.join(suffixes)}）")
    if not wanted:
        raise DeliveryRefused("format", f"交付里没有 {'、'.join(suffixes)} 文件")
    done = [_one(c, promised, reading) for c in wanted]
    sha = drop.combined((p.name, drop.kind(p), copied[p.name].sha256 if p.name in copied else "") for p in entries)
    return sha, done


def _one(copied: Copied, promised: dict[str, promise.Promised], reading: Reading) -> Copied:
    """Reads one file and checks the number of its rows."""
    before = reading.rows.count
    _read(Raw(copied.path, copied.name), reading)
    rows = reading.rows.count - before
    promise.check_rows(promised, copied.name, rows)
    return replace(copied, rows=rows, encoding=reading.encodings.get(copied.name))


def _read(raw: Raw, reading: Reading) -> None:
    """One file through its format's reader, its own parts of rows.parquet, and a clean scratch folder afterwards."""
    if raw.path.stat().st_size == 0:
        raise DeliveryRefused("truncated", f"{raw.name} 是空文件")
    reading.rows.begin()
    _reader(reading.terms.format)(raw, reading)
    for left in reading.scratch.iterdir():
        left.unlink()


def _reader(form: Format | None) -> Callable[[Raw, Reading], None]:
    """The function that reads a format. Its module is imported now: these libraries are slow to import."""
    module, name = _READERS[form or ""]
    found: Callable[[Raw, Reading], None] = getattr(import_module(f"etl.extract.formats.{module}"), name)
    return found


def _free(path: Path) -> Path:
    """The path, or one beside it when two names that cannot be shown look alike."""
    while path.exists():
        path = path.with_name(f"_{path.name}")
    return path


def _copy(path: Path, to: Path, allowed: Limits) -> Copied:
    """Copies a file while hashing it, so that what is read is what was hashed, whatever the department does meanwhile."""
    found = path.stat().st_size
    if found > allowed.file:
        raise too_big(drop.shown(path), size(found), size(allowed.file))
    digest, count = hashlib.sha256(), 0
    with drop.opened(path) as source, to.open("wb") as out:
        while block := source.read(drop.BLOCK):
            digest.update(block)
            out.write(block)
            count += len(block)
    return Copied(to, drop.shown(path), count, digest.hexdigest())


def _delivery_id(day: date, sha: str, known: Mapping[str, str]) -> str:
    """The date and the first digits of the content's SHA-256, as many as tell it from other content."""
    for length in range(SHORT, len(sha), 4):
        delivery = f"{day:%Y%m%d}-{sha[:length]}"
        if known.get(delivery, sha) == sha:
            return delivery
    return f"{day:%Y%m%d}-{sha}"


def _reusable(source: Source, waiting: Waiting, settings: Settings, sha: str, known: Mapping[str, str]) -> Landed | None:
    there = _landed(store.landing(settings.home, source.name, _delivery_id(waiting.delivered_on, sha, known)))
    return there if there and there.content_sha256 == sha and _read_the_same(there.folder, source) else None


def _landed(folder: Path) -> Landed | None:
    """A whole landing from its manifest; None for anything else."""
    told = _manifest(folder)
    rows = folder / "rows.parquet"
    if told is None or not rows.is_file():
        return None
    return Landed(
        told["dataset"],
        told["delivery_id"],
        date.fromisoformat(told["delivered_on"]),
        told["content_sha256"],
        folder,
        rows,
        told["rows"],
        tuple(told["notes"]),
        told["watermark"],
    )


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told


def _read_the_same(folder: Path, source: Source) -> bool:
    """Whether a landing was read under the terms that hold today, by this reader."""
    told = _manifest(folder)
    return told is not None and told.get("read_as") == _read_as(source)


def _read_as(source: Source) -> str:
    """What decides how bytes become rows: the reader, the format's terms, the declared columns."""
    terms = source.delivery.model_dump(include=READ_BY)
    what = [READER, terms, list(source.columns), source.rest, *(f.model_dump() for f in source.forms)]
    return hashlib.sha256(json.dumps(what, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]


def _promised(source: Source) -> list[str]:
    """The columns that rows.parquet holds whatever was delivered: the declared ones, and the geometry of a spatial source."""
    return [*source.columns, *([GEOMETRY] if source.geometry else [])]


def _notes(reading: Reading) -> tuple[str, ...]:
    return (*reading.noted, *reading.names.notes())
