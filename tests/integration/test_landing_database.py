"""A department's PostgreSQL, read for real."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg2
import pyarrow.parquet as pq
import pytest

from etl import extract, settings
from etl.errors import DeliveryRefused
from etl.extract import Landed
from etl.platform.postgres import Cluster
from etl.settings import Settings
from etl.spec import Source

COLUMNS = ["id", "name", "amount", "ratio", "code", "at", "born", "flag"]


def source(columns: list[str] = COLUMNS, table: str = "office.things") -> Source:
    return Source.model_validate(
        {
            "name": "test_office/things",
            "stem": "test_office/things",
            "title": "测试",
            "delivery": {"channel": "database", "kind": "full", "table": table},
            "key": ["id"],
            "columns": {c: {"as": c.lower()} for c in columns},
        }
    )


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return replace(settings.load(tmp_path / "drop", "2018-03-05"), home=tmp_path / "home")


@pytest.fixture
def department(postgis_cluster: Cluster, empty_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A department's database with one table; its connection is in the environment."""
    with psycopg2.connect(empty_database) as con, con.cursor() as cursor:
        cursor.execute(
            """create schema office;
            create table office.things (id text, name varchar(20), amount numeric(12, 4), ratio double precision, code char(8),
                at timestamp, born date, flag boolean, "多" int);
            insert into office.things values
            ('1', E'甲,"乙"\\n丙', 690.0000, 0.1, 'ab', '2018-03-01 08:30:00', '2018-03-01', true, 7),
            ('2', '', 1.5, 1e17, null, null, null, false, null),
            ('3', null, -0.0500, 2, '12345678', '2018-03-01 00:00:00.25', null, null, null)"""
        )
    con.close()
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", empty_database.replace("postgresql://", "postgres://"))
    yield empty_database


def land(of: Source, here: Settings) -> Landed:
    return extract.land(of, extract.find(of, here)[0], here)


def test_values_come_as_text_with_null_and_empty_told_apart(department: str, here: Settings) -> None:
    landed = land(source(), here)
    assert landed.notes == ("多出的列：多",)
    taken = [[row[c] for c in COLUMNS] for row in pq.read_table(landed.rows).to_pylist()]
    assert taken == [
        ["1", '甲,"乙"\n丙', "690", "0.1", "ab", "2018-03-01 08:30:00", "2018-03-01", "true"],
        ["2", "", "1.5", "100000000000000000", None, None, None, "false"],
        ["3", None, "-0.05", "2", "12345678", "2018-03-01 00:00:00.25", None, None],
    ]


def test_the_same_table_lands_once_and_a_changed_one_again(department: str, here: Settings) -> None:
    first = land(source(), here)
    assert land(source(), here) == first
    with psycopg2.connect(department) as con, con.cursor() as cursor:
        cursor.execute("update office.things set name = '丁' where id = '3'")
    con.close()
    assert land(source(), here).delivery_id != first.delivery_id


def test_a_missing_column_and_a_missing_table_name_the_nearest(department: str, here: Settings) -> None:
    with pytest.raises(DeliveryRefused, match=r"missing_column.*缺少列“amounts”.*amount"):
        land(source([*COLUMNS, "amounts"]), here)
    with pytest.raises(DeliveryRefused, match=r"missing_column.*office\.thing.*office\.things"):
        land(source(table="office.thing"), here)


def test_an_empty_table_is_a_delivery_of_no_rows(department: str, here: Settings) -> None:
    with psycopg2.connect(department) as con, con.cursor() as cursor:
        cursor.execute("truncate office.things")
    con.close()
    landed = land(source(), here)
    assert landed.rows_in == 0
    assert set(COLUMNS) <= set(pq.read_schema(landed.rows).names)


def test_without_a_connection_nothing_waits(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_TEST_OFFICE", raising=False)
    assert extract.find(source(), here) == []
    assert not extract.reachable(source(), here)


@pytest.mark.parametrize("connection", ["postgres://reader:geheim@127.0.0.1:9/x", "http://:geheim@127.0.0.1:9"])
def test_an_unreachable_database_is_told_without_its_password(here: Settings, monkeypatch: pytest.MonkeyPatch, connection: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", connection)
    with pytest.raises(DeliveryRefused, match="unreachable") as refused:
        land(source(), here)
    assert "geheim" not in f"{refused.value!r} {refused.value.__cause__!r}"
    assert "geheim" not in repr(extract.find(source(), here))


def test_a_table_that_is_closed_to_the_account_is_unreachable(
    department: str, here: Settings, postgis_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = department.rsplit("/", 1)[1]
    postgis_cluster.server.create_role("onlooker", "pw-only-here")
    postgis_cluster.server.run(name, "grant usage on schema office to onlooker")
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", f"postgres://onlooker:pw-only-here@127.0.0.1:{postgis_cluster.port}/{name}")
    with pytest.raises(DeliveryRefused, match=r"unreachable.*无权"):
        land(source(), here)
