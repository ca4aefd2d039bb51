"""PostgreSQL's own programs (pg_dump, pg_restore): found, told where to go, never given a password on the command line."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from psycopg2.extensions import make_dsn, parse_dsn

from etl.errors import DatabaseError, JichuError
from etl.platform.postgres import binaries
from etl.settings import Settings

SAID = 300  # characters of what a program says that are repeated


def program(name: str) -> str:
    """Where the program is: the newest version of the machine, or PGBIN's."""
    return str(binaries("pg_dump", "pg_restore") / name)


def target(settings: Settings) -> tuple[str, dict[str, str]]:
    """(connection string without secrets, environment with them) for a program of PostgreSQL."""
    if not settings.database_url:
        raise DatabaseError("没有可用的数据库：先运行 jichu up（内嵌 PostGIS），或把 JICHU_DATABASE_URL 指向已有的 PostGIS")
    told = parse_dsn(settings.database_url)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JICHU_", "AIRFLOW"))}
    if password := told.pop("password", None):
        environment["PGPASSWORD"] = password
    told.pop("sslpassword", None)
    return make_dsn(**told), environment | {"PGTZ": "Asia/Shanghai", "PGAPPNAME": "jichu"}


def start(settings: Settings, name: str, arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Starts a program on the library database; what it says goes into the private file `log`."""
    where, environment = target(settings)
    with log.open("wb") as f:
        return subprocess.Popen(
            [program(name), "--dbname", where, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=f, stderr=f
        )


def check(process: subprocess.Popen[bytes], name: str, log: Path) -> None:
    """Waits for its end. JichuError with its first complaint: details and contexts, which may quote a row, are left out."""
    if process.wait() == 0:
        return
    said = log.read_text(encoding="utf-8", errors="replace")
    complaints = re.findall(rf"^{name}: (?:error|错误)\s*:\s*(.*)$", said, flags=re.MULTILINE)
    what = complaints[0][:SAID] if complaints else f"退出码 {process.returncode}"
    if "server version" in said:
        raise JichuError(f"{name} 比数据库旧：请安装与数据库同版本（或更新）的 postgresql-client，或用 PGBIN 指定其文件夹")
    raise JichuError(f"{name} 没有做成：{what}")


def listed(folder: Path) -> list[str]:
    """The table of contents of a dump, a line an entry."""
    done = subprocess.run([program("pg_restore"), "--list", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise JichuError("备份里的数据库转储读不出来（pg_restore --list）")
    return [line for line in done.stdout.splitlines() if line and not line.startswith(";")]
