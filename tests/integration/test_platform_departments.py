"""The demo's departments: their databases are read-only, their API keeps its contract, their mail is kept."""

import json
import smtplib
import stat
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import ThreadingHTTPServer
from pathlib import Path

import httpx
import psycopg2
import pytest

from etl.platform import department_api, departments, processes
from etl.platform.postgres import Cluster

DUMP = r"""-- PostgreSQL database dump
SET client_encoding = 'UTF8';
\restrict anything
CREATE SCHEMA gaj;
CREATE TABLE gaj.czrk (rkid text, xm text, gxsj timestamp);
COMMENT ON COLUMN gaj.czrk.xm IS '姓名; 含分号';
COPY gaj.czrk (rkid, xm, gxsj) FROM stdin;
1	某甲	2018-01-01 00:00:00
2	\N	2018-01-02 00:00:00
\.

ALTER TABLE gaj.czrk ADD PRIMARY KEY (rkid);
"""
RECORDS = [{"pripid": str(n), "updated_at": f"2018-02-{n:02d}T08:00:00+08:00"} for n in range(1, 29)]
KEY = {"X-Api-Key": "key-of-the-test"}


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    file = tmp_path / "database.sql"
    file.write_text(DUMP, encoding="utf-8")
    return file


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    """The API on a free port, with one dataset of 28 records."""
    lines = "".join(json.dumps(r) + "\n" for r in RECORDS)
    (tmp_path / "enterprises.jsonl").write_text(lines, encoding="utf-8")
    server: ThreadingHTTPServer = department_api.server(tmp_path, 0, KEY["X-Api-Key"])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def _rows(url: str, query: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()
    finally:
        connection.close()


def _reader(home: Path, cluster: Cluster) -> str:
    return departments.connections(home, cluster.server, departments=True)["AIRFLOW_CONN_PUBLIC_SECURITY"].replace(
        "postgres://", "postgresql://", 1
    )


def test_a_dump_becomes_a_database_that_its_reader_can_only_read(postgis_cluster: Cluster, jichu_home: Path, dump: Path) -> None:
    assert departments.load_database(jichu_home, postgis_cluster.server, "public_security", dump)
    url = _reader(jichu_home, postgis_cluster)
    assert _rows(url, "select rkid, xm from gaj.czrk order by rkid") == [("1", "某甲"), ("2", None)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        _rows(url, "delete from gaj.czrk")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        _rows(url, "create table gaj.mine (x int)")


def test_the_same_dump_is_loaded_once_and_a_new_state_replaces_the_old(postgis_cluster: Cluster, jichu_home: Path, dump: Path) -> None:
    departments.load_database(jichu_home, postgis_cluster.server, "public_security", dump)
    assert not departments.load_database(jichu_home, postgis_cluster.server, "public_security", dump)
    dump.write_text(DUMP.replace("2\t\\N\t2018-01-02 00:00:00\n", ""), encoding="utf-8")
    assert departments.load_database(jichu_home, postgis_cluster.server, "public_security", dump)
    assert _rows(_reader(jichu_home, postgis_cluster), "select count(*) from gaj.czrk") == [(1,)]


def test_connections_are_written_for_their_owner_only_and_stay_the_same(postgis_cluster: Cluster, jichu_home: Path) -> None:
    first = departments.connections(jichu_home, postgis_cluster.server, departments=True)
    file = jichu_home / "connections.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first == departments.connections(jichu_home, postgis_cluster.server, departments=True)
    assert dict(line.split("=", 1) for line in file.read_text().splitlines()) == first
    assert first.keys() >= {"AIRFLOW_CONN_PUBLIC_SECURITY", "AIRFLOW_CONN_MARKET_REGULATION", "AIRFLOW_CONN_SMTP_DEFAULT"}


def test_a_connection_of_the_callers_own_is_left_alone(postgis_cluster: Cluster, jichu_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PUBLIC_SECURITY", "postgres://the-real-one/gaj")
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", "smtp://mail.example.invalid")
    written = departments.connections(jichu_home, postgis_cluster.server, departments=True)
    assert not written.keys() & {"AIRFLOW_CONN_PUBLIC_SECURITY", "AIRFLOW_CONN_SMTP_DEFAULT"}


def test_every_record_is_paged_out_once(api: str) -> None:
    got: list[str] = []
    for page in (1, 2, 3):
        body = httpx.get(f"{api}/enterprises", params={"page": page, "page_size": 10}, headers=KEY).json()
        assert (body["total"], body["page"]) == (28, page)
        got += [r["pripid"] for r in body["data"]]
    assert got == [r["pripid"] for r in RECORDS]


@pytest.mark.parametrize("since", ["2018-02-20T08:00:00+08:00", "2018-02-20T00:00:00Z", "2018-02-20 08:00:00", "2018-02-20T08:00:00 08:00"])
def test_updated_since_is_exclusive_in_every_form_of_a_time(api: str, since: str) -> None:
    body = httpx.get(f"{api}/enterprises?updated_since={since.replace('+', '%2B').replace(' ', '%20')}", headers=KEY).json()
    assert [r["pripid"] for r in body["data"]] == [str(n) for n in range(21, 29)]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("enterprises", {}, 401),
        ("enterprises", {"X-Api-Key": "wrong"}, 401),
        ("nothing", KEY, 404),
        ("%2e%2e/enterprises", KEY, 404),
        ("enterprises?page_size=1001", KEY, 400),
        ("enterprises?page_size=0", KEY, 400),
        ("enterprises?page=0", KEY, 400),
        ("enterprises?page=one", KEY, 400),
        ("enterprises?page=99", KEY, 200),
        ("enterprises?page_size=1000", KEY, 200),
    ],
)
def test_the_api_answers_what_its_contract_says(api: str, path: str, headers: dict[str, str], status: int) -> None:
    assert httpx.get(f"{api}/{path}", headers=headers).status_code == status


def test_a_file_that_changed_is_served_anew(api: str, tmp_path: Path) -> None:
    assert httpx.get(f"{api}/enterprises", headers=KEY).json()["total"] == 28
    with (tmp_path / "enterprises.jsonl").open("a", encoding="utf-8") as f:
        f.write('{"pripid": "29", "updated_at": "2018-03-01T08:00:00+08:00"}\n')
    assert httpx.get(f"{api}/enterprises", headers=KEY).json()["total"] == 29


def test_mail_is_kept_as_sent_and_as_one_page_with_its_pictures(jichu_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SMTP_DEFAULT", raising=False)
    departments.start_mail(jichu_home)
    try:
        port = json.loads((jichu_home / "departments" / "ports.json").read_text())["mail-sink"]
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = "数据质量报告/2018", "a@example.invalid", "b@example.invalid"
        message.set_content("纯文本")
        message.add_alternative('<img src="cid:chart">', subtype="html")
        message.get_payload()[1].add_related(b"\x89PNG", "image", "png", cid="<chart>")  # type: ignore[index,union-attr]
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.send_message(message)
            client.send_message(message)
    finally:
        processes.stop(jichu_home, departments.MAIL)
    names = sorted(p.name for p in (jichu_home / "mail").iterdir())
    assert names == [f"000{n}_数据质量报告_2018.{kind}" for n in (1, 2) for kind in ("eml", "html")]
    assert "data:image/png;base64,iVBORw==" in (jichu_home / "mail" / names[1]).read_text()
