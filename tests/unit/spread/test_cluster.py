"""What a Spark session would be told, and what is said when there can be none."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from etl import engine, settings
from etl.account import account
from etl.errors import UsageError
from etl.spread import cluster


def test_an_engine_that_is_none_is_named_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JICHU_ENGINE", "flink")
    with pytest.raises(UsageError, match="duckdb、spark，没有“flink”"):
        settings.load()


def test_without_pyspark_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(UsageError, match="uv sync --extra spark"):
        cluster.session(settings.load())


def test_small_work_never_starts_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    told = replace(settings.load(as_of="2018-03-08"), home=tmp_path, engine="spark", memory_mb=512)
    with engine.connect(told) as con:
        con.execute(
            "create table held as select 'k' as source_key, md5('')::uuid as row_hash, null::date as removed_on, null::date as delivered_on"
        )
        con.execute(
            f"copy (select 1::bigint as row_number, 'k' as source_key, md5('')::uuid as row_hash, []::varchar[] as reasons) to '{tmp_path}/c.parquet'"
        )
        assert account(con, tmp_path / "c.parquet", "held", full=True, day=told.today).rows_unchanged == 1


def test_a_deployment_outranks_the_defaults_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "spark.conf"
    file.write_text(
        "# ours\nspark.executor.memory 4g\n\nspark.ui.enabled=true\nspark.executor.extraJavaOptions  -Da=b -Dc=d\n", encoding="utf-8"
    )
    assert cluster._configured(file) == {
        "spark.executor.memory": "4g",
        "spark.ui.enabled": "true",
        "spark.executor.extraJavaOptions": "-Da=b -Dc=d",
    }
    with pytest.raises(UsageError, match="JICHU_SPARK_CONF"):
        cluster._configured(tmp_path / "none.conf")


def test_what_spark_writes_to_disk_is_encrypted_and_nothing_is_shown() -> None:
    told = cluster._defaults(replace(settings.load(), spark_master="spark://host:7077"))
    assert told["spark.master"] == "spark://host:7077"
    assert "spark.local.dir" not in told
    assert (told["spark.io.encryption.enabled"], told["spark.ui.enabled"], told["spark.eventLog.enabled"]) == ("true", "false", "false")
