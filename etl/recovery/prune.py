"""`jichu prune`: removes landed deliveries past their term that nobody needs, and writes down which.

A landing is kept, however old, while its delivery is held, while rows of it wait in quarantine, when it is the newest that was loaded
(a full register's last, an increment's last), and when this database does not know it: another one may.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from psycopg2.extensions import connection as Connection

from etl import db, migrate, store
from etl.errors import UsageError
from etl.settings import Settings
from etl.spec import Registry


@dataclass(frozen=True)
class Pruned:
    """A landing that was removed, or would be."""

    dataset: str
    delivery_id: str
    delivered_on: date
    sha256: str
    files: int
    size: int
    keep_days: int


def prune(settings: Settings, registry: Registry, *, dry_run: bool = False, keep_days: int | None = None) -> list[Pruned]:
    """Removes what is past its term: `keep_days` of the spec, else the argument, else JICHU_KEEP_DAYS. Returns what it was.

    UsageError when no term is set anywhere: nothing is removed by default.
    """
    usual = keep_days if keep_days is not None else settings.keep_days
    terms = {s.name: s.delivery.keep_days or usual for s in registry.sources.values()}
    if usual is None and not any(terms.values()):
        raise UsageError("没有设保存期限：用 --keep-days 天数、JICHU_KEEP_DAYS，或数据集说明里的 delivery.keep_days；不设就一直保存")
    if usual is not None and usual < 1:
        raise UsageError(f"保存期限应为正整数（天），现为 {usual}")
    migrate.migrate(settings)
    done: list[Pruned] = []
    with db.lock(settings, "landing"):  # no backup copies meanwhile
        for dataset in _datasets(settings.home):
            days = terms.get(dataset, usual)
            if days:
                done += _dataset(settings, dataset, days, dry_run)
    return done


def _datasets(home: Path) -> list[str]:
    """department/dataset of everything that landed, declared or not any more."""
    return sorted(str(p.relative_to(home / "landing")) for p in (home / "landing").glob("*/*") if p.is_dir() and not p.name.startswith("."))


def _dataset(settings: Settings, dataset: str, days: int, dry_run: bool) -> list[Pruned]:
    """One dataset, while nobody loads it."""
    with db.lock(settings, dataset), db.transaction(settings) as con:
        needed, known = _needed(con, dataset), _known(con, dataset)
        old = [x for x in _landed(settings, dataset, days) if x.delivery_id in known and x.delivery_id not in needed]
        if old and not dry_run:
            for x in old:
                _book(con, x)
            con.commit()  # written down first: what a killed process did not come to remove, the next one removes
            for x in old:
                _remove(store.landing(settings.home, dataset, x.delivery_id))
        return old


def _known(con: Connection, dataset: str) -> set[str]:
    return {r[0] for r in db.rows(con, "select delivery_id from ops.delivery where dataset = %s", [dataset])}


def _needed(con: Connection, dataset: str) -> set[str]:
    """Deliveries that wait for an answer, whose rows do, and the last that was loaded."""
    sql = """
        select delivery_id from ops.delivery where dataset = %s and state = 'held'
        union select delivery_id from quality.quarantine where dataset = %s and status = 'open'
        union (select delivery_id from ops.delivery where dataset = %s and state = 'loaded' and kind <> 'replay' order by sequence desc limit 1)
    """
    return {r[0] for r in db.rows(con, sql, [dataset] * 3)}


def _landed(settings: Settings, dataset: str, days: int) -> Iterator[Pruned]:
    """Whole landings older than `days` on the business date, oldest first."""
    for told in sorted(store.landing_root(settings.home, dataset).glob("*/manifest.json")):
        folder = told.parent
        if folder.name.startswith(store.PRIVATE_PREFIX):
            continue
        manifest = json.loads(told.read_text(encoding="utf-8"))
        day = date.fromisoformat(manifest["delivered_on"])
        if (settings.today - day).days > days:
            files = [p for p in folder.rglob("*") if p.is_file()]
            size = sum(p.stat().st_size for p in files)
            yield Pruned(dataset, folder.name, day, manifest["content_sha256"], len(files), size, days)


def _book(con: Connection, x: Pruned) -> None:
    db.rows(
        con,
        "insert into ops.pruned (dataset, delivery_id, delivered_on, content_sha256, files, bytes, keep_days) values (%s, %s, %s, %s, %s, %s, %s) "
        "on conflict (dataset, delivery_id) do update set pruned_at = now(), files = excluded.files, bytes = excluded.bytes, keep_days = excluded.keep_days",
        [x.dataset, x.delivery_id, x.delivered_on, x.sha256, x.files, x.size, x.keep_days],
    )


def _remove(folder: Path) -> None:
    """Out of sight at once, then removed; a killed process's rest is swept with other scratch."""
    beside = Path(tempfile.mkdtemp(prefix=store.PRIVATE_PREFIX, dir=folder.parent))
    folder.rename(beside / folder.name)
    shutil.rmtree(beside)
