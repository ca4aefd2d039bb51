"""This machine: settings, JICHU_HOME and who can look into it, disk space, the time zone."""

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from etl.doctor.line import Line, bad, ok, warning
from etl.platform.postgres import Cluster
from etl.settings import ROOT, Settings, embedded_url
from etl.spec.registry import nearest

PERSONAL = ("landing", "cache", "tmp", "mail", "exchange", "reports", "site", "linkage")
SECRETS: tuple[str, ...] = (
    "connections.env",
    "postgres/url",
    "postgres/superuser",
    "postgres/jichu",
    "postgres/airflow",
    "postgres/analyst",
    "airflow/passwords.json",
)
SECRETS += ("airflow/fernet_key", "airflow/jwt_secret", "airflow/secret_key")
GB = 1024**3
LOW, OUT = 5 * GB, 1 * GB  # free bytes
LOW_SHARE = 0.05
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def settings_known(settings: Settings) -> Iterator[Line]:
    """Misspelt and doubtful settings."""
    given = sorted(n for n in os.environ if n.startswith("JICHU_"))
    page = ROOT / "docs" / "settings.md"
    known = set(re.findall(r"JICHU_[A-Z0-9_]+", page.read_text(encoding="utf-8"))) if page.exists() else set(given)
    strange = [n for n in given if n not in known and n.removesuffix("_FILE") not in known]
    for name in strange:
        yield warning("设置", f"不认识 {name}", f"{nearest(name, sorted(known))}；见 docs/settings.md")
    if os.environ.get("JICHU_TODAY"):
        yield warning("设置", f"JICHU_TODAY={settings.today}：业务日期停在这一天", "正式运行时不设它，用时钟；补跑用 --as-of")
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2
    if settings.memory_mb > whole * 0.8:
        yield warning("设置", f"JICHU_MEMORY 为 {settings.memory_mb} MB，机器只有 {whole} MB", "改小到机器内存的六成以下")
    here = settings.drop_url is None  # whether object storage answers shows among the sources
    if here and not settings.drop.is_dir():
        yield warning("设置", f"投递文件夹 {settings.drop} 不在", "建好它，或用 JICHU_DROP 指向各部门投递的地方")
    elif here and not os.access(settings.drop, os.R_OK | os.X_OK):
        yield bad("设置", f"投递文件夹 {settings.drop} 读不了", "给运行 jichu 的用户读的权限")
    if not strange:
        yield ok(
            "设置",
            f"JICHU_HOME={settings.home}，投递 {settings.drop_url or settings.drop}，引擎 {settings.engine}，内存 {settings.memory_mb} MB",
        )


def permissions(settings: Settings) -> Iterator[Line]:
    """JICHU_HOME: ours, writable, closed to others where personal data or secrets are."""
    home = settings.home
    if not home.is_dir():
        yield warning("JICHU_HOME", f"{home} 不在", "第一次运行会自己建；或核对 JICHU_HOME")
        return
    if not os.access(home, os.W_OK | os.X_OK):
        yield bad("JICHU_HOME", f"{home} 写不了", "交给运行 jichu 的用户：chown，或换 JICHU_HOME")
        return
    about = home.stat()
    if about.st_uid != os.geteuid():
        yield warning("JICHU_HOME", f"{home} 属于别的用户（{about.st_uid}）", "定时任务与人工运行用同一个用户")
    open_to_others = [n for n in PERSONAL if (home / n).is_dir() and (home / n).stat().st_mode & OTHERS and _readable_inside(home / n)]
    if about.st_mode & stat.S_IWOTH:
        open_to_others.append(".")
    told = [n for n in SECRETS if (home / n).exists() and (home / n).stat().st_mode & OTHERS]
    if told:
        yield bad(
            "权限", f"别的用户能读口令文件：{'、'.join(told)}", f"chmod 600 {' '.join(str(home / n) for n in told)}；口令当已泄露，更换"
        )
    if open_to_others:
        yield bad(
            "权限",
            f"别的用户能看 {home} 下的 {'、'.join(open_to_others)}（含个人信息）",
            f"chmod -R go= {' '.join(str(home / n) for n in open_to_others)}",
        )
    if not told and not open_to_others:
        yield ok("权限", "落地、缓存、邮件与口令文件只有本用户可读")


def _readable_inside(folder: Path, most: int = 2000) -> bool:
    """Whether anything in an open folder is open too; looks at the first so many."""
    for number, path in enumerate(folder.rglob("*")):
        if number > most:
            return False
        if not path.is_symlink() and path.is_file() and path.stat().st_mode & OTHERS:
            return True
    return False


def disk(settings: Settings) -> Iterator[Line]:
    """Room where we write, and where the embedded database does."""
    places = {"JICHU_HOME": _there(settings.home)}
    if settings.database_url and settings.database_url == embedded_url(settings.home):
        places["内嵌数据库"] = _there(Cluster(settings.home).data)
    for name, path in places.items():
        total, _, free = shutil.disk_usage(path)
        said = f"{path} 剩 {free / GB:.1f} GB（共 {total / GB:.0f} GB）"
        todo = "加磁盘；jichu prune 清过期的落地副本；旧备份移走"
        if free < OUT:
            yield bad(f"磁盘（{name}）", said, todo)
        elif free < LOW or free < total * LOW_SHARE:
            yield warning(f"磁盘（{name}）", said, todo)
        else:
            yield ok(f"磁盘（{name}）", said)


def _there(path: Path) -> Path:
    """The path, or the nearest folder above it that we may look at."""
    while not os.access(path, os.X_OK) and path != path.parent:
        path = path.parent
    return path


CHECKS: dict[str, Callable[[Settings], Iterator[Line]]] = {"设置": settings_known, "权限": permissions, "磁盘": disk}
