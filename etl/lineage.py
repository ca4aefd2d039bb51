"""OpenLineage: which data became which, told to whoever keeps the region's lineage, one run of a job at a time.

Two jobs for every dataset and library: `load.<department>/<dataset>` (delivery → staging table) and `publish.<library>` (staging
tables and published tables → the library's tables), each with a START and a COMPLETE, or a FAIL when the delivery was refused or
held, or the candidate held. Facets: column lineage as `etl.site.lineage` reads it from the specs, schemas with the Chinese comments,
row counts, what the checks said. Names of tables, columns, checks, and counts: no value of any row, no key, no delivered file's name.

Nothing is sent unless the standard settings name a receiver: `OPENLINEAGE_URL`, `OPENLINEAGE__TRANSPORT__…`, `OPENLINEAGE_CONFIG`, or Airflow's
`AIRFLOW__OPENLINEAGE__TRANSPORT`; Airflow's own provider takes the same ones and tells of DAGs and tasks. Within a task our runs name it as
their parent.
"""

import json
import logging
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import psycopg2.extensions

from etl import connections, db
from etl.errors import where
from etl.run import Run
from etl.spec import Library, Source

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import InputDataset, OutputDataset

log = logging.getLogger("jichu.lineage")
NAMED = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "AIRFLOW__OPENLINEAGE__TRANSPORT")
PRODUCER = f"https://jichu.invalid/{version('jichu')}"
_given_up: set[str] = set()  # runs whose receiver did not answer
Columns = dict[str, list[tuple[str, str, str]]]  # schema.table → (column, type, comment)


def listening() -> bool:
    """Whether the environment names a receiver."""
    named = any(os.environ.get(n) for n in NAMED) or any(k.startswith("OPENLINEAGE__TRANSPORT") and v for k, v in os.environ.items())
    return named and os.environ.get("OPENLINEAGE_DISABLED", "").lower() not in ("true", "1")


def loaded(run: Run, source: Source, outcome: Mapping[str, Any]) -> None:
    """Tells of one delivery: what `etl.pipeline` did with it. A receiver that is down or wrong fails nobody's run."""
    if listening():
        _safely(run, lambda: _load(run, source, outcome))


def published(run: Run, library: Library, outcome: Mapping[str, Any]) -> None:
    """Tells of one publication, or of a candidate that is held; nothing of a library that had nothing new."""
    if listening() and outcome["state"] != "unchanged":
        _safely(run, lambda: _publish(run, library, outcome))


def _safely(run: Run, tell: Callable[[], None]) -> None:
    """A receiver that did not answer once is not waited for again in this run: its client tries for some ten seconds."""
    if run.run_id in _given_up:
        return
    try:
        tell()
    except Exception as e:
        _given_up.add(run.run_id)
        log.warning("lineage was not sent, and is not in this run any more: %s", type(e).__name__)
        log.debug("%s", where(e))


# ── the two jobs ─────────────────────────────────────────────────────────────────────────────────────────────────


def _load(run: Run, source: Source, outcome: Mapping[str, Any]) -> None:
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import column_lineage_dataset as lineage
    from openlineage.client.facet_v2 import input_statistics_input_dataset, output_statistics_output_dataset

    space, name = _place(run, source)
    table = f"staging.{source.table}"
    columns = _columns(run, [table])
    came = InputDataset(space, name, facets={"documentation": _documentation(source.title)}, inputFacets={})
    if "rows_in" in outcome:
        came.inputFacets = {
            "inputStatistics": input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=outcome["rows_in"]),
            **_assertions(run, "target = %s and delivery_id = %s", [source.name, outcome["delivery_id"]]),
        }
    fields = {}
    for cleaned, (delivered, rule) in _cleaned(run, source).items():
        how = lineage.Transformation(type="DIRECT", subtype="IDENTITY" if rule == "text" else "TRANSFORMATION", description=f"规则 {rule}")
        fields[cleaned] = lineage.Fields(inputFields=[lineage.InputField(space, name, delivered, [how])])
    facets = {**_schema(columns.get(table, [])), "columnLineage": lineage.ColumnLineageDatasetFacet(fields=fields)}
    counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=outcome.get("rows_new", 0) + outcome.get("rows_changed", 0)
    )
    went = OutputDataset(*_table(run, table), facets=facets, outputFacets={"outputStatistics": counted})
    ok = outcome["state"] == "loaded"
    _tell(run, f"load.{source.name}", source.title, source.name, [came], [went] if ok else [], None if ok else _why(outcome))


def _publish(run: Run, library: Library, outcome: Mapping[str, Any]) -> None:
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset

    from etl.site.lineage import trace

    columns = _columns(run, library.tables)
    made = trace(run.registry, {t: [c for c, _, _ in columns[t]] for t in columns})
    fed = dict.fromkeys(f"staging.{s.table}" for n in library.inputs for s, _ in run.registry.feeding(f"{library.name}.{n}"))
    inputs = [InputDataset(*_table(run, t)) for t in [*fed, *library.reads]]
    outputs = []
    for table in columns:
        facets = {**_schema(columns[table]), **_made(run, made.of_table(table))}
        written = outcome.get("tables", {}).get(table, [0, 0])[0]
        counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=written)
        outputs.append(OutputDataset(*_table(run, table), facets=facets, outputFacets={"outputStatistics": counted}))
    ok = outcome["state"] == "published"
    held = None if ok else "held: " + "、".join(outcome["held"])
    _tell(run, f"publish.{library.name}", library.title, library.name, inputs, outputs if ok else [], held)
    # Assertions belong to what a job reads: the checks are a job of their own that read the tables.
    checked = [
        InputDataset(*_table(run, t), inputFacets=found)
        for t in library.tables
        if (found := _assertions(run, "target = %s and run_at = (select max(run_at) from quality.result where target = %s)", [t, t]))
    ]
    if checked:
        _tell(run, f"check.{library.name}", f"{library.title}的检查", library.name, checked, [], held)


def _why(outcome: Mapping[str, Any]) -> str:
    """State and code of the reason; its sentence may name a file."""
    return f"{outcome['state']}: {str(outcome.get('reason') or '').split(':')[0]}"


# ── facets ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _documentation(text: str) -> Any:
    from openlineage.client.facet_v2 import documentation_dataset

    return documentation_dataset.DocumentationDatasetFacet(description=text)


def _schema(columns: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    from openlineage.client.facet_v2 import schema_dataset

    return {"schema": schema_dataset.SchemaDatasetFacet(fields=[schema_dataset.SchemaDatasetFacetFields(*c) for c in columns])}


def _made(run: Run, columns: Iterable[Any]) -> dict[str, Any]:
    """Column lineage of a published table: its staging columns by name, and the published columns it passes through."""
    from openlineage.client.facet_v2 import column_lineage_dataset as lineage

    fields = {}
    for m in columns:
        how = [lineage.Transformation(type="DIRECT", subtype="TRANSFORMATION", description=m.how)]
        staged = dict.fromkeys((f"staging.{o.stem.replace('/', '__')}", o.cleaned) for o in m.origins if o.cleaned)
        passed = dict.fromkeys(tuple(v.rsplit(".", 1)) for v in m.via if v.count(".") == 2)
        found = [lineage.InputField(*_table(run, table), column, how) for table, column in (*staged, *passed)]
        if found:
            fields[m.column] = lineage.Fields(inputFields=found)
    return {"columnLineage": lineage.ColumnLineageDatasetFacet(fields=fields)}


def _assertions(run: Run, where: str, args: list[Any]) -> dict[str, Any]:
    """What the checks said: name, column, passed or not, how many failed."""
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality

    sql = f"select expectation, success, column_name, severity, failed from quality.result where {where} and not broken order by 1, 3"
    levels = {"critical": "error", "warning": "warn", "info": "info"}
    found = [
        quality.Assertion(assertion=name, success=ok, column=column, severity=levels[severity], actual=str(failed or 0), expected="0")
        for name, ok, column, severity, failed in db.query(run.settings, sql, args)
    ]
    return {"dataQualityAssertions": quality.DataQualityAssertionsDatasetFacet(assertions=found)} if found else {}


def _columns(run: Run, tables: Iterable[str]) -> Columns:
    """Columns of tables as the database has them, with their comments."""
    found: Columns = defaultdict(list)
    sql = """
        select n.nspname || '.' || k.relname, a.attname, format_type(a.atttypid, a.atttypmod), coalesce(col_description(k.oid, a.attnum), '')
        from pg_attribute a join pg_class k on k.oid = a.attrelid join pg_namespace n on n.oid = k.relnamespace
        where n.nspname || '.' || k.relname = any (%s) and a.attnum > 0 and not a.attisdropped order by 1, a.attnum
    """
    for table, *column in db.query(run.settings, sql, [list(tables)]):
        found[table].append((column[0], column[1], column[2]))
    return found


def _cleaned(run: Run, source: Source) -> dict[str, tuple[str, str]]:
    from etl.site.lineage import cleaned_by

    return cleaned_by(run.registry, source)


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _table(run: Run, table: str) -> tuple[str, str]:
    """Namespace and name of a table of ours, after OpenLineage's naming: postgres://host:port, database.schema.table."""
    parts = psycopg2.extensions.parse_dsn(run.settings.database_url)
    return f"postgres://{parts.get('host', 'localhost')}:{parts.get('port', '5432')}", f"{parts.get('dbname', 'jichu')}.{table}"


def _place(run: Run, source: Source) -> tuple[str, str]:
    """Namespace and name of what a department delivers. Of its connection host, port and database, nothing that opens it."""
    if source.delivery.channel == "file":
        return "file", f"{run.settings.drop}/{source.name}"
    there = connections.get(source.department, run.settings.home)
    where = there.place if there else "unknown"
    if source.delivery.channel == "api":
        return f"http://{where}", f"/{source.dataset}"
    kind = "mysql" if there and there.conn_type.startswith("mysql") else "postgres"
    return f"{kind}://{where}", f"{(there and there.schema) or source.department}.{source.delivery.table}"


# ── telling ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _tell(
    run: Run, job: str, title: str, what: str, inputs: "list[InputDataset]", outputs: "list[OutputDataset]", failed: str | None
) -> None:
    """START as the work began, then COMPLETE, or FAIL with its reason."""
    from openlineage.client import event_v2, uuid
    from openlineage.client.facet_v2 import documentation_job, error_message_run, job_type_job, nominal_time_run

    (taken,) = db.query(run.settings, "select coalesce(sum(seconds), 0) from ops.stage where run_id = %s and what = %s", [run.run_id, what])
    now = datetime.now(UTC)
    facets: dict[str, Any] = {"nominalTime": nominal_time_run.NominalTimeRunFacet(f"{run.settings.today}T00:00:00+08:00")}
    facets |= _parent()
    about: dict[str, Any] = {
        "documentation": documentation_job.DocumentationJobFacet(title),
        "jobType": job_type_job.JobTypeJobFacet(processingType="BATCH", integration="JICHU", jobType=job.split(".")[0].upper()),
    }
    end = dict(facets)
    if failed:
        end["errorMessage"] = error_message_run.ErrorMessageRunFacet(message=failed, programmingLanguage="python")
    it = event_v2.Job(os.environ.get("OPENLINEAGE_NAMESPACE") or "jichu", job, facets=about)
    ident = str(uuid.generate_new_uuid(now))
    client = _client()
    began, state = now - timedelta(seconds=float(taken[0])), event_v2.RunState.FAIL if failed else event_v2.RunState.COMPLETE
    bare = [event_v2.InputDataset(d.namespace, d.name) for d in inputs]
    client.emit(
        event_v2.RunEvent(
            eventType=event_v2.RunState.START,
            eventTime=began.isoformat(),
            run=event_v2.Run(ident, facets),
            job=it,
            inputs=bare,
            producer=PRODUCER,
        )
    )
    client.emit(
        event_v2.RunEvent(
            eventType=state,
            eventTime=now.isoformat(),
            run=event_v2.Run(ident, end),
            job=it,
            inputs=inputs,
            outputs=outputs,
            producer=PRODUCER,
        )
    )
    client.close()


def _client() -> "OpenLineageClient":
    from openlineage.client import OpenLineageClient

    told = os.environ.get("AIRFLOW__OPENLINEAGE__TRANSPORT")
    return OpenLineageClient(config={"transport": json.loads(told)}) if told else OpenLineageClient()


def _parent() -> dict[str, Any]:
    """The Airflow task that runs us, as Airflow's provider names it; nothing outside of a task."""
    if "airflow.sdk" not in sys.modules:
        return {}
    try:
        from airflow.providers.openlineage.plugins import macros
        from airflow.sdk import get_current_context
        from openlineage.client.facet_v2 import parent_run

        ti = get_current_context()["ti"]
        job = parent_run.Job(macros.lineage_job_namespace(), macros.lineage_job_name(ti))  # type: ignore[no-untyped-call]
        return {"parent": parent_run.ParentRunFacet(parent_run.Run(macros.lineage_run_id(ti)), job)}
    except Exception:  # no task around us
        return {}
