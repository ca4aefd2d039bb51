"""What is not ours: the departments' connections, the mail server, Airflow."""

import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from etl import connections, extract
from etl.connections import Connection
from etl.doctor.line import Line, bad, ok, warning
from etl.errors import JichuError
from etl.platform import airflow, processes
from etl.settings import Settings
from etl.spec import Registry

SECONDS = 5
PORTS = {"postgres": 5432, "mysql": 3306, "http": 80, "https": 443}
WAITS = 86400  # seconds after which a mail in the outbox is worth a look


def sources(settings: Settings, registry: Registry) -> Iterator[Line]:
    """Each department that is read by a connection: declared, and its server answers and lets us in."""
    wanted: dict[str, list[str]] = {}
    for source in registry.sources.values():
        if source.delivery.channel != "file":
            wanted.setdefault(source.department, []).append(source.dataset)
    for department, datasets in sorted(wanted.items()):
        what = f"来源（{registry.departments[department].title}）"
        try:
            found = connections.get(department, settings.home)
        except JichuError as e:
            yield bad(what, str(e), "改正连接的写法")
            continue
        if found is None:
            yield warning(
                what,
                f"没有连接，{'、'.join(datasets)} 会被跳过",
                f"设 AIRFLOW_CONN_{department.upper()}（docs/settings.md），或确认本就不接",
            )
        elif reason := _refused(found):
            yield bad(what, f"{found.place} {reason}", f"核对 AIRFLOW_CONN_{department.upper()}、网络与防火墙；问该部门服务是否在运行")
        else:
            yield ok(what, f"{found.conn_type} {found.place} 连得上")
    files = [s for s in registry.sources.values() if s.delivery.channel == "file"]
    there = [s for s in files if extract.reachable(s, settings)]
    if not there:
        yield warning(
            "来源（文件）", f"{settings.drop_url or settings.drop} 下没有任何已声明的数据集", "核对 JICHU_DROP；文件夹应为 部门/数据集/日期"
        )
    else:
        yield ok("来源（文件）", f"{len(files)} 个文件数据集，{len(there)} 个有投递文件夹")


def _refused(found: Connection) -> str:
    """Why a connection does not work; empty when it does. Never the server's own words."""
    try:
        if found.conn_type == "postgres":
            _postgres(found)
        elif found.conn_type == "mysql":
            _mysql(found)
        else:
            host = found.host or "localhost"
            parts = urlsplit(host if "://" in host else f"//{host}")
            scheme = parts.scheme or found.schema or found.conn_type
            with socket.create_connection((parts.hostname or "localhost", found.port or parts.port or PORTS.get(scheme, 80)), SECONDS):
                pass
    except Exception as e:
        return f"连不上（{type(e).__name__}）"
    return ""


def _postgres(found: Connection) -> None:
    import psycopg2

    options = {k: v for k, v in found.extra.items() if k in ("sslmode", "sslrootcert", "sslcert", "sslkey")}
    psycopg2.connect(
        host=found.host or "localhost",
        port=found.port or PORTS["postgres"],
        user=found.login,
        password=found.password,
        dbname=found.schema,
        connect_timeout=SECONDS,
        **options,
    ).close()


def _mysql(found: Connection) -> None:
    import pymysql

    options = {k: v for k, v in found.extra.items() if k in ("ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_identity", "unix_socket")}
    pymysql.connect(
        host=found.host or "localhost",
        port=found.port or PORTS["mysql"],
        user=found.login,
        password=found.password or "",
        database=found.schema,
        connect_timeout=SECONDS,
        **options,
    ).close()


def mail(settings: Settings, registry: Registry) -> Iterator[Line]:
    """The mail server answers and lets us in; nothing waits for days. No mail is sent."""
    found = connections.get("smtp_default", settings.home)
    if found is None:
        yield warning("邮件", "没有声明邮件服务器：通报只存为 JICHU_HOME/mail 下的文件", "设 AIRFLOW_CONN_SMTP_DEFAULT（docs/settings.md）")
        return
    try:
        _greeted(found)
        yield ok("邮件", f"{found.place} 应答正常")
    except Exception as e:
        yield bad(
            "邮件",
            f"{found.place} 连不上或不让登录（{type(e).__name__}）",
            "核对 AIRFLOW_CONN_SMTP_DEFAULT；邮件留在发件箱里，恢复后下次一并发出",
        )
    waiting = list((settings.home / "mail" / "outbox").glob("*.json"))
    old = [p for p in waiting if time.time() - p.stat().st_mtime > WAITS]
    if old:
        yield warning("邮件", f"发件箱里有 {len(waiting)} 封，{len(old)} 封等了一天以上", "jichu report --send 再发；原因见 quality.letter")


def _greeted(found: Connection) -> None:
    yes = ("true", "1", "yes", "on")
    context = ssl.create_default_context()
    if found.extra.get("ssl_context") == "none":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, secure = found.host or "localhost", str(found.extra.get("disable_ssl", "")).lower() not in yes
    client = (
        smtplib.SMTP_SSL(host, found.port or 465, timeout=SECONDS, context=context)
        if secure
        else smtplib.SMTP(host, found.port or 25, timeout=SECONDS)
    )
    with client:
        if not secure and str(found.extra.get("disable_tls", "")).lower() not in yes:
            client.starttls(context=context)
        if found.login:
            client.login(found.login, found.password or "")
        client.noop()


def scheduler(settings: Settings, registry: Registry) -> Iterator[Line]:
    """The embedded Airflow, where there is one: its processes and what it says of itself."""
    if not (settings.home / "airflow" / "ports.json").exists():
        yield ok("Airflow", "这里没有内嵌的 Airflow（用 jichu run 定时运行，或 Airflow 在别处：看它自己的健康页）")
        return
    dead = [n for n in airflow.COMMANDS if not processes.running(settings.home, n)]
    if len(dead) == len(airflow.COMMANDS):
        yield warning("Airflow", "没有运行", "jichu up")
    elif dead:
        yield bad("Airflow", f"{'、'.join(dead)} 没有运行", f"jichu up；为何停了见 {settings.home / 'logs'}")
    elif sick := [p for p in airflow.HEALTHY_PARTS if not airflow.healthy(airflow.address(settings.home), p)]:
        yield bad("Airflow", f"{'、'.join(sick)} 不正常", f"看 {settings.home / 'logs'}；jichu down 再 jichu up")
    else:
        yield ok("Airflow", f"{airflow.address(settings.home)} 正常")


CHECKS: dict[str, Callable[[Settings, Registry], Iterator[Line]]] = {"来源": sources, "邮件": mail, "Airflow": scheduler}
