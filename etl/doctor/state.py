"""The running of it: locks that hang, leftovers, the last backup, what waits, libraries behind their deliveries."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from psycopg2.extensions import connection as Connection

from etl import db, store
from etl.doctor.line import Line, bad, ok, warning
from etl.settings import Settings, now
from etl.spec import Registry

LONG = timedelta(hours=6)  # longer than any whole run
IDLE = timedelta(minutes=15)
BACKUP, BACKUP_OLD = timedelta(days=2), timedelta(days=14)
BEHIND = timedelta(days=1)


def locks(settings: Settings, con: Connection, registry: Registry) -> Iterator[Line]:
    """Who holds our locks and since when; transactions that somebody left open."""
    names = ["run", "migrate", "landing", *registry.sources, *(f"library {n}" for n in registry.libraries)]
    known = {db.lock_number(n): n for n in names}
    held = db.rows(
        con,
        "select (l.classid::bigint << 32) | l.objid::bigint, l.pid, now() - a.backend_start, host(a.client_addr) from pg_locks l "
        "join pg_stat_activity a using (pid) where l.locktype = 'advisory' and l.objsubid = 1 and l.granted "
        "and l.database = (select oid from pg_database where datname = current_database())",
    )
    stuck = [(known.get(number, "?"), pid, age, client) for number, pid, age, client in held if age > LONG]
    for name, pid, age, client in stuck:
        said = f"“{name}”被占了 {age}（数据库进程 {pid}，来自 {client or '本机'}）"
        yield warning("锁", said, f"确认那次运行已死，再 select pg_terminate_backend({pid})")
    idle = db.rows(
        con,
        "select pid, now() - state_change from pg_stat_activity where datname = current_database() and state like 'idle in transaction%%' and now() - state_change > %s",
        [IDLE],
    )
    for pid, age in idle:
        yield warning("事务", f"数据库进程 {pid} 开着事务闲了 {age}：挡住清理与升级", f"问是谁；select pg_terminate_backend({pid})")
    if not stuck and not idle:
        yield ok("锁", f"有 {len(held)} 把锁在用，都不久" if held else "没有人占着锁")


def leftovers(settings: Settings, con: Connection, registry: Registry) -> Iterator[Line]:
    """Candidates and scratch folders that no living process works on."""
    busy = db.rows(
        con,
        "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'jichu' and pid <> pg_backend_pid()",
    )[0][0]
    sql = "select count(*) from pg_class where relnamespace = to_regnamespace('candidate') and relkind in ('r', 'v')"
    candidates = 0 if busy else db.rows(con, sql)[0][0]
    parents = {settings.home / "tmp", *(p.parent for p in settings.home.glob(f"landing/*/*/{store.PRIVATE_PREFIX}*"))}
    parents |= {p.parent for p in settings.home.glob(f"exchange/**/{store.PRIVATE_PREFIX}*")}
    left = [p for parent in parents if parent.is_dir() for p in store.abandoned(parent)]
    if candidates or left:
        said = "、".join([*([f"{candidates} 张候选表"] if candidates else []), *([f"{len(left)} 个临时文件夹或文件"] if left else [])])
        yield warning("遗留物", f"被杀的运行留下 {said}", "再运行一次 jichu run 即清除")
    else:
        yield ok("遗留物", "没有")


def backups(settings: Settings, con: Connection, registry: Registry) -> Iterator[Line]:
    """The age of the last backup, and whether it is still where it was put."""
    last = db.rows(con, "select began_at, folder, bytes from ops.backup order by began_at desc limit 1")
    if not last:
        yield warning("备份", "从来没有做过（jichu backup）", "每天定时 jichu backup --to …；用别的办法备份的，不必理会")
        return
    ((at, folder, size),) = last
    age = now() - at
    said = f"最近一次 {at:%Y-%m-%d %H:%M}，{size / 1e6:,.0f} MB，在 {folder}"
    if age > BACKUP_OLD:
        yield bad("备份", f"{said}：已过 {age.days} 天", "jichu backup --to …，并查定时任务为何没有做")
    elif age > BACKUP:
        yield warning("备份", f"{said}：已过 {age.days} 天", "jichu backup --to …")
    elif not Path(folder).is_dir():
        yield warning("备份", f"{said}，本机上现在没有这个文件夹", "若已移到别处保管则无妨")
    else:
        yield ok("备份", said)


def waiting(settings: Settings, con: Connection, registry: Registry) -> Iterator[Line]:
    """What waits for a person."""
    held = db.rows(con, "select dataset || ' ' || delivery_id from ops.delivery where state = 'held' order by 1")
    if held:
        yield warning(
            "挂起",
            f"{len(held)} 次交付等人决定：{'、'.join(r[0] for r in held[:3])}{' 等' if len(held) > 3 else ''}",
            "jichu status 看原因，jichu release 或 discard",
        )
    else:
        yield ok("挂起", "没有等人决定的交付")


def stale(settings: Settings, con: Connection, registry: Registry) -> Iterator[Line]:
    """Libraries that are held, never published, or older than deliveries that feed them."""
    published = dict(db.rows(con, "select library, max(published_at) from ops.publication where state = 'published' group by 1"))
    newest = dict(
        db.rows(
            con,
            "select library, state from (select distinct on (library) library, state from ops.publication order by library, sequence desc) x",
        )
    )
    loaded = dict(db.rows(con, "select dataset, max(loaded_at) from ops.delivery where state = 'loaded' group by 1"))
    fine = []
    for library in registry.ordered_libraries():
        what = f"库（{library.title}）"
        fed = {s.name for n in library.inputs for s, _ in registry.feeding(f"{library.name}.{n}")}
        last = max((loaded[d] for d in fed if d in loaded), default=None)
        at = published.get(library.name)
        if newest.get(library.name) == "held":
            yield warning(
                what,
                "新算的没有发布：严重检查未过，分析人员用的是上一次的",
                f"jichu status 看是哪条；jichu release {library.name} 或改好再运行",
            )
        elif last and not at:
            yield bad(what, "有交付，从未发布", "jichu run，看为何失败")
        elif last and at and last > at and now() - last > BEHIND:
            yield bad(
                what,
                f"{at:%Y-%m-%d %H:%M} 发布，落后于 {last:%Y-%m-%d %H:%M} 装载的交付",
                "jichu run，或在 Airflow 上看 library 的 DAG 为何没有运行",
            )
        elif at:
            fine.append(f"{library.title} {at:%m-%d %H:%M}")
    if fine:
        yield ok("库", f"已发布：{'，'.join(fine)}")


CHECKS: dict[str, Callable[[Settings, Connection, Registry], Iterator[Line]]] = {
    "锁": locks,
    "遗留物": leftovers,
    "备份": backups,
    "挂起": waiting,
    "库": stale,
}
