"""Connections to departments, as Airflow declares them, without needing Airflow.

Looked up in this order: AIRFLOW_CONN_<NAME> in the environment (URI or JSON), the same line in
JICHU_HOME/connections.env (written by the embedded platform), and, only inside a running Airflow, Airflow itself.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from etl.errors import DeliveryRefused, UsageError

FILE = "connections.env"


@dataclass(frozen=True)
class Connection:
    """One connection; `repr` shows neither password nor extras, for they may hold secrets."""

    conn_type: str
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def place(self) -> str:
        """Host and port, for messages."""
        return f"{self.host or 'localhost'}{f':{self.port}' if self.port else ''}"

    def seconds(self, name: str, usual: float) -> float:
        """A time in the extra, or what is usual. Raises DeliveryRefused(unreachable) for what is no time."""
        try:
            found = float(self.extra.get(name) or usual)
        except (TypeError, ValueError):
            found = 0
        if not 0 < found < float("inf"):
            raise DeliveryRefused("unreachable", f"连接的 {name} 应为秒数")
        return found


def get(name: str, home: Path) -> Connection | None:
    """The connection of that name (a department, `smtp_default`), None when nobody declared it."""
    key = f"AIRFLOW_CONN_{name.upper()}"
    text = os.environ.get(key) or _file(home / FILE).get(key)
    if text:
        return parse(text, key)
    return _airflow(name) if "airflow" in sys.modules else None


def parse(text: str, key: str = "") -> Connection:
    """A connection from its URI or JSON form. A malformed one is named by its key alone: the text holds a password."""
    try:
        return _from_json(text) if text.lstrip().startswith("{") else _from_uri(text.strip())
    except (ValueError, TypeError, AttributeError):
        raise UsageError(f"{key}：连接写法有误，应为 URI（类型://用户:密码@主机:端口/库）或 JSON") from None


def _from_json(text: str) -> Connection:
    raw = json.loads(text)
    extra = raw.get("extra") or {}
    port = raw.get("port")
    return Connection(
        conn_type=_kind(raw.get("conn_type") or ""),
        host=raw.get("host") or None,
        port=int(port) if port not in (None, "") else None,
        login=raw.get("login") or None,
        password=raw.get("password") or None,
        schema=raw.get("schema") or None,
        extra=json.loads(extra) if isinstance(extra, str) else dict(extra),
    )


def _from_uri(text: str) -> Connection:
    """Airflow's URI form: every part percent-encoded; an `__extra__` parameter holds JSON."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise ValueError("no scheme")
    kind, host_scheme = _kind(scheme), ""
    if "://" in rest:  # http://https://host: the protocol stands inside the host
        host_scheme, _, rest = rest.partition("://")
    parts = urlsplit(f"any://{rest}")
    extra: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "__extra__" in extra:
        extra = json.loads(extra["__extra__"])
    host = unquote(_host(parts.netloc)) or None
    return Connection(
        conn_type=kind,
        host=f"{host_scheme}://{host}" if host_scheme and host else host,
        port=parts.port,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        schema=unquote(parts.path.lstrip("/")) or None,
        extra=extra,
    )


def _host(netloc: str) -> str:
    """The host of user:password@host:port in its own case; an IPv6 address without its brackets."""
    place = netloc.rpartition("@")[2]
    return place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0]


def _kind(scheme: str) -> str:
    """Airflow's name of the type: postgresql and postgres are one."""
    kind = scheme.lower().replace("-", "_")
    if not kind:
        raise ValueError("no type")
    return {"postgresql": "postgres", "mariadb": "mysql"}.get(kind, kind)


def _file(path: Path) -> dict[str, str]:
    """KEY=VALUE lines; comments and blank lines are skipped, one pair of quotes around a value is taken off."""
    if not path.is_file():
        return {}
    out = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, separator, value = line.strip().removeprefix("export ").partition("=")
        if separator and not key.startswith("#"):
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            out[key.strip()] = value[1:-1] if quoted else value
    return out


def _airflow(name: str) -> Connection | None:
    """The connection as the running Airflow knows it (its database, a secrets backend)."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None
    return Connection(
        conn_type=_kind(found.conn_type or ""),
        host=found.host or None,
        port=found.port,
        login=found.login or None,
        password=found.password or None,
        schema=found.schema or None,
        extra=dict(found.extra_dejson),
    )
