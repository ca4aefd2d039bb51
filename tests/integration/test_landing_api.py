"""A department's API: a real HTTP server that pages, limps, lies and breaks off."""

import gzip
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
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
        self.keys: list[str | None] = []
        self.at: list[float] = []
        self.longest_page = 1000
        self.trouble: Callable[[dict[str, str], int], Answer | None] = lambda query, n: None
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = {k: v[0] for k, v in parse_qs(url.query).items()}
                service.asked.append({"path": url.path, **query})
                service.keys.append(self.headers.get("X-Api-Key"))
                service.at.append(time.monotonic())
                code, body, headers = service.answer(query, self.headers.get("X-Api-Key"))
                data = b"" if isinstance(body, Iterator) else body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                with suppress(OSError):  # we hung up
                    for block in body if isinstance(body, Iterator) else [data]:
                        self.wfile.write(block)
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
        if not 1 <= int(query["page_size"]) <= 1000:
            return 400, {}, {}
        size = min(int(query["page_size"]), self.longest_page)
        at = (int(query["page"]) - 1) * size
        return 200, {"total": len(found), "page": int(query["page"]), "data": found[at : at + size]}, {}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    service = Service()
    service.records = [
        {"id": f"{i:03d}", "name": f"名{i}", "cap": 690.0, "updated_at": f"2018-02-{i % 28 + 1:02d}T09:00:00+08:00"} for i in range(25)
    ]
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", f"http://:{KEY}@127.0.0.1:{service.port}/?backoff=0.001&longest_wait=0.02")
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
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", f"http://:{KEY}@127.0.0.1:9/?backoff=0.001")
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


Trouble = Callable[[dict[str, str], int], Answer | None]


def refused(here: Settings, code: str = "unreachable") -> str:
    """What is said of a delivery that is refused; nothing of it is left."""
    with pytest.raises(DeliveryRefused) as told:
        land(here)
    assert told.value.code == code
    assert KEY not in str(told.value)
    assert not [p for p in (here.home / "landing").rglob("*") if p.is_file()]
    return str(told.value)


@pytest.fixture
def hasty(service: Service, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the connection impatient: its extra."""

    def make(**extra: float) -> None:
        told = "&".join(f"{k}={v}" for k, v in ({"backoff": 0.001} | extra).items())
        monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", f"http://:{KEY}@127.0.0.1:{service.port}/?{told}")

    make()
    return make


def sleeping(seconds: float) -> Callable[[Answer], Answer]:
    def answer(late: Answer) -> Answer:
        time.sleep(seconds)
        return late

    return answer


def test_an_answer_that_does_not_come_in_time_is_asked_for_again(service: Service, here: Settings, hasty: Callable[..., None]) -> None:
    hasty(timeout=0.3)
    service.trouble = lambda query, n: sleeping(0.8)((200, {}, {})) if n == 2 else None
    assert len(ids(land(here))) == 25
    assert [q["page"] for q in service.asked] == ["1", "2", "2", "3"]


def test_a_service_that_never_answers_in_time_is_unreachable(service: Service, here: Settings, hasty: Callable[..., None]) -> None:
    hasty(timeout=0.1)
    service.trouble = lambda query, n: sleeping(0.3)((200, {}, {}))
    assert "ReadTimeout" in refused(here)
    assert len(service.asked) == api.ATTEMPTS


def test_a_stream_that_stops_in_the_middle_is_asked_for_again_and_never_taken_for_whole(
    service: Service, here: Settings, hasty: Callable[..., None]
) -> None:
    """The server promises more than it sends: it hangs up, or it falls silent."""

    def stopping(silent: bool) -> Iterator[bytes]:
        yield b'{"total": 25, "page": 1, "data": []}'
        time.sleep(0.8 if silent else 0)

    hasty(timeout=0.3)
    for silent in (False, True):
        service.asked.clear()
        service.trouble = lambda query, n, silent=silent: (200, stopping(silent), {"Content-Length": "4000"}) if n in (1, 3) else None
        assert len(ids(land(here))) == 25
        assert len(service.asked) == 5


def test_a_body_that_drips_is_left_after_a_while(
    service: Service, here: Settings, hasty: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dripping() -> Iterator[bytes]:
        for _ in range(100):
            yield b" "
            time.sleep(0.02)

    monkeypatch.setattr(api, "ATTEMPTS", 2)
    hasty(timeout=0.05)
    service.trouble = lambda query, n: (200, dripping(), {"Content-Length": "4000"})
    assert "没有送完" in refused(here)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_service_that_asks_to_wait_is_waited_for(service: Service, here: Settings, hasty: Callable[..., None], form: str) -> None:
    def busy(query: dict[str, str], n: int) -> Answer | None:
        until = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
        return (429, {}, {"Retry-After": "1" if form == "seconds" else until}) if n == 2 else None

    service.trouble = busy
    assert len(ids(land(here))) == 25
    assert 0.9 < service.at[2] - service.at[1] < 5


def test_a_wait_beyond_measure_is_cut_short(service: Service, here: Settings, hasty: Callable[..., None]) -> None:
    hasty(longest_wait=0.05)
    service.trouble = lambda query, n: (429, {}, {"Retry-After": "86400"})
    assert "429" in refused(here)
    assert service.at[-1] - service.at[0] < 5


def test_each_further_attempt_waits_longer(service: Service, here: Settings, hasty: Callable[..., None]) -> None:
    hasty(backoff=0.05)
    service.trouble = lambda query, n: (502, b"<html>bad gateway</html>", {})
    assert "502" in refused(here)
    waits = [b - a for a, b in itertools.pairwise(service.at)]
    assert len(waits) == api.ATTEMPTS - 1
    assert waits[0] < waits[2] < waits[4]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"total": 25, "data": [{"id": "1"}',
        b'{"total": 25, "data": {"id": "1"}}',
        b'{"total": 25, "data": [1, 2]}',
        b'{"total": -1, "data": []}',
        b'{"total": ' + b"9" * 5000 + b', "data": []}',
        b'{"total": 25, "data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\xff\xfe\x00",
        b"<html><body>login</body></html>",
    ],
)
def test_what_is_no_page_is_asked_for_again_and_then_refused(
    service: Service, here: Settings, hasty: Callable[..., None], body: bytes
) -> None:
    service.trouble = lambda query, n: (200, body, {"Content-Type": "text/html"}) if query["page"] == "2" else None
    assert "第 2 页试了 6 次" in refused(here)


def test_a_page_under_another_content_type_is_still_a_page(service: Service, here: Settings, hasty: Callable[..., None]) -> None:
    usual = service.answer

    def mistyped(query: dict[str, str], key: str | None) -> Answer:
        code, body, headers = usual(query, key)
        return code, body, headers | {"Content-Type": "text/plain; charset=gbk"}

    service.answer = mistyped  # type: ignore[method-assign]
    assert len(ids(land(here))) == 25


def test_a_page_that_shrinks_between_two_attempts_is_no_end(service: Service, here: Settings, hasty: Callable[..., None]) -> None:
    """Page 2 breaks off; asked again, the service gives fewer records at a time, so that pages no longer follow each other."""

    def shrink(query: dict[str, str], n: int) -> Answer | None:
        service.longest_page = 5 if n >= 3 else 1000
        return (500, {}, {}) if n == 2 else None

    service.trouble = shrink
    assert sorted(ids(land(here))) == [f"{i:03d}" for i in range(25)]


@pytest.mark.parametrize("change", [1, -1])
def test_a_total_that_changes_midway_is_read_over(service: Service, here: Settings, hasty: Callable[..., None], change: int) -> None:
    def move(query: dict[str, str], n: int) -> Answer | None:
        if n == 3:
            service.records = [*service.records, {**service.records[0], "id": "new"}] if change > 0 else service.records[1:]
        return None

    service.trouble = move
    assert ids(land(here)) == [r["id"] for r in service.records]


def test_a_record_that_moves_to_the_end_while_pages_are_read_costs_nobody_their_place(
    service: Service, here: Settings, hasty: Callable[..., None]
) -> None:
    """It was on the first page, is updated, and comes last: the total stays, but the first of page 2 slips to page 1."""

    def update(query: dict[str, str], n: int) -> Answer | None:
        if n == 2:
            first, *others = service.records
            service.records = [*others, {**first, "name": "更名", "updated_at": "2018-03-01T09:00:00+08:00"}]
        return None

    service.trouble = update
    landed = land(here)
    assert ids(landed) == [r["id"] for r in service.records]
    assert landed.watermark == "2018-03-01T09:00:00+08:00"


def test_a_department_that_holds_a_key_twice_is_believed_when_it_says_so_twice(
    service: Service, here: Settings, hasty: Callable[..., None]
) -> None:
    service.records[-1] = {**service.records[0], "name": "另一名"}
    assert len(ids(land(here))) == 25
    assert len(service.asked) == 6


def test_a_service_that_always_gives_the_first_page_is_refused(service: Service, here: Settings, hasty: Callable[..., None]) -> None:
    service.trouble = lambda query, n: (200, {"total": 30, "page": 1, "data": service.records[:10]}, {})
    assert "没有翻页" in refused(here, "format")


def test_pages_without_end_are_left(service: Service, here: Settings, hasty: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Always one more than has come; or a total that no page count will ever reach."""
    service.trouble = lambda query, n: (200, {"total": int(query["page"]) + 1, "data": [{"id": str(n)}]}, {})
    assert "3 遍" in refused(here)
    monkeypatch.setenv("JICHU_MAX_FILE_BYTES", "4000")
    service.trouble = lambda query, n: (200, {"total": 10**12, "data": [{"id": str(n)}]}, {})
    assert "4000 字节" in refused(here, "too_big")
    assert len(service.asked) < 1500


def test_a_redirection_is_not_followed_and_the_key_stays_with_us(service: Service, here: Settings, hasty: Callable[..., None]) -> None:
    other = Service()
    try:
        for code in (301, 302, 307, 308):
            service.trouble = lambda query, n, code=code: (
                code,
                {},
                {"Location": f"http://127.0.0.1:{other.port}/firms?page=1&page_size=10"},
            )
            assert "不予跟随" in refused(here)
        assert other.asked == []
    finally:
        other.server.shutdown()
        other.server.server_close()
    assert set(service.keys) == {KEY}


def test_a_body_beyond_the_limit_is_left_where_it_passes_it(
    service: Service, here: Settings, hasty: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            sent.append(1)
            yield b" " * 65536

    monkeypatch.setenv("JICHU_MAX_PAGE_BYTES", "1000000")
    service.trouble = lambda query, n: (200, endless(), {"Content-Length": str(10**10)})
    assert "超过上限" in refused(here, "too_big")
    assert len(sent) < 500
    bomb = gzip.compress(b" " * 50_000_000)
    service.trouble = lambda query, n: (200, bomb, {"Content-Encoding": "gzip"})
    assert "超过上限" in refused(here, "too_big")


def test_a_packed_body_is_unpacked_a_broken_or_strange_one_is_not(service: Service, here: Settings, hasty: Callable[..., None]) -> None:
    page = {"total": 1, "page": 1, "data": [{"id": "1", "name": "x", "cap": 1, "updated_at": None}]}
    packed = gzip.compress(json.dumps(page).encode())
    service.trouble = lambda query, n: (200, packed, {"Content-Encoding": "gzip"})
    assert ids(land(here)) == ["1"]
    service.trouble = lambda query, n: (200, packed[:-20], {"Content-Encoding": "gzip"})
    with pytest.raises(DeliveryRefused, match="unreachable"):
        land(here)
    service.trouble = lambda query, n: (200, b"x", {"Content-Encoding": "br"})
    with pytest.raises(DeliveryRefused, match="压缩方式"):
        land(here)


@pytest.mark.parametrize("extra", ["timeout=soon", "backoff=-1", "longest_wait=inf"])
def test_times_that_are_none_are_told(service: Service, here: Settings, monkeypatch: pytest.MonkeyPatch, extra: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", f"http://:{KEY}@127.0.0.1:{service.port}/?{extra}")
    assert "应为秒数" in refused(here)
