"""Departments' database servers, and lines that break: a private MariaDB, a TCP proxy that hangs up or falls silent."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pymysql

from etl.platform.postgres import free_port
from etl.settings import ROOT, Settings
from etl.spec import Source

SQL = Path("/usr/share/mysql")
PARTS = ("mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql")
LIGHT = ("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M")


class MariaDB:
    """A private server in `folder`, on a free loopback port; its one account owns everything and has a password."""

    def __init__(self, folder: Path):
        self.folder, self.port, self.password = folder, free_port(), secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Makes the system tables and starts the server (about 2 s)."""
        (self.folder / "data").mkdir(parents=True)
        tables = "create database mysql;\nuse mysql;\nset @auth_root_socket = null;\n"
        tables += "".join((SQL / part).read_text(encoding="utf-8") for part in PARTS)
        subprocess.run([*self._command(), "--bootstrap", "--log-warnings=0"], input=tables.encode(), check=True, capture_output=True)
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen([*self._command(), "--skip-log-bin"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait()
        with self._connected(unix_socket=str(self.folder / "s"), user="root") as con, con.cursor() as cursor:
            cursor.execute("create user owner@'127.0.0.1' identified by %s", [self.password])
            cursor.execute("grant all on *.* to owner@'127.0.0.1' with grant option")

    def stop(self) -> None:
        """Ends the server; its folder stays."""
        if self._process:
            self._process.terminate()
            self._process.wait(30)

    def run(self, *statements: str, charset: str = "utf8mb4") -> None:
        """Statements of the owner, one by one."""
        with (
            self._connected(host="127.0.0.1", port=self.port, user="owner", password=self.password, charset=charset) as con,
            con.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)

    @contextmanager
    def locking(self, table: str) -> Iterator[None]:
        """Somebody else holds the table for writing."""
        with self._connected(host="127.0.0.1", port=self.port, user="owner", password=self.password) as con, con.cursor() as cursor:
            cursor.execute(f"lock tables {table} write")
            yield

    def uri(self, user: str = "owner", password: str | None = None, port: int | None = None, query: str = "") -> str:
        """An Airflow connection URI."""
        return f"mysql://{user}:{self.password if password is None else password}@127.0.0.1:{port or self.port}/{query}"

    def _command(self) -> list[str]:
        account = ["--user=root"] if os.geteuid() == 0 else []
        place = [f"--datadir={self.folder}/data", f"--socket={self.folder}/s", f"--pid-file={self.folder}/pid"]
        return [_program(), "--no-defaults", *account, *place, f"--port={self.port}", "--bind-address=127.0.0.1", *LIGHT]

    def _wait(self) -> None:
        for _ in range(300):
            with suppress(pymysql.Error), self._connected(unix_socket=str(self.folder / "s"), user="root"):
                return
            time.sleep(0.1)
        raise RuntimeError((self.folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:])

    @contextmanager
    def _connected(self, **how: Any) -> "Iterator[pymysql.Connection[Any]]":
        con = pymysql.connect(autocommit=True, **how)
        try:
            yield con
        finally:
            con.close()


def _program() -> str:
    """mariadbd, which is where only root looks."""
    found = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not found:
        raise RuntimeError("MariaDB's server is not on this machine: run `etl/platform/setup.sh test`")
    return found


class Line:
    """A TCP proxy before a server: after `whole` bytes from the server it hangs up, or (silent) sends nothing any more."""

    def __init__(self, to: int, whole: int, silent: bool = False):
        self.to, self.whole, self.silent, self.passed = to, whole, silent, 0
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Closes every connection."""
        for each in (self._door, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = socket.create_connection(("127.0.0.1", self.to))
                self._open += [client, server]
                threading.Thread(target=self._carry, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._carry, args=(server, client, True), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if counted and self.passed + len(data) > self.whole:
                    target.sendall(data[: self.whole - self.passed])
                    self.passed = self.whole
                    if not self.silent:
                        target.shutdown(socket.SHUT_RDWR)
                    return
                self.passed += len(data) * counted
                target.sendall(data)


MEASURED = """
import json, resource, sys, time
from dataclasses import replace
from pathlib import Path
from etl import extract, settings
from etl.spec import Source
import etl.extract.database, etl.extract.postgres, etl.extract.mysql
def peak():
    return int(next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM")).split()[1]) // 1024
of = Source.model_validate_json(sys.argv[1])
here = replace(settings.load(Path(sys.argv[2]), "2018-03-05"), home=Path(sys.argv[2]))
before, began = peak(), time.monotonic()
landed = extract.land(of, extract.find(of, here)[0], here)
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"rows": landed.rows_in, "peak_mb": peak(), "grown_mb": peak() - before,
    "seconds": round(time.monotonic() - began, 1), "cpu_seconds": round(used.ru_utime + used.ru_stime, 1)}))
"""


def measured(of: Source, here: Settings) -> dict[str, float]:
    """Lands a source in a process of its own: its rows, peak memory (in all, and above what the imports take), seconds."""
    command = [sys.executable, "-c", MEASURED, of.model_dump_json(by_alias=True), str(here.home)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told
