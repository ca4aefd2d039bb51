"""What is held, decided on the Airflow page: its own scheduler, workers and REST interface."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pipeline_kit import City, citizen_id, execute, full_name, health_record

from etl import decisions
from etl.platform import airflow, demo
from etl.platform.airflow_api import Api
from etl.platform.postgres import Cluster, free_port, port_in_use

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

HEALTH, DAY = "health/health_records", "2018-03-20"
PEOPLE = [
    health_record(f"h{i:02d}", full_name(i), citizen_id("510502", f"1980{i % 12 + 1:02d}15", 2 * i + 1), f"1980-{i % 12 + 1:02d}-15")
    for i in range(20)
]
HELD = "insert into ops.publication (library, published_on, inputs, state, reason) values ('{}', '2018-03-01', 'x', 'held', '测试（3 行）') returning 1"


class Page:
    """The Airflow of a city, as its page and its interface show it."""

    def __init__(self, city: City, metadata: str, api: Api):
        self.city, self.metadata, self.api = city, metadata, api

    def questions(self) -> dict[str, dict[str, Any]]:
        """What is asked and not answered, by the dataset or library."""
        found = self.api._all("/api/v2/dags/decisions/dagRuns/~/hitlDetails", "hitl_details", {"response_received": False})
        return {q["task_instance"]["rendered_map_index"].split()[0]: q for q in found}

    def task(self, question: dict[str, Any]) -> str:
        one = question["task_instance"]
        return f"/api/v2/dags/decisions/dagRuns/{one['dag_run_id']}/taskInstances/{one['task_id']}/{one['map_index']}"

    def answer(self, what: str, choice: str, why: str) -> None:
        # As somebody who reads: answered in the second of asking, Airflow takes the process that has just parked for one that failed.
        time.sleep(3)
        body = {"chosen_options": [choice], "params_input": {"why": why}}
        self.api._call("PATCH", self.task(self.questions()[what]) + "/hitlDetails", json=body)

    def until(self, what: str, met: Callable[[], Any], seconds: float = 150) -> Any:
        """The first true answer of `met`."""
        end = time.monotonic() + seconds
        while not (found := met()):
            assert time.monotonic() < end, f"waited {seconds} s for {what}"
            time.sleep(1)
        return found


class Thief(BaseHTTPRequestHandler):
    """Another Airflow on the port that ours has chosen: healthy, and a stranger to our password."""

    def do_GET(self) -> None:
        self.answer(200, {part: {"status": "healthy"} for part in airflow.HEALTHY_PARTS})

    def do_POST(self) -> None:
        self.answer(401, {"detail": "Invalid credentials"})

    def answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def stolen_port(city: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port that Airflow has chosen, taken by somebody else before it listened."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Thief) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        folder = city.home.parent / "airflow-home" / "airflow"
        folder.mkdir(parents=True)
        port = server.server_port
        (folder / "ports.json").write_text(json.dumps({"api": port, "worker_log": free_port(), "trigger_log": free_port()}))
        seen = itertools.count()
        monkeypatch.setattr(airflow, "port_in_use", lambda p: next(seen) > 0 and port_in_use(p))  # it was free when we looked
        yield port
        server.shutdown()


@pytest.fixture
def page(city: City, postgis_cluster: Cluster, stolen_port: int) -> Iterator[Page]:
    """Airflow beside a city in which one delivery is waiting that must be held, and two libraries are held already."""
    city.health("20180301", PEOPLE)
    city.health("20180308", PEOPLE[:15])
    city.health("20180315", PEOPLE)
    for library in ("population", "certificate"):
        city.query(HELD.format(library))
    postgis_cluster.server.create_database("airflow_gate", "airflow")
    metadata = postgis_cluster.role_url("airflow", "airflow_gate")
    home = city.home.parent / "airflow-home"
    made = airflow.Airflow(home, metadata, city.environment | {"JICHU_HOME": str(home), "JICHU_LOCK_WAIT": "60", "JICHU_TODAY": ""})
    city.home = home
    try:
        made.start()
        assert airflow.address(home) != f"http://127.0.0.1:{stolen_port}", "a page that is not ours is not taken for ours"
        with Api(airflow.address(home), airflow.USER, airflow.password(home)) as api:
            yield Page(city, metadata, api)
    finally:
        airflow.stop(home)


def test_what_is_held_is_asked_decided_once_and_carried_out(page: Page) -> None:
    api, city = page.api, page.city
    api.wait_for_dags({"decisions", "health.health_records"}, 180)
    assert api.import_errors() == []
    assert api.dags()["decisions"] is False, "nobody has to think of unpausing it"
    api.unpause("health.health_records")
    since = datetime.now(UTC)
    api.trigger("health.health_records", {"as_of": DAY})
    *_, runs = api.wait_for_runs(since, lambda rs: any(r.dag == "health.health_records" and r.ended_at for r in rs), 180)
    assert [r.state for r in runs if r.dag == "health.health_records"] == ["success"], "the dataset's own run is not kept waiting"

    asked = page.until("three questions", lambda: (q := page.questions()).keys() >= {HEALTH, "population", "certificate"} and q)
    question = asked[HEALTH]
    assert (question["options"], question["defaults"]) == (["放行", "弃用", "暂不决定"], ["暂不决定"])
    assert "健康档案" in question["subject"]
    for wanted in ("fewer_rows", "15 行", "放行", "jichu release"):
        assert wanted in question["body"]
    assert not [p for p in (PEOPLE[0]["姓名"], PEOPLE[0]["身份证号"]) if p in str(asked)]
    page.until("parked, in no worker", lambda: api._call("GET", page.task(question))["state"] == "awaiting_input")
    assert demo.Progress({"health.health_records"}, [], print).finished(demo.awaited(runs)) is False
    assert [r.dag for r in demo.awaited(api.runs(since))] == ["health.health_records"], "make run does not wait for people"

    page.answer(HEALTH, "放行", "部门来函说明")
    page.until("the answer carried out", lambda: city.query("select 1 from ops.decision"))
    page.until("the later delivery", lambda: len(city.states(HEALTH)) == 3)
    assert [s for _, s, _ in city.states(HEALTH)] == ["loaded", "loaded", "loaded"]
    told = city.query("select what, decision, by, why, via from ops.decision")
    assert [(w, d, why, via) for w, d, _, why, via in told] == [(HEALTH, "released", "部门来函说明", "airflow")]
    assert told[0][2].lower() == "admin"

    page.answer("certificate", "弃用", "  ")
    page.until("asked again for want of a reason", lambda: "certificate" in page.questions())
    page.until("parked again", lambda: api._call("GET", page.task(page.questions()["certificate"]))["state"] == "awaiting_input")
    page.answer("certificate", "弃用", "先改数据")
    page.until("discarded", lambda: city.query("select 1 from ops.publication where library = 'certificate' and state = 'discarded'"))

    with city.inside(DAY):
        decisions.decide("population", release=False, by="李工", why="命令行先决定")
    execute(
        page.metadata, "update task_instance set trigger_timeout = now() where state = 'awaiting_input'"
    )  # as if ten minutes had passed
    page.until("every question ended by itself", lambda: {r.state for r in api.runs(since) if r.dag == "decisions"} == {"success"})
    assert city.query("select what, by from ops.decision order by at")[1:] == [("certificate", told[0][2]), ("population", "李工")]
    logs = [f for f in city.home.rglob("*.log") if f.is_file()]
    assert logs
    assert not [f.name for f in logs if PEOPLE[0]["身份证号"] in f.read_text(encoding="utf-8", errors="replace")]
