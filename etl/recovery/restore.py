"""`jichu restore`: a backup into an empty database and an empty home, or over others where that is expressly asked; then compared, table by table."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psycopg2.errors import InsufficientPrivilege
from psycopg2.extensions import connection as Connection

from etl import db, migrate, store
from etl.errors import JichuError, UsageError
from etl.platform.postgres import EXTENSIONS, Cluster
from etl.recovery import client, content, manifest
from etl.recovery.manifest import Manifest
from etl.settings import Settings, embedded_url

# What people and departments brought. A database that is migrated but has none of it is as good as empty.
BROUGHT = ("ops.delivery", "ops.publication", "ops.decision", "match.judgement", "access.account", "access.log")
SKIPPED = re.compile(r" (EXTENSION - |COMMENT - EXTENSION |SCHEMA - public |COMMENT - SCHEMA public |ACL - SCHEMA public )")
OURS = """
    select nspname from pg_namespace n where nspname not in ('public', 'information_schema') and nspname !~ '^pg_'
    and not exists (select from pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e') order by 1
"""
OURS_IN_PUBLIC = """
    select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') order by 1
"""


@dataclass(frozen=True)
class Restored:
    """What came back."""

    made_at: str
    tables: int
    rows: int
    files: int


def restore(settings: Settings, folder: Path, say: Callable[[str], None], *, force: bool = False, jobs: int = 0) -> Restored:
    """Brings database and home to the state of the backup in `folder`, and compares every table's checksum with the manifest.

    UsageError, with nothing touched, for a damaged backup, a database or home that holds something (unless `force`), missing roles
    or extensions. JichuError when what came back is not what was backed up.
    """
    os.umask(0o077)
    folder = folder.absolute()
    made = manifest.read(folder)
    if wrong := manifest.broken(folder, made):
        raise UsageError(f"备份不完整，没有恢复：{'、'.join(wrong[:5])}{f' 等 {len(wrong)} 处' if len(wrong) > 5 else ''}")
    say(f"备份完好：{len(made.files)} 个文件，{made.size / 1e6:,.1f} MB，{made.made_at} 所做")
    with db.lock(settings, "run"), db.lock(settings, "landing"):
        _ready(settings, made, force)
        _database(settings, folder, jobs or min(4, os.cpu_count() or 1))
        say("数据库已恢复")
        _home(settings, folder, made)
        say(f"落地副本与状态已恢复到 {settings.home}")
        _compare(settings, made)
    migrate.migrate(settings)  # a backup of an older release
    if settings.database_url == embedded_url(settings.home):
        Cluster(settings.home).grant_roles("jichu")
    return Restored(made.made_at, len(made.tables), sum(t[0] for t in made.tables.values()), len(made.files))


def _ready(settings: Settings, made: Manifest, force: bool) -> None:
    """Whether this database and home can take it; empties the database where that is asked."""
    full = [name for name in made.home if any(manifest.files(settings.home / name))]
    con = db.connect(settings, autocommit=True)
    try:
        ((owner,),) = db.rows(con, "select current_user")
        if owner != made.owner:
            raise UsageError(f"备份的属主是 {made.owner}，现在的数据库用户是 {owner}：请用同名的用户恢复（create role {made.owner} login）")
        missing = [r for r in made.roles if not db.rows(con, "select 1 from pg_roles where rolname = %s", [r])]
        if missing:
            raise UsageError(
                f"数据库里没有角色 {'、'.join(missing)}：请管理员先运行 sql/roles.sql，再 create role … nologin 补上其余的，否则权限无法恢复"
            )
        holds = [
            t
            for t in BROUGHT
            if db.rows(con, "select to_regclass(%s)", [t])[0][0] and db.rows(con, f"select exists (select from {t})")[0][0]
        ]
        if (holds or full) and not force:
            what = [f"数据库里有 {'、'.join(holds)}"] if holds else []
            what += [f"{settings.home} 下有 {'、'.join(full)}"] if full else []
            raise UsageError(f"没有恢复：{'；'.join(what)}。请恢复到空的数据库与空的 JICHU_HOME；确要覆盖，加 --force，原有内容会全部丢失")
        _extensions(con)
        _empty(con)
    finally:
        con.close()


def _extensions(con: Connection) -> None:
    for extension in EXTENSIONS:
        if not db.rows(con, "select 1 from pg_extension where extname = %s", [extension]):
            try:
                db.rows(con, f"create extension if not exists {extension}")
            except InsufficientPrivilege:
                raise UsageError(f"请管理员先在目标库里 create extension {extension}") from None


def _empty(con: Connection) -> None:
    """Removes whatever is ours; what belongs to an extension stays."""
    for (schema,) in db.rows(con, OURS):
        db.rows(con, f'drop schema "{schema}" cascade')
    for (table,) in db.rows(con, OURS_IN_PUBLIC):
        db.rows(con, f'drop table public."{table}" cascade')


def _database(settings: Settings, folder: Path, jobs: int) -> None:
    """pg_restore by several processes: rights and policies too, extensions not."""
    entries = [line for line in client.listed(folder / "database") if not SKIPPED.search(line)]
    with store.private_folder(settings.home / "tmp") as private:
        wanted, log = private / "contents", private / "log"
        wanted.write_text("\n".join(entries) + "\n", encoding="utf-8")
        arguments = ["--no-owner", "--exit-on-error", f"--jobs={jobs}", f"--use-list={wanted}", str(folder / "database")]
        client.check(client.start(settings, "pg_restore", arguments, log), "pg_restore", log)
    con = db.connect(settings, autocommit=True)
    try:
        db.rows(con, "analyze")
    finally:
        con.close()


def _home(settings: Settings, folder: Path, made: Manifest) -> None:
    """The home's folders as they were backed up; each takes its place whole. Caches of another state are removed."""
    for name in ("cache", "tmp"):
        shutil.rmtree(settings.home / name, ignore_errors=True)
    for name in made.home:
        beside, target = settings.home / f".tmp-restored-{name}", settings.home / name
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        source = folder / "home" / name
        for path in manifest.files(source):
            to = beside / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            if manifest.digests(path, to) != made.files[str(path.relative_to(folder))]:
                raise JichuError(f"备份里的 {path.relative_to(folder)} 在恢复时读出来不对，请查磁盘")
            shutil.copystat(path, to)
        shutil.rmtree(target, ignore_errors=True)
        if any(beside.iterdir()):
            beside.rename(target)
        else:
            beside.rmdir()


def _compare(settings: Settings, made: Manifest) -> None:
    """Every table against the manifest."""
    with db.transaction(settings) as con:
        found = content.checksums(con)
    if wrong := content.differing(made.tables, found):
        raise JichuError(f"恢复后与备份时不同：{'、'.join(wrong[:5])}{f' 等 {len(wrong)} 张表' if len(wrong) > 5 else ''}")
