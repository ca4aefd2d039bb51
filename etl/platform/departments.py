"""The demo city's departments, served for real: a database each with a read-only account, a paged JSON API, a mail server.

Written for the pipeline: JICHU_HOME/connections.env (0600) with `AIRFLOW_CONN_<DEPARTMENT>=…` and
`AIRFLOW_CONN_SMTP_DEFAULT=…`. A connection that the caller's own environment declares is left to it.
"""

import contextlib
import hashlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg2
from psycopg2 import sql

from etl import spec
from etl.connections import FILE
from etl.errors import JichuError
from etl.platform import processes
from etl.platform.postgres import Server, free_port, port_in_use, role_url, secret, write_secret
from etl.settings import ROOT

OWNER = "departments"
MAIL = "mail-sink"
SENDER = "jichu%40example.invalid"


def channels() -> dict[str, set[str]]:
    """Departments that deliver by database or API: department → channels, as schemas/sources declare them."""
    out: dict[str, set[str]] = {}
    for source in spec.load().sources.values():
        if source.delivery.channel != "file":
            out.setdefault(source.department, set()).add(source.delivery.channel)
    return out


def connections(home: Path, server: Server, departments: bool) -> dict[str, str]:
    """AIRFLOW_CONN_… variables of what is served here; written to connections.env. Ports are kept from run to run."""
    out = {} if os.environ.get("AIRFLOW_CONN_SMTP_DEFAULT") else {"AIRFLOW_CONN_SMTP_DEFAULT": _mail_connection(home)}
    for department, ways in channels().items() if departments else ():
        key = f"AIRFLOW_CONN_{department.upper()}"
        if key in os.environ:
            continue
        if "api" in ways:
            out[key] = f"http://:{_key(home, department)}@127.0.0.1:{_port(home, _api(department))}"
        else:
            url = role_url(_reader(department), _password(home, department), server.port, _database(department), server.host)
            out[key] = url.replace("postgresql://", "postgres://", 1)
    write_secret(home / FILE, "".join(f"{k}={v}\n" for k, v in sorted(out.items())))
    return out


def start_mail(home: Path) -> None:
    """Starts the mail server that keeps every message under JICHU_HOME/mail, unless another one is configured."""
    if os.environ.get("AIRFLOW_CONN_SMTP_DEFAULT"):
        return
    port = _port(home, MAIL)
    command = [sys.executable, "-m", "etl.platform.mail", "--folder", str(home / "mail"), "--port", str(port)]
    processes.start(home, MAIL, command, _environment())
    processes.wait_or_explain(home, MAIL, lambda: port_in_use(port), 30)


def serve(home: Path, server: Server, drop: Path) -> list[str]:
    """Serves what `drop/<department>/database.sql` and `drop/<department>/api/` hold; returns the departments served."""
    served = []
    for department, ways in channels().items():
        folder = drop / department
        if "database" in ways and (folder / "database.sql").is_file():
            load_database(home, server, department, folder / "database.sql")
            served.append(department)
        if "api" in ways and (folder / "api").is_dir():
            _start_api(home, department, folder / "api")
            served.append(department)
    return sorted(set(served))


def load_database(home: Path, server: Server, department: str, dump: Path) -> bool:
    """Loads a department's dump into a database of its own, unless that very dump is there; True when it was loaded.

    The dump is executed as an ordinary role: what comes from a delivery folder must not run as superuser.
    """
    name, digest = _database(department), hashlib.sha256(dump.read_bytes()).hexdigest()
    server.create_role(_reader(department), _password(home, department))
    if server.has_database(name) and _comment(server, name) == digest:
        return False
    owner, owner_password = _owner(home, server)
    server.drop_database(name)
    server.create_database(name, owner)
    connection = psycopg2.connect(role_url(owner, owner_password, server.port, name, server.host))
    try:
        with connection, connection.cursor() as cursor:
            for statement, rows in _statements(dump):
                cursor.execute(statement) if rows is None else cursor.copy_expert(statement, rows)
            cursor.execute(_GRANT, {"reader": _reader(department)})
        with connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("comment on database {} is {}").format(sql.Identifier(name), sql.Literal(digest)))
    finally:
        connection.close()
    return True


_GRANT = """
select set_config('jichu.reader', %(reader)s, true);
do $$ declare place text; begin
    for place in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
        execute format('grant usage on schema %%I to %%I', place, current_setting('jichu.reader'));
        execute format('grant select on all tables in schema %%I to %%I', place, current_setting('jichu.reader'));
    end loop;
end $$
"""


def _statements(dump: Path) -> Iterator[tuple[str, io.BytesIO | None]]:
    """A plain dump as (SQL, None) and (COPY … FROM stdin, its rows) pairs; psql's own backslash commands are left out."""
    pending: list[str] = []
    with dump.open("rb") as f:
        for line in f:
            if line.startswith(b"\\"):
                continue
            text = line.decode("utf-8")
            if not text.lower().startswith("copy "):
                pending.append(text)
                continue
            if "".join(pending).strip():
                yield "".join(pending), None
            pending = []
            yield text.rstrip().rstrip(";"), _copied(f)
    if "".join(pending).strip():
        yield "".join(pending), None


def _copied(lines: Iterator[bytes]) -> io.BytesIO:
    """The rows of one COPY, up to its end mark."""
    rows = io.BytesIO()
    for line in lines:
        if line.rstrip(b"\r\n") == b"\\.":
            break
        rows.write(line)
    rows.seek(0)
    return rows


def _start_api(home: Path, department: str, folder: Path) -> None:
    port, key = _port(home, _api(department)), home / "departments" / f"{department}.key"
    _key(home, department)
    arguments = ["--folder", str(folder), "--port", str(port), "--key-file", str(key)]
    processes.start(home, _api(department), [sys.executable, "-m", "etl.platform.department_api", *arguments], _environment())
    processes.wait_or_explain(home, _api(department), lambda: _answers(port), 30)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=2, trust_env=False).status_code == httpx.codes.UNAUTHORIZED
    except httpx.HTTPError:
        return False


def _port(home: Path, name: str) -> int:
    """The port of a service: the one it had, unless somebody else took it meanwhile."""
    file = home / "departments" / "ports.json"
    ports: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError):
        ports = json.loads(file.read_text(encoding="ascii"))
    if name not in ports or (port_in_use(ports[name]) and processes.running(home, name) is None):
        ports[name] = free_port()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(ports), encoding="ascii")
    return ports[name]


def _owner(home: Path, server: Server) -> tuple[str, str]:
    """The role that owns the departments' databases: the server's own where it is an ordinary one."""
    if server.user != "postgres":
        return server.user, server.password
    password = secret(home / "departments" / "owner")
    server.create_role(OWNER, password)
    return OWNER, password


def _comment(server: Server, database: str) -> str | None:
    connection = psycopg2.connect(server.url(database))
    try:
        with connection.cursor() as cursor:
            cursor.execute("select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()")
            row = cursor.fetchone()
            return str(row[0]) if row and row[0] else None
    finally:
        connection.close()


def _mail_connection(home: Path) -> str:
    return f"smtp://127.0.0.1:{_port(home, MAIL)}?disable_ssl=true&disable_tls=true&from_email={SENDER}"


def _environment() -> dict[str, str]:
    """A helper process needs no secret and no setting of ours."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
    return {k: v for k, v in os.environ.items() if k in kept} | {"TZ": "Asia/Shanghai", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def _key(home: Path, department: str) -> str:
    return secret(home / "departments" / f"{department}.key")


def _password(home: Path, department: str) -> str:
    return secret(home / "departments" / f"{department}.password")


def _api(department: str) -> str:
    return f"api-{department}"


def _database(department: str) -> str:
    return f"department_{department}"


def _reader(department: str) -> str:
    return f"reader_{department}"


def require_rights(server: Server, say: Callable[[str], None]) -> None:
    """An existing PostGIS can hold the demo's departments only when its user may make databases and roles."""
    connection = psycopg2.connect(server.url(server.maintenance))
    try:
        with connection.cursor() as cursor:
            cursor.execute("select rolsuper or (rolcreatedb and rolcreaterole) from pg_roles where rolname = current_user")
            allowed = cursor.fetchone() == (True,)
    finally:
        connection.close()
    if not allowed:
        say(f"数据库用户 {server.user} 不能建库、建角色；请管理员执行：alter role {server.user} createdb createrole;")
        raise JichuError("演示城市需要在该服务器上为部门各建一个库（实际部署不需要）；授权后请重新运行")
