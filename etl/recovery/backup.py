"""`jichu backup`: the database as of one moment, and what of JICHU_HOME cannot be computed again, into one folder that is whole or not there.

<DIR>/jichu-<time>-<instance>/
    manifest.json, manifest.json.sha256
    database/       pg_dump's directory format, made by several processes from one snapshot
    home/landing/   deliveries as they came; home/mail/: what waits and what was said; home/exchange/: what receivers hold; …
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection

from etl import db, migrate, store
from etl.errors import UsageError
from etl.recovery import client, content, manifest
from etl.settings import Settings, now

KEPT = ("landing", "mail", "exchange", "linkage")  # caches, scratch, pages and reports are made anew; secrets are the operator's
# candidate tables come and go while we work; reference systems belong to the extension
OPTIONS = ["--format=directory", "--exclude-table=candidate.*", "--exclude-table-data=public.spatial_ref_sys", "--no-publications"]
OPTIONS += ["--no-subscriptions", "--no-tablespaces", "--compress=1"]


@dataclass(frozen=True)
class Made:
    """A backup: its folder, and what is in it."""

    folder: Path
    tables: int
    rows: int
    files: int
    size: int
    seconds: float


def backup(settings: Settings, to: Path, say: Callable[[str], None], jobs: int = 0) -> Made:
    """Makes a backup below `to` while everything else goes on; writes it into ops.backup. Nothing is left of one that fails."""
    os.umask(0o077)  # personal data: for its own user alone
    began, to = now(), to.absolute()
    if to == settings.home or settings.home / "landing" in (to, *to.parents):
        raise UsageError(f"备份不能放在 {to}：它自己也会被备份")
    if not migrate.current(settings):
        migrate.migrate(settings)
    to.mkdir(parents=True, exist_ok=True)
    with db.lock(settings, "landing", shared=True), store.private_folder(to) as beside:  # nobody prunes meanwhile
        whole = beside / "whole"
        whole.mkdir()
        made = _fill(settings, whole, beside / "pg_dump.log", jobs or min(4, os.cpu_count() or 1), began, say)
        folder = to / f"jichu-{began:%Y%m%dT%H%M%S}-{made.instance[:8]}"
        if not store.publish(whole, folder):
            raise UsageError(f"{folder} 已存在")
    seconds = (now() - began).total_seconds()
    rows = sum(t[0] for t in made.tables.values())
    with db.transaction(settings) as con:
        db.rows(
            con,
            "insert into ops.backup (began_at, folder, tables, rows, files, bytes, seconds, manifest_sha256) values (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                began,
                str(folder),
                len(made.tables),
                rows,
                len(made.files),
                made.size,
                round(seconds, 1),
                manifest.digests(folder / manifest.NAME)[1],
            ],
        )
    return Made(folder, len(made.tables), rows, len(made.files), made.size, seconds)


def _fill(settings: Settings, whole: Path, log: Path, jobs: int, began: datetime, say: Callable[[str], None]) -> manifest.Manifest:
    """Dump and checksums of one snapshot, then the files: what the snapshot knows of had landed before it was taken."""
    con = db.connect(settings)
    try:
        con.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        ((snapshot,),) = db.rows(con, "select pg_export_snapshot()")
        arguments = [*OPTIONS, f"--jobs={jobs}", f"--snapshot={snapshot}", f"--file={whole / 'database'}"]
        dump = client.start(settings, "pg_dump", arguments, log)
        try:
            tables = content.checksums(con)
            say(f"数据库：{len(tables)} 张表，{sum(t[0] for t in tables.values()):,} 行")
            client.check(dump, "pg_dump", log)
        finally:
            dump.kill()
            dump.wait()
        told = _told(con)
    finally:
        con.close()
    found = {str(p.relative_to(whole)): manifest.digests(p) for p in manifest.files(whole / "database")}
    copied: dict[str, list[Any]] = {}
    for name in KEPT:
        part = _copy(settings.home / name, whole, Path("home") / name)
        if part:
            copied |= part
            say(f"{name}：{len(part)} 个文件，{sum(f[0] for f in part.values()) / 1e6:,.1f} MB")
    made = manifest.Manifest(manifest.FORMAT, began.isoformat(timespec="seconds"), *told, list(KEPT), tables, found | copied)
    made.write(whole)
    return made


def _told(con: Connection) -> tuple[str, str, str, str, list[str]]:
    """Instance, migration, PostgreSQL's version, owner, the roles that rights name."""
    ((instance, revision, version, owner),) = db.rows(
        con,
        "select (select id::text from ops.instance), (select version_num from public.alembic_version), current_setting('server_version'), current_user",
    )
    return instance, revision, version, owner, content.roles(con)


def _copy(part: Path, whole: Path, under: Path) -> dict[str, list[Any]]:
    """Copies one folder of the home, digests on the way. A letter that leaves the outbox meanwhile is not missed."""
    found: dict[str, list[Any]] = {}
    for path in manifest.files(part):
        name = under / path.relative_to(part)
        (whole / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            found[str(name)] = manifest.digests(path, whole / name)
        except FileNotFoundError:
            (whole / name).unlink(missing_ok=True)
            continue
        shutil.copystat(path, whole / name)
    return found
