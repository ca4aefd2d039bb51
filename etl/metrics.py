"""Numbers for whoever watches the city's data: read from the books, told to an OpenTelemetry collector or as Prometheus text.

The books (`ops`, `quality`) count already, in the transactions that they count; so nothing is counted a second time in memory, a
killed process loses no number, and any process of the site tells the same series: counters are sums over the books since the
database was made (their start time), the resource is the database itself. Labels are names of datasets, departments, libraries,
stages and states; nothing of a person.

`push` sends over OTLP/HTTP where the standard settings name a collector (`OTEL_EXPORTER_OTLP_ENDPOINT` or
`OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`), which are Airflow's too; without them it returns at once.
"""

import logging
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from etl import db
from etl.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric, MetricsData
    from psycopg2.extensions import connection as Connection

log = logging.getLogger("jichu.metrics")
ENDPOINTS = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PATIENCE = 5  # seconds for a collector that does not answer; OTEL_EXPORTER_OTLP_TIMEOUT outranks it


@dataclass(frozen=True)
class Family:
    """One metric: its name in Prometheus' manner (counters without `_total`), what it says, and its points by label."""

    name: str
    kind: Literal["counter", "gauge"]
    unit: str
    help: str
    labels: tuple[str, ...]
    points: tuple[tuple[tuple[str, ...], float], ...]


# name, kind, unit, help, labels, query: the labels' columns, then the value; %s is the business date
QUERIES: tuple[tuple[str, Literal["counter", "gauge"], str, str, tuple[str, ...], str], ...] = (
    ("jichu_delivered_rows", "counter", "1", "Rows of loaded deliveries by their fate; in = new + changed + unchanged + duplicate + quarantined", ("dataset", "fate"),
     """select dataset, fate, sum(n) from ops.delivery, lateral (values ('in', rows_in), ('new', rows_new), ('changed', rows_changed), ('unchanged', rows_unchanged),
        ('duplicate', rows_duplicate), ('quarantined', rows_quarantined), ('removed', rows_removed)) f (fate, n) where state = 'loaded' group by 1, 2"""),
    ("jichu_deliveries", "gauge", "1", "Deliveries on the books by state", ("dataset", "state"), "select dataset, state, count(*) from ops.delivery group by 1, 2"),
    ("jichu_dataset_loaded_timestamp_seconds", "gauge", "s", "When a delivery of the dataset was last loaded", ("dataset",),
     "select dataset, extract(epoch from max(loaded_at)) from ops.delivery where state = 'loaded' group by 1"),
    ("jichu_stage_seconds", "counter", "s", "Time spent in a stage of a dataset or library", ("what", "stage"), "select what, stage, sum(seconds) from ops.stage group by 1, 2"),
    ("jichu_stage_runs", "counter", "1", "How often a stage ran", ("what", "stage"), "select what, stage, count(*) from ops.stage group by 1, 2"),
    ("jichu_stage_last_seconds", "gauge", "s", "How long a stage took last, in the last 35 days", ("what", "stage"),
     "select what, stage, (array_agg(seconds order by at desc))[1] from ops.stage where at > now() - interval '35 days' group by 1, 2"),
    ("jichu_library_published_timestamp_seconds", "gauge", "s", "When the library was last published", ("library",),
     "select library, extract(epoch from max(published_at)) from ops.publication where state = 'published' group by 1"),
    ("jichu_library_age_seconds", "gauge", "s", "Time since the library was last published", ("library",),
     "select library, greatest(0, extract(epoch from clock_timestamp() - max(published_at))) from ops.publication where state = 'published' group by 1"),
    ("jichu_library_rows", "counter", "1", "Rows written to and deleted from the library by its publications", ("library", "change"),
     "select library, change, sum(n) from ops.publication, lateral (values ('written', rows_written), ('deleted', rows_deleted)) c (change, n) where state = 'published' group by 1, 2"),
    ("jichu_pending", "gauge", "1", "What is held and waits for a person's decision", ("kind",),
     "select kind, count(p.kind) from (values ('delivery'), ('library')) k (kind) left join ops.pending p using (kind) group by 1"),
    ("jichu_quarantined_rows_open", "gauge", "1", "Refused rows that nothing has mended yet", ("dataset",), "select dataset, count(*) from quality.quarantine where status = 'open' group by 1"),
    ("jichu_tickets", "gauge", "1", "Tickets of a department; open counts all that are not settled, overdue those of them past their date", ("department", "state"),
     """select department, state, n from quality.ageing(%s), lateral (values ('open', open), ('unsent', unsent), ('answered', answered), ('overdue', overdue)) s (state, n)"""),
    ("jichu_mails_queued", "gauge", "1", "Mails that could not be handed over yet", (), "select count(*) from quality.letter where state = 'queued'"),
    ("jichu_mail_oldest_queued_seconds", "gauge", "s", "How long the oldest of them waits", (),
     "select coalesce(extract(epoch from clock_timestamp() - min(at)), 0) from quality.letter where state = 'queued'"),
    ("jichu_checks_broken", "gauge", "1", "Checks that failed themselves, not the data, when they last ran", (),
     "select count(*) from (select distinct on (target, expectation, column_name) broken from quality.result where run_at > now() - interval '35 days' order by target, expectation, column_name, run_at desc) r where broken"),
)  # fmt: skip


def read(settings: Settings) -> list[Family]:
    """Every metric as the books have it now, in one read-only snapshot; families without a point are left out."""
    con = db.connect(settings)
    try:
        con.set_session(isolation_level="REPEATABLE READ", readonly=True)
        found = [Family(*q[:5], _points(con, settings, q[4], q[5])) for q in QUERIES]
        shape = str(db.rows(con, "select version_num from public.alembic_version")[0][0])
    finally:
        con.close()
    free = float(shutil.disk_usage(settings.home).free)
    found.append(Family("jichu_home_free_bytes", "gauge", "By", "Free space where JICHU_HOME is", (), (((), free),)))
    found.append(
        Family("jichu_info", "gauge", "1", "Always 1; which release and shape", ("version", "schema"), (((version("jichu"), shape), 1.0),))
    )
    return [f for f in found if f.points]


def _points(con: "Connection", settings: Settings, labels: tuple[str, ...], sql: str) -> tuple[tuple[tuple[str, ...], float], ...]:
    rows = db.rows(con, sql, [settings.today] if "%s" in sql else None)
    return tuple(sorted((tuple(map(str, r[: len(labels)])), float(r[len(labels)])) for r in rows))


# ── Prometheus ───────────────────────────────────────────────────────────────────────────────────────────────────


def exposition(families: list[Family]) -> str:
    """The metrics in Prometheus' text format 0.0.4, as its node exporter reads from a file or a server answers a scrape."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.registry import Collector

    class Books(Collector):
        def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
            for f in families:
                made = (CounterMetricFamily if f.kind == "counter" else GaugeMetricFamily)(f.name, f.help, labels=f.labels)
                for labels, value in f.points:
                    made.add_metric(list(labels), value)
                yield made

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Books())
    return generate_latest(registry).decode()


# ── OpenTelemetry ────────────────────────────────────────────────────────────────────────────────────────────────


def listening() -> bool:
    """Whether the environment names a collector."""
    return any(os.environ.get(e) for e in ENDPOINTS) and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true"


def push(settings: Settings) -> bool:
    """Sends every metric to the collector; False when there is none or it did not take them, which fails nobody's run."""
    if not listening():
        return False
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import MetricExportResult

    try:
        data = _otlp(settings, read(settings))
        exporter = OTLPMetricExporter(timeout=None if os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") else PATIENCE)
        taken = exporter.export(data) is MetricExportResult.SUCCESS
        exporter.shutdown()
    except Exception as e:  # a collector that is down, or settings it cannot read
        log.warning("metrics were not sent: %s", type(e).__name__)
        return False
    if not taken:
        log.warning("metrics were not sent: the collector did not take them")
    return taken


def _otlp(settings: Settings, families: list[Family]) -> "MetricsData":
    """The metrics as OpenTelemetry's data model. The resource is the database: whoever sends, the series are the same."""
    from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    ((instance, made),) = db.query(settings, "select id::text, extract(epoch from created_at) from ops.instance")
    told = str(uuid.uuid5(uuid.UUID(instance), "metrics"))  # the identity itself stays at home: folders and mails are named after it
    service = os.environ.get("OTEL_SERVICE_NAME") or "jichu"
    resource = Resource.create({"service.name": service, "service.instance.id": told, "service.version": version("jichu")})
    began, now = int(made * 1_000_000_000), time.time_ns()
    scope = ScopeMetrics(InstrumentationScope("jichu", version("jichu")), [_metric(f, began, now) for f in families], "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _metric(family: Family, began: int, now: int) -> "Metric":
    from opentelemetry.sdk.metrics.export import AggregationTemporality, Gauge, Metric, NumberDataPoint, Sum

    points = [
        NumberDataPoint(dict(zip(family.labels, labels, strict=True)), began if family.kind == "counter" else now, now, value)
        for labels, value in family.points
    ]
    data: Any = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True) if family.kind == "counter" else Gauge(points)
    return Metric(family.name, family.help, family.unit, data)
