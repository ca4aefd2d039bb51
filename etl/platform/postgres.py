"""The embedded PostGIS: one private cluster under JICHU_HOME, on a free loopback port, passwords made here.

`JICHU_HOME/postgres/` holds `url` (the library database), `port`, `place` (where the data directory is) and the
passwords, one 0600 file per role. The data directory stands beside them, or elsewhere when the server's own
user cannot reach it: PostgreSQL refuses to run as root, and /root is closed to others.
"""

import hashlib
import os
import secrets
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

from etl.errors import JichuError
from etl.settings import ROOT

ROLES = ROOT / "sql" / "roles.sql"
EXTENSIONS = ("postgis", "pg_trgm", "fuzzystrmatch")
SOCKET_PATH_LIMIT = 100
SETTINGS = {
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "jit": "off",
    "timezone": "Asia/Shanghai",
    "log_timezone": "Asia/Shanghai",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %u@%d %h ",
    "log_parameter_max_length_on_error": "0",
    "password_encryption": "scram-sha-256",
}


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL server and the role that makes databases on it, working from the database `maintenance`."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    maintenance: str = "postgres"

    def url(self, database: str) -> str:
        """This role's URL of a database."""
        return role_url(self.user, self.password, self.port, database, self.host)

    def run(self, database: str, *statements: str | sql.Composable) -> None:
        """Runs statements one by one, each on its own."""
        connection = psycopg2.connect(self.url(database))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def has_database(self, name: str) -> bool:
        """Whether the database exists."""
        connection = psycopg2.connect(self.url(self.maintenance))
        try:
            with connection.cursor() as cursor:
                cursor.execute("select 1 from pg_database where datname = %s", (name,))
                return cursor.fetchone() is not None
        finally:
            connection.close()

    def create_role(self, name: str, password: str) -> None:
        """A login role with this password, made or brought up to date."""
        role, secret = sql.Identifier(name), sql.Literal(password)
        self.run(
            self.maintenance,
            sql.SQL("do $$ begin if not exists (select from pg_roles where rolname = {}) then create role {} login; end if; end $$").format(
                sql.Literal(name), role
            ),
            sql.SQL("alter role {} login password {}").format(role, secret),
        )

    def create_database(self, name: str, owner: str, template: str | None = None) -> None:
        """An empty database, or a copy of `template`, owned by `owner`."""
        copy = sql.SQL(" template {}").format(sql.Identifier(template)) if template else sql.SQL("")
        self.run(self.maintenance, sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(owner)) + copy)

    def drop_database(self, name: str) -> None:
        """Drops a database and whoever is connected to it."""
        self.run(self.maintenance, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def role_url(user: str, password: str, port: int, database: str, host: str = "127.0.0.1") -> str:
    """A libpq URL."""
    return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/{database}"


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def port_in_use(port: int) -> bool:
    """Whether somebody listens on the loopback port."""
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


def write_secret(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as f:
        f.write(text)


def secret(path: Path, size: int = 16) -> str:
    """The secret in the file, made on first use: `size` random bytes as hexadecimal digits."""
    if not path.exists():
        write_secret(path, secrets.token_hex(size))
    return path.read_text(encoding="utf-8").strip()


def binaries(*needed: str) -> Path:
    """The folder of these programs (initdb and pg_ctl), newest version first; PGBIN names another."""
    candidates = [Path(os.environ["PGBIN"])] if os.environ.get("PGBIN") else []
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(versions, key=lambda p: int(p.parent.name) if p.parent.name.isdigit() else 0, reverse=True)
    for folder in candidates:
        if all((folder / name).exists() for name in needed or ("initdb", "pg_ctl")):
            return folder
    if needed:
        raise JichuError(f"没有找到 PostgreSQL 的 {'、'.join(needed)}：请安装 postgresql-client，或用 PGBIN 指定其文件夹")
    raise JichuError("没有找到 PostgreSQL。请先运行 make setup，或用 JICHU_DATABASE_URL 指向已有的 PostGIS 数据库")


@dataclass(frozen=True)
class Cluster:
    """The embedded cluster of one JICHU_HOME. `durable=False` trades crash safety for speed (tests only)."""

    home: Path
    durable: bool = True

    @property
    def folder(self) -> Path:
        return self.home / "postgres"

    @property
    def server(self) -> Server:
        """The superuser's access."""
        return Server("127.0.0.1", self.port, "postgres", secret(self.folder / "superuser"))

    @property
    def port(self) -> int:
        return int((self.folder / "port").read_text(encoding="ascii"))

    @property
    def data(self) -> Path:
        """The data directory as recorded when the cluster was made."""
        return Path((self.folder / "place").read_text(encoding="utf-8").strip())

    @property
    def made(self) -> bool:
        """Whether the cluster was made here before."""
        return (self.folder / "place").exists() and _exists(self.data / "PG_VERSION")

    def role_url(self, role: str, database: str) -> str:
        """URL of a database for one of the roles made here."""
        return role_url(role, secret(self.folder / role), self.port, database)

    def start(self) -> str:
        """Makes the cluster when there is none, starts it when it is down; returns the URL of the library database."""
        self.start_empty()
        self._make_databases()
        url = self.role_url("jichu", "jichu")
        write_secret(self.folder / "url", url + "\n")
        return url

    def start_empty(self) -> None:
        """Makes and starts the server alone, without roles and databases."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.made:
            self._make()
        if not self.running():
            self._start()

    def stop(self) -> bool:
        """Stops the server; True when it was running. `-w` because a dead postmaster may linger as a zombie."""
        if not self.made or not self.running():
            return False
        _as_server([binaries() / "pg_ctl", "-D", self.data, "-m", "fast", "-w", "-t", "60", "stop"])
        return True

    def running(self) -> bool:
        """Whether the server of this data directory accepts connections on its port."""
        if not self.made:
            return False
        status = _as_server([binaries() / "pg_ctl", "-D", self.data, "status"], check=False)
        return status.returncode == 0 and (self.folder / "port").exists() and port_in_use(self.port)

    def remove(self) -> None:
        """Stops the server and deletes its data."""
        self.stop()
        if (self.folder / "place").exists():
            elsewhere = self.data.parent != self.folder
            shutil.rmtree(self.data.parent if elsewhere else self.data, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self) -> None:
        place = _place(self.folder)
        password_file = place.parent / ".superuser"
        write_secret(password_file, secret(self.folder / "superuser"))
        _give(password_file)
        try:
            made: list[str | Path] = [
                binaries() / "initdb",
                "-D",
                place,
                "-U",
                "postgres",
                "-A",
                "scram-sha-256",
                f"--pwfile={password_file}",
            ]
            _as_server([*made, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
        finally:
            password_file.unlink(missing_ok=True)
        settings = SETTINGS | {"dynamic_shared_memory_type": _shared_memory()}
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
        with (place / "postgresql.conf").open("a", encoding="utf-8") as f:
            f.writelines(f"{key} = '{value}'\n" for key, value in settings.items())
        (self.folder / "place").write_text(f"{place}\n", encoding="utf-8")

    def _start(self) -> None:
        file = self.folder / "port"
        if not file.exists() or port_in_use(self.port):
            file.write_text(f"{free_port()}\n", encoding="ascii")
        socket_folder = self.data if len(f"{self.data}/.s.PGSQL.{self.port}") < SOCKET_PATH_LIMIT else ""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={socket_folder}"
        log = self.data / "server.log"
        started = _as_server([binaries() / "pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", log, "-o", options, "start"], check=False)
        if started.returncode:
            raise JichuError(f"内置 PostgreSQL 没有启动，原因见 {log}")

    def _make_databases(self) -> None:
        server = self.server
        for role in ("jichu", "airflow", "analyst"):
            if not (self.folder / role).exists() or not server.has_database("airflow"):
                server.create_role(role, secret(self.folder / role))
        if not server.has_database("jichu"):
            self.make_library_database("jichu")
        if not server.has_database("airflow"):
            server.create_database("airflow", "airflow")
            # Losing the last half second of Airflow's own notes in a crash costs nothing; waiting for the disk does.
            server.run("postgres", "alter database airflow set synchronous_commit = off", "revoke connect on database airflow from public")
        self.grant_roles("jichu")

    def make_library_database(self, name: str) -> None:
        """An empty database for libraries, with the extensions that only a superuser may create."""
        self.server.create_database(name, "jichu")
        self.server.run(name, *(f"create extension if not exists {e}" for e in EXTENSIONS))
        self.server.run(name, "grant all on schema public to jichu")
        self.grant_roles(name)

    def grant_roles(self, name: str) -> None:
        """Makes the roles, and gives those that are there what is theirs in this library database (sql/roles.sql)."""
        self.server.run(name, ROLES.read_text(encoding="utf-8"))


def _place(folder: Path) -> Path:
    """Where the data directory goes: beside its passwords, or where the user `postgres` can reach it."""
    if os.geteuid() != 0:
        return folder / "data"
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    for parent in (folder, Path("/var/lib") / f"jichu-{digest}", Path("/tmp") / f"jichu-{digest}"):
        try:
            parent.mkdir(parents=True, exist_ok=True)
            parent.chmod(0o711)  # not by mkdir's mode, of which a careful user's umask takes away
            place = parent / "data"
            place.mkdir(mode=0o700, exist_ok=True)
            _give(place)
        except OSError:
            continue
        if _as_server(["test", "-w", place], check=False).returncode == 0:
            return place
        place.rmdir()
    raise JichuError("没有用户 postgres 能到达的文件夹可放数据库；请把 JICHU_HOME 设到 /var/lib 之类的地方")


def _as_server(command: list[str | Path], check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs a PostgreSQL program, as the user `postgres` when we are root; from / because our folder may be closed to it.

    pg_ctl must be given `-l`, or the server inherits the pipe and this never returns.
    """
    drop = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    arguments = [*drop, *map(str, command)]
    result = subprocess.run(
        arguments, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if check and result.returncode:
        raise JichuError(f"{Path(command[0]).name} 失败：{result.stdout.strip()[-500:]}")
    return result


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, "postgres", "postgres")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


def _shared_memory() -> str:
    """Containers give /dev/shm 64 MB, which parallel queries overrun; files in the data directory have no such limit."""
    try:
        shm = os.statvfs("/dev/shm")
    except OSError:
        return "mmap"
    return "posix" if shm.f_bsize * shm.f_blocks >= 512 * 1024**2 else "mmap"
