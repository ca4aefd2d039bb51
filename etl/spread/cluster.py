"""Spark as scheduler and shuffle: a work is cut into parts, every executor runs its function on a DuckDB of its own (`task`)."""

import os
import re
import shutil
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from etl import engine
from etl.errors import UsageError
from etl.settings import Settings
from etl.spread import Work, plan, task

if TYPE_CHECKING:
    from pyspark.sql import SparkSession  # type: ignore[import-not-found,unused-ignore]  # an extra

ENVELOPE, DONE = "part int, input string, rows binary", "part int, output string, rows bigint"


def run(con: duckdb.DuckDBPyConnection, settings: Settings, work: Work) -> Mapping[str, Path] | None:
    """Output → the pattern of its Parquet files; None when the work is too small to be handed out."""
    if not settings.spread_from <= plan.rows(con, work) > 0:
        return None
    spark, scratch = session(settings), engine.folder(con)
    tasks = scratch / "tasks" if _is_local(spark) else None
    memory, lanes = _memory(spark, settings), int(spark.sparkContext.defaultParallelism)
    job = plan.plan(con, settings, work, lanes=lanes, memory_mb=memory, tasks=tasks)
    try:
        return {name: job.shelf.output(name, scratch) for name in _done(spark, job)}
    finally:
        job.shelf.clear()


def _done(spark: "SparkSession", job: task.Job) -> list[str]:
    """Hands the job out and waits; the names of what was written."""
    numbers = spark.range(0, len(job.pieces), 1, len(job.pieces))
    if any(given.key is None for given in job.inputs.values()):
        done = numbers.mapInArrow(lambda batches: task.by_piece(batches, job), DONE)
    else:
        cut = numbers.mapInArrow(lambda batches: task.scatter(batches, job), ENVELOPE)
        done = cut.repartitionById(job.parts, "part").mapInArrow(lambda batches: task.gather(batches, job), DONE)
    return sorted({row["output"] for row in done.collect()})


def session(settings: Settings) -> "SparkSession":
    """The one Spark session of this process: JICHU_SPARK_MASTER, then the settings of JICHU_SPARK_CONF; or as spark-submit told it."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise UsageError("JICHU_ENGINE=spark 需要 pyspark：uv sync --extra spark（docs/scale.md）") from None
    if active := SparkSession.getActiveSession():
        return active
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise UsageError("JICHU_ENGINE=spark 需要 Java 17：apt install openjdk-17-jre-headless，或设 JAVA_HOME")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)  # nothing of ours passes through pandas
    builder = SparkSession.builder.appName("jichu")
    for name, value in (_defaults(settings) | _configured(settings.spark_conf)).items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    return made


def _defaults(settings: Settings) -> dict[str, str]:
    """What holds unless the deployment says otherwise: no pages or logs that could show a person's data, nothing in clear on disk."""
    told = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.eventLog.enabled": "false",
        "spark.io.encryption.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "4",  # an envelope holds thousands of rows
        "spark.sql.adaptive.enabled": "false",  # the parts are counted; Spark knows nothing of what is in them
    }
    if settings.spark_master or "PYSPARK_GATEWAY_PORT" not in os.environ:
        told["spark.master"] = settings.spark_master or "local[*]"
    if _names_local(told.get("spark.master", "")):
        told |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.local.dir": str(settings.home / "tmp")}
    return told


def _configured(file: Path | None) -> dict[str, str]:
    """A file like spark-defaults.conf: a name and its value on each line."""
    if file is None:
        return {}
    if not file.is_file():
        raise UsageError(f"JICHU_SPARK_CONF 指向的文件不存在：{file}")
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    told = dict(re.split(r"[\s=]+", line, maxsplit=1) for line in lines if line and not line.startswith("#") and re.search(r"[\s=]", line))
    return {name: value.strip() for name, value in told.items()}


def _is_local(spark: "SparkSession") -> bool:
    return _names_local(str(spark.sparkContext.master))


def _names_local(master: str) -> bool:
    """Whether the driver's process is all there is; `local-cluster[…]` is a cluster, on one machine."""
    return re.match(r"local(\[|$)", master) is not None


def _memory(spark: "SparkSession", settings: Settings) -> int:
    """MB for the DuckDB of one task: JICHU_MEMORY is what an executor's Python may have in all, each of its lanes has a share."""
    if _is_local(spark):  # the driver works beside its own lanes
        return max(settings.memory_mb // (int(spark.sparkContext.defaultParallelism) + 1), 256)
    return max(settings.memory_mb // int(spark.sparkContext.getConf().get("spark.executor.cores") or 1), 256)
