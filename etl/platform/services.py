"""Up, down, status: every service of one JICHU_HOME."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg2

from etl.errors import DatabaseError, JichuError
from etl.platform import airflow, departments, processes
from etl.platform.postgres import Cluster, Server
from etl.settings import Settings, embedded_url

Say = Callable[[str], None]


@dataclass(frozen=True)
class Database:
    """The server in use: `library` and `metadata` are URLs; `cluster` is None when JICHU_DATABASE_URL names another server."""

    server: Server
    library: str
    metadata: str
    cluster: Cluster | None


def up(settings: Settings, say: Say) -> Settings:
    """Starts whatever does not run and returns the settings with the database's URL. Safe to call again."""
    settings = prepare(settings)
    database = start_database(settings, say)
    settings = replace(settings, database_url=database.library)
    serving = demo_drop(settings).is_dir()
    connections = departments.connections(settings.home, database.server, departments=serving)
    departments.start_mail(settings.home)
    if serving and (served := departments.serve(settings.home, database.server, demo_drop(settings))):
        say(f"演示部门的数据库和接口：{'、'.join(served)}")
    start_airflow(settings, database, connections, say)
    return settings


def down(settings: Settings, say: Say) -> None:
    """Ends every service of this JICHU_HOME, Airflow first; no process is left."""
    if airflow.stop(settings.home):
        say("Airflow 已停止")
    for name in processes.names(settings.home):
        if processes.stop(settings.home, name):
            say(f"{name} 已停止")
    if Cluster(settings.home).stop():
        say("PostGIS 已停止")


def clean(settings: Settings, say: Say) -> None:
    """Ends everything and removes the embedded database, Airflow's state, the demo city and what was computed from it.

    A drop folder that people filled is left alone.
    """
    down(settings, say)
    Cluster(settings.home).remove()
    made_here = ("airflow", "cache", "demo", "departments", "landing", "logs", "mail", "reports", "run", "tmp")
    for name in made_here:
        shutil.rmtree(settings.home / name, ignore_errors=True)
    (settings.home / "connections.env").unlink(missing_ok=True)
    say(f"已清空 {settings.home}")


def status(settings: Settings) -> list[tuple[str, str]]:
    """(service, how it is), in the order in which they start."""
    home, cluster = settings.home, Cluster(settings.home)
    out = [("PostGIS", _database_state(settings, cluster))]
    for name in sorted({*processes.names(home), departments.MAIL, *airflow.COMMANDS}):
        pid = processes.running(home, name)
        out.append((name, f"运行中（进程 {pid}）" if pid else "未运行"))
    if processes.running(home, "airflow-api-server"):
        where = airflow.address(home)
        out.append(("Airflow", f"{where} {'正常' if airflow.healthy(where) else '尚未就绪'}"))
    return out


def prepare(settings: Settings) -> Settings:
    """JICHU_HOME itself, and the drop folder in use: the demo's when nobody filled another one."""
    if not settings.home.exists():
        # The database's own user must pass through, nobody needs to look in.
        settings.home.mkdir(mode=0o711, parents=True)
    if not settings.drop.exists() and not os.environ.get("JICHU_DROP") and demo_drop(settings).is_dir():
        return replace(settings, drop=demo_drop(settings))
    return settings


def demo_drop(settings: Settings) -> Path:
    """Where the demo city's deliveries are."""
    return settings.home / "demo" / "drop"


def start_database(settings: Settings, say: Say) -> Database:
    """The embedded cluster, started; or the server that JICHU_DATABASE_URL names."""
    if settings.database_url and settings.database_url != embedded_url(settings.home):
        return _existing(settings, say)
    cluster = Cluster(settings.home)
    url = cluster.start()
    say(f"PostGIS：127.0.0.1:{cluster.port}，数据在 {cluster.data}")
    return Database(cluster.server, url, cluster.role_url("airflow", "airflow"), cluster)


def start_airflow(settings: Settings, database: Database, connections: dict[str, str], say: Say, *, abandon: bool = False) -> None:
    """Starts Airflow, anew when its settings or our code changed since; `abandon`: without the runs that were cut off."""
    extra = connections | {
        "JICHU_DATABASE_URL": database.library,
        "JICHU_HOME": str(settings.home),
        "JICHU_DROP": str(settings.drop),
    }
    airflow.Airflow(settings.home, database.metadata, extra).start(abandon=abandon)
    say(f"Airflow：{airflow.address(settings.home)}")


def grant_analyst(database: Database) -> None:
    """Gives the roles what is theirs, `analyst` among them. On a server of somebody else's its administrator does (docs/security.md)."""
    if database.cluster is not None:
        database.cluster.grant_roles("jichu")


def _existing(settings: Settings, say: Say) -> Database:
    """An existing PostGIS; Airflow's metadata goes into a database beside the libraries' own, or where AIRFLOW__… says."""
    parts = urlsplit(settings.database_url)
    name = parts.path.lstrip("/")
    server = Server(parts.hostname or "localhost", parts.port or 5432, unquote(parts.username or ""), unquote(parts.password or ""), name)
    metadata = os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "").replace("postgresql+psycopg2://", "postgresql://", 1)
    try:
        if not metadata:
            beside = f"{name}_airflow"
            if not server.has_database(beside):
                server.create_database(beside, server.user)
            metadata = server.url(beside)
    except psycopg2.errors.InsufficientPrivilege:
        raise JichuError(
            f"数据库用户 {server.user} 不能为 Airflow 建库；请管理员授权：alter role {server.user} createdb createrole;"
            " 或用 AIRFLOW__DATABASE__SQL_ALCHEMY_CONN 指定 Airflow 的元数据库"
        ) from None
    except psycopg2.OperationalError:
        raise DatabaseError(f"连不上 JICHU_DATABASE_URL 所指的数据库 {server.host}:{server.port}") from None
    say(f"PostGIS：{server.host}:{server.port}/{name}（已有的服务器）")
    return Database(server, settings.database_url, metadata, None)


def _database_state(settings: Settings, cluster: Cluster) -> str:
    if settings.database_url and settings.database_url != embedded_url(settings.home):
        parts = urlsplit(settings.database_url)
        return f"使用已有的服务器 {parts.hostname}:{parts.port or 5432}{parts.path}"
    return f"运行中（127.0.0.1:{cluster.port}）" if cluster.running() else "未运行"
