"""A department's API: a real HTTP server that pages, limps, lies and breaks off."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq
import pytest

from etl import extract, settings
from etl.errors import DeliveryRefused
from etl.extract import Landed, api
from etl.settings import Settings
from etl.spec import Source

KEY = "geheim-5f2c"
SOURCE = Source.model_validate(
    {
        "name": "test_office/firms",
        "stem": "test_office/firms",
        "title": "测试",
        "delivery": {"channel": "api", "kind": "increment", "updated": "updated_at"},
        "key": ["id"],
        "columns": {c: {"as": c} for c in ("id", "name", "cap", "updated_at")},
    }
)

Answer = tuple[int, Any, dict[str, str]]


class Service:
    """Answers pages of `records`; `trouble(query, n)` may answer the n-th request instead (None = as usual)."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.longest_page = 1000
        self.trouble: Callable[[dict[str, str], int], Answer | None] = lambda query, n: None
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = {k: v[0] for k, v in parse_qs(url.query).items()}
                service.asked.append({"path": url.path, **query})
                code, body, headers = service.answer(query, self.headers.get("X-Api-Key"))
                data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                self.close_connection = "Content-Length" in headers

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, query: dict[str, str], key: str | None) -> Answer:
        if key != KEY:
            return 401, {}, {}
        other = self.trouble(query, len(self.asked))
        if other:
            return other
        since = datetime.fromisoformat(query["updated_since"]) if "updated_since" in query else None
        found = [r for r in self.records if since is None or datetime.fromisoformat(r["updated_at"]) > since]
        size = min(int(query["page_size"]), self.longest_page)
        at = (int(query["page"]) - 1) * size
        return 200, {"total": len(found), "page": int(query["page"]), "data": found[at : at + size]}, {}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    service = Service()
    service.records = [
        {"id": f"{i:03d}", "name": f"名{i}", "cap": 690.0, "updated_at": f"2018-02-{i % 28 + 1:02d}T09:00:00+08:00"} for i in range(25)
    ]
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", f"http://:{KEY}@127.0.0.1:{service.port}")
    monkeypatch.setattr(api, "LONGEST_WAIT", 0.02)
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return replace(settings.load(tmp_path / "drop", "2018-03-05"), home=tmp_path / "home", api_page_size=10)


def land(here: Settings, since: str | None = None) -> Landed:
    return extract.land(SOURCE, extract.find(SOURCE, here, since=since)[0], here)


def ids(landed: Landed) -> list[str]:
    return [str(v) for v in pq.read_table(landed.rows).column("id").to_pylist()]


def test_all_pages_come_in_order_with_the_greatest_update_time(service: Service, here: Settings) -> None:
    landed = land(here)
    assert ids(landed) == [f"{i:03d}" for i in range(25)]
    assert (landed.rows_in, landed.watermark, landed.delivered_on.isoformat()) == (25, "2018-02-25T09:00:00+08:00", "2018-03-05")
    assert pq.read_table(landed.rows).column("cap")[0].as_py() == "690"
    assert [(q["path"], q["page"], q["page_size"]) for q in service.asked] == [("/firms", str(p), "10") for p in (1, 2, 3)]


def test_only_what_is_newer_is_asked_for_and_nothing_new_keeps_the_mark(service: Service, here: Settings) -> None:
    landed = land(here, since="2018-02-20T09:00:00+08:00")
    assert len(ids(landed)) == 5
    assert service.asked[-1]["updated_since"] == "2018-02-20T09:00:00+08:00"
    nothing = land(here, since=landed.watermark)
    assert (nothing.rows_in, nothing.watermark) == (0, landed.watermark)
    assert "name" in pq.read_schema(nothing.rows).names


def test_the_page_size_is_never_beyond_what_services_allow(service: Service, here: Settings) -> None:
    land(replace(here, api_page_size=5000))
    assert service.asked[0]["page_size"] == "1000"


def test_pages_shorter_than_asked_are_no_end(service: Service, here: Settings) -> None:
    service.longest_page = 4
    assert len(ids(land(here))) == 25


def test_times_with_other_offsets_are_compared_as_times(service: Service, here: Settings) -> None:
    service.records = [
        {"id": "1", "name": "x", "cap": 1, "updated_at": "2018-02-03T01:00:00+00:00"},
        {"id": "2", "name": "y", "cap": 1, "updated_at": "2018-02-03 08:30:00"},
    ]
    assert land(here).watermark == "2018-02-03T09:00:00+08:00"


@pytest.mark.parametrize(
    "answer",
    [
        (429, {}, {"Retry-After": "0"}),
        (503, {}, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        (500, {}, {}),
        (200, b"<html>busy</html>", {}),
        (200, b'{"total": 25', {"Content-Length": "100"}),
        (200, {"total": "many", "data": []}, {}),
    ],
)
def test_passing_trouble_is_waited_out(service: Service, here: Settings, answer: Answer) -> None:
    service.trouble = lambda query, n: answer if n in (2, 3) else None
    assert len(ids(land(here))) == 25
    assert len(service.asked) == 5


@pytest.mark.parametrize("answer", [(500, {}, {}), (401, {}, {}), (404, {}, {}), (302, {}, {"Location": "http://127.0.0.1:9/"})])
def test_lasting_trouble_is_unreachable_and_leaves_nothing(service: Service, here: Settings, answer: Answer) -> None:
    service.trouble = lambda query, n: answer
    with pytest.raises(DeliveryRefused, match="unreachable") as refused:
        land(here)
    assert KEY not in str(refused.value)
    assert not list(here.home.glob("landing/test_office/firms/*"))


def test_a_service_that_is_not_there_is_unreachable(service: Service, here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", f"http://:{KEY}@127.0.0.1:9")
    with pytest.raises(DeliveryRefused, match=r"unreachable.*ConnectError"):
        land(here)


def test_data_that_changes_between_pages_is_read_over(service: Service, here: Settings) -> None:
    def grow(query: dict[str, str], n: int) -> Answer | None:
        if n == 2:
            service.records.insert(0, {**service.records[0], "id": "new"})
        return None

    service.trouble = grow
    assert ids(land(here))[0] == "new"
    assert [q["page"] for q in service.asked] == ["1", "2", "1", "2", "3"]


@pytest.mark.parametrize("lie", [{"total": 30, "page": 3, "data": []}, {"total": 3, "page": 3, "data": [{"id": "1"}]}])
def test_a_total_that_never_fits_is_refused_after_three_tries(service: Service, here: Settings, lie: dict[str, Any]) -> None:
    service.trouble = lambda query, n: (200, lie, {}) if query["page"] == "2" else None
    with pytest.raises(DeliveryRefused, match=r"unreachable.*3 遍"):
        land(here)


def test_a_column_that_no_record_has_is_missing(service: Service, here: Settings) -> None:
    service.records = [{k: v for k, v in r.items() if k != "cap"} for r in service.records]
    with pytest.raises(DeliveryRefused, match=r"missing_column.*cap"):
        land(here)


def test_the_json_form_of_the_connection_and_an_address_with_its_protocol(
    service: Service, here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for host in ("127.0.0.1", "http://127.0.0.1"):
        told = {"conn_type": "http", "host": host, "port": service.port, "schema": "http", "password": KEY}
        monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", json.dumps(told))
        assert land(here).rows_in == 25
