"""Where a department's connection is looked up, and what is said of it."""

import json
from pathlib import Path

import pytest

from etl import connections
from etl.connections import Connection
from etl.errors import UsageError

NAME = "AIRFLOW_CONN_TEST_OFFICE"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "postgres://reader:p%40ss%2F@db.example:5433/gaj?sslmode=disable",
            Connection("postgres", "db.example", 5433, "reader", "p@ss/", "gaj", {"sslmode": "disable"}),
        ),
        ("postgresql://db/gaj", Connection("postgres", "db", schema="gaj")),
        ("http://:key@127.0.0.1:8080", Connection("http", "127.0.0.1", 8080, password="key")),
        ("http://https://api.example:99/", Connection("http", "https://api.example", 99)),
        ("http://https%3A%2F%2Fapi.example/https", Connection("http", "https://api.example", schema="https")),
        ("mariadb://u:p@[::1]:3306/x?__extra__=%7B%22a%22%3A%201%7D", Connection("mysql", "::1", 3306, "u", "p", "x", {"a": 1})),
        (
            '{"conn_type": "http", "host": "h", "port": "80", "password": "key", "extra": "{\\"verify\\": \\"/ca.pem\\"}"}',
            Connection("http", "h", 80, password="key", extra={"verify": "/ca.pem"}),
        ),
    ],
)
def test_both_of_airflows_forms_are_read(text: str, wanted: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(NAME, text)
    assert connections.get("test_office", tmp_path) == wanted


def test_no_secret_is_ever_shown() -> None:
    shown = repr(connections.parse("http://u:geheim@h:1/s?token=geheim"))
    assert "geheim" not in shown
    assert "host='h'" in shown


@pytest.mark.parametrize(
    "text", ["geheim", '{"conn_type": "http", "password": "geheim"', '{"password": "geheim"}', "http://u:geheim@h:port/"]
)
def test_a_malformed_connection_is_named_without_its_text(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(UsageError, match=NAME) as wrong:
        connections.get("test_office", tmp_path)
    assert "geheim" not in str(wrong.value)
    assert wrong.value.__suppress_context__


def test_the_file_of_the_embedded_platform_comes_second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "connections.env").write_text(
        f"# ours\n\n{NAME}=http://:a@file:1\nAIRFLOW_CONN_B='{json.dumps({'conn_type': 'http', 'host': 'b'})}'\n", "utf-8"
    )
    assert connections.get("test_office", tmp_path) == Connection("http", "file", 1, password="a")
    assert connections.get("b", tmp_path) == Connection("http", "b")
    monkeypatch.setenv(NAME, "http://:a@environment:1")
    assert connections.get("test_office", tmp_path) == Connection("http", "environment", 1, password="a")


def test_nobody_declared_means_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(NAME, raising=False)
    assert connections.get("test_office", tmp_path) is None
