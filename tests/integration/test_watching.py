"""What is told of a run to those who watch: metrics, lineage and logs, to real receivers; and nothing of a person in any of it."""

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from pipeline_kit import City, citizen_id, full_name, health_record, newcomer

from etl import metrics
from etl import settings as settings_module
from etl.platform.postgres import free_port
from etl.settings import ROOT

DATASET, REFUSED = "health/health_records", "public_security/floating_population"
SECRETS = ("欧阳机密", citizen_id("510502", "19800115", 77), "13812345678", "机密路")
PEOPLE = [
    health_record(f"h{i:02d}", full_name(i), citizen_id("510502", f"19800{i % 9 + 1}15", 2 * i + 1), f"1980-0{i % 9 + 1}-15")
    for i in range(12)
]


class Watched:
    """A city of which everything is watched, after its first run: one dataset loaded with bad rows, one refused."""

    def __init__(self, city: City, receiver: Any):
        self.city, self.receiver = city, receiver
        name, number, phone, road = SECRETS
        rows = [{**r, "姓名": name, "身份证号": number, "联系电话": phone, "现住址": f"江阳区{road}{i}号"} for i, r in enumerate(PEOPLE)]
        city.plates()
        city.health(
            "20180301",
            [*PEOPLE, {**rows[0], "档案号": "h90", "建档日期": f"{name}{number}"}, *({**r, "档案号": f"k{i}"} for i, r in enumerate(rows))],
        )
        city.floating("20180301", [newcomer("f1", name, number, "1980-01-15", 联系电话=phone)], done=b"done")
        city.extra |= {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.address, "OPENLINEAGE_URL": receiver.address}
        self.code, self.out, self.err = city.command("run", JICHU_LOG="debug", JICHU_LOG_FORMAT="json")

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(b) for b in self.receiver.bodies("/api/v1/lineage")]

    def event(self, job: str) -> dict[str, Any]:
        """The last event of a job."""
        return [e for e in self.events if e["job"]["name"] == job][-1]


@pytest.fixture(scope="module")
def watched(new_database: Callable[[], str], receiver: Any, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = tmp_path_factory.mktemp("watched")
    return Watched(City(folder / "drop", folder / "home", new_database()), receiver)


def points(request: ExportMetricsServiceRequest) -> dict[tuple[str, ...], float]:
    """(metric, label values …) → value."""
    (resource,) = request.resource_metrics
    found = {}
    for m in resource.scope_metrics[0].metrics:
        for p in m.sum.data_points or m.gauge.data_points:
            found[(m.name, *(a.value.string_value for a in p.attributes))] = p.as_double
    return found


# ── metrics ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_collector_gets_the_row_accounts_stages_libraries_and_tickets_of_a_run(watched: Watched) -> None:
    assert (watched.code, watched.err.count("Traceback")) == (3, 0)
    request = ExportMetricsServiceRequest.FromString(watched.receiver.bodies("/v1/metrics")[-1])
    told = points(request)
    fates = {fate: told["jichu_delivered_rows", DATASET, fate] for fate in ("in", "new", "quarantined", "unchanged")}
    assert fates == {"in": 25, "new": 24, "quarantined": 1, "unchanged": 0}
    assert told["jichu_deliveries", DATASET, "loaded"] == 1
    assert told["jichu_deliveries", REFUSED, "rejected"] == 1
    assert told["jichu_stage_seconds", DATASET, "clean"] > 0
    assert told["jichu_stage_runs", "population", "publish"] == 1
    assert 0 <= told["jichu_library_age_seconds", "population"] < 300
    assert told["jichu_tickets", "health", "open"] > 0
    assert told["jichu_tickets", "health", "overdue"] == 0
    assert told[("jichu_mails_queued",)] == 0
    assert told[("jichu_home_free_bytes",)] > 0


def test_counters_start_with_the_database_so_that_any_process_tells_the_same_series(watched: Watched) -> None:
    request = ExportMetricsServiceRequest.FromString(watched.receiver.bodies("/v1/metrics")[-1])
    (rows,) = [m for m in request.resource_metrics[0].scope_metrics[0].metrics if m.name == "jichu_delivered_rows"]
    ((instance, made),) = watched.city.query("select id::text, extract(epoch from created_at) from ops.instance")
    assert rows.sum.is_monotonic
    assert {p.start_time_unix_nano // 10**9 for p in rows.sum.data_points} == {int(made)}
    told = {a.key: a.value.string_value for a in request.resource_metrics[0].resource.attributes}
    assert told["service.instance.id"] == str(uuid.uuid5(uuid.UUID(instance), "metrics"))


def test_the_command_prints_the_same_numbers_for_prometheus_or_writes_them_whole(watched: Watched, tmp_path: Path) -> None:
    code, out, err = watched.city.command("metrics", "--out", str(tmp_path / "jichu.prom"))
    assert (code, out, err) == (0, "", "")
    text = (tmp_path / "jichu.prom").read_text(encoding="utf-8")
    assert f'jichu_delivered_rows_total{{dataset="{DATASET}",fate="in"}} 25.0' in text.splitlines()
    assert "# TYPE jichu_delivered_rows_total counter" in text
    assert list(tmp_path.iterdir()) == [tmp_path / "jichu.prom"]
    with watched.city.inside():
        families = metrics.read(settings_module.load())
    series = {re.sub(r"(_total)? .*", "", line).split("{")[0] for line in text.splitlines() if line and not line.startswith("#")}
    assert {s.removesuffix("_total") for s in series} == {f.name for f in families}


def test_without_a_collector_nothing_is_sent_and_pushing_says_so(watched: Watched) -> None:
    code, _, err = watched.city.command("metrics", "--push", OTEL_EXPORTER_OTLP_ENDPOINT="")
    assert (code, err.strip()) == (2, "jichu: 没有设置收集器：OTEL_EXPORTER_OTLP_ENDPOINT=http://主机:4318")


def test_every_metric_stands_on_the_page_of_monitoring_and_no_other() -> None:
    told = set(re.findall(r"\bjichu_[a-z_]+", (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")))
    assert told - {"jichu_"} == {q[0] for q in metrics.QUERIES} | {"jichu_home_free_bytes", "jichu_info"}


# ── lineage ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_load_and_publication_begins_and_ends_once(watched: Watched) -> None:
    kinds: dict[str, list[str]] = {}
    for e in watched.events:
        kinds.setdefault(f"{e['job']['name']} {e['run']['runId']}", []).append(e["eventType"])
    ended = {k.split(" ")[0]: v for k, v in kinds.items()}
    assert len(ended) == len(kinds)
    assert ended[f"load.{DATASET}"] == ended["publish.population"] == ended["publish.geospatial"] == ["START", "COMPLETE"]
    assert ended[f"load.{REFUSED}"] == ["START", "FAIL"]
    assert watched.event(f"load.{REFUSED}")["run"]["facets"]["errorMessage"]["message"] == "rejected: format"


def test_a_load_tells_its_columns_rows_and_checks(watched: Watched) -> None:
    event = watched.event(f"load.{DATASET}")
    (came,), (went,) = event["inputs"], event["outputs"]
    assert came["name"] == f"{watched.city.drop}/{DATASET}"
    assert went["name"].endswith(".staging.health__health_records")
    assert went["namespace"].startswith("postgres://127.0.0.1:")
    fields = went["facets"]["columnLineage"]["fields"]
    assert fields["citizen_id"]["inputFields"][0]["field"] == fields["citizen_id_state"]["inputFields"][0]["field"] == "身份证号"
    assert {f["name"] for f in went["facets"]["schema"]["fields"]} >= set(fields)
    assert came["inputFacets"]["inputStatistics"]["rowCount"] == 25
    assert went["outputFacets"]["outputStatistics"]["rowCount"] == 24
    failed = [a for a in came["inputFacets"]["dataQualityAssertions"]["assertions"] if not a["success"]]
    assert failed
    assert {"assertion", "success", "actual"} <= set(failed[0])


def test_a_publication_tells_from_which_delivered_tables_each_column_comes(watched: Watched) -> None:
    event = watched.event("publish.population")
    (person,) = [o for o in event["outputs"] if o["name"].endswith(".population.person")]
    origins = {f["name"].split(".", 1)[1] + "." + f["field"] for f in person["facets"]["columnLineage"]["fields"]["name"]["inputFields"]}
    assert {"staging.health__health_records.name", "staging.public_security__household_register.name"} <= origins
    assert person["outputFacets"]["outputStatistics"]["rowCount"] == len(watched.city.query("select 1 from population.person"))
    assert {i["name"].split(".", 1)[1] for i in event["inputs"]} >= {"staging.health__health_records", "geospatial.address"}
    checks = {
        i["name"].split(".", 1)[1]: i["inputFacets"]["dataQualityAssertions"]["assertions"]
        for i in watched.event("check.population")["inputs"]
    }
    assert any(a["success"] for a in checks["population.person"])


def test_events_go_to_a_file_where_a_file_is_asked_for(watched: Watched, tmp_path: Path) -> None:
    watched.city.health("20180308", PEOPLE[:11])
    file = tmp_path / "events.jsonl"
    environment = {"OPENLINEAGE_URL": "", "OPENLINEAGE__TRANSPORT__TYPE": "file", "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(file)}
    environment |= {
        "OPENLINEAGE__TRANSPORT__APPEND": "true",
        "JICHU_TODAY": "2018-03-09",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
    }
    code, _, err = watched.city.command("run", "--only", DATASET, **environment)
    told = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert f"load.{DATASET}" in {e["job"]["name"] for e in told}
    assert "metrics were not sent" in err  # a collector that is down: the run ends as ever
    assert code == 3


# ── logs, and what is in all of it ───────────────────────────────────────────────────────────────────────────────


def test_every_line_of_the_log_is_an_object_with_time_level_run_dataset_and_stage(watched: Watched) -> None:
    lines = [json.loads(line) for line in watched.err.splitlines()]
    stages = [x for x in lines if "stage" in x]
    assert {(x.get("dataset") or x["library"], x["stage"]) for x in stages} >= {
        (DATASET, "land"),
        (DATASET, "commit"),
        ("population", "publish"),
    }
    assert len({x["run"] for x in stages}) == 1
    for x in lines:
        assert re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+08:00", x["time"])
        assert x["level"] in {"debug", "info", "warning", "error"}
    (land,) = [x for x in stages if (x.get("dataset"), x["stage"]) == (DATASET, "land")]
    assert land["rows"] == 25
    assert land["seconds"] >= 0


def test_nothing_of_a_person_is_in_any_metric_event_or_line(watched: Watched) -> None:
    told = [watched.out, watched.err, *(body.decode("utf-8", "replace") for _, body in watched.receiver.taken)]
    secrets = {*SECRETS, *(v for p in PEOPLE for v in (p["姓名"], p["身份证号"], p["联系电话"], p["现住址"]))}
    plain = [json.dumps(json.loads(t), ensure_ascii=False) if t.startswith("{") and "\n" not in t else t for t in told]
    assert [s for s in secrets if any(s in t for t in plain)] == []
