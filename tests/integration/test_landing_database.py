"""A department's PostgreSQL, read for real."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg2
import pyarrow.parquet as pq
import pytest
from landing_servers import Line, measured

from etl import extract, settings
from etl.errors import DeliveryRefused
from etl.extract import Landed, database
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


def execute(url: str, *statements: str) -> None:
    """Statements of the database's owner, one by one."""
    con = psycopg2.connect(url)
    con.autocommit = True
    with con.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    con.close()


@contextmanager
def held(url: str, statement: str) -> Iterator[None]:
    """Another session's open transaction."""
    con = psycopg2.connect(url)
    with con.cursor() as cursor:
        cursor.execute(statement)
    yield
    con.close()


def refused(of: Source, here: Settings) -> str:
    """What is said of a delivery that is refused; nothing of it is left."""
    with pytest.raises(DeliveryRefused) as told:
        land(of, here)
    assert told.value.__cause__ is None
    assert not [p for p in (here.home / "landing").rglob("*") if p.is_file()]
    return f"{told.value}"


def fill(url: str, rows: int, name: str = "'名称' || i") -> None:
    """office.many: so many rows with a number, a name and an amount each."""
    execute(url, f"create table office.many as select i as id, {name} as name, i / 4.0 as amount from generate_series(1, {rows}) i")


MANY = source(["id", "name", "amount"], "office.many")


def test_views_are_sources_too(department: str, here: Settings) -> None:
    execute(
        department,
        "create view office.v as select id, upper(code) as code from office.things where id > '1' order by id",
        "create materialized view office.m as select id, code from office.things",
    )
    assert [r["code"] for r in pq.read_table(land(source(["id", "code"], "office.v"), here).rows).to_pylist()] == [None, "12345678"]
    assert land(source(["id", "code"], "office.m"), here).rows_in == 3


def test_the_table_is_read_as_it_stood_at_one_moment(department: str, here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another session rewrites the table while it is on its way."""
    fill(department, 60_000)
    written, changed = database.Counted.write, threading.Event()

    def write(self: database.Counted, data: bytes) -> int:
        if not changed.is_set():
            execute(
                department,
                "delete from office.many where id > 30000",
                "update office.many set name = '后来'",
                "insert into office.many select i, '后来', 0 from generate_series(100000, 110000) i",
            )
            changed.set()
        return written(self, data)

    monkeypatch.setattr(database.Counted, "write", write)
    taken = pq.read_table(land(MANY, here).rows)
    assert changed.is_set()
    assert taken.column("name").to_pylist() == [f"名称{i}" for i in range(1, 60_001)]


def test_a_view_that_would_write_is_not_executed(department: str, here: Settings) -> None:
    execute(
        department,
        "create function office.spoil() returns text language plpgsql as $$ begin delete from office.things; return 'x'; end $$",
        "create view office.v as select id, office.spoil() as name from office.things",
    )
    assert "只读的读取不予执行" in refused(source(["id", "name"], "office.v"), here)
    assert land(source(), here).rows_in == 3


def test_a_view_that_fails_is_told_by_its_state_alone(department: str, here: Settings) -> None:
    execute(department, "create view office.v as select id, name::int as name from office.things")
    told = refused(source(["id", "name"], "office.v"), here)
    assert "出错（22P02）" in told
    assert "甲" not in told


@pytest.mark.parametrize("silent", [False, True])
def test_a_line_that_breaks_midway_leaves_nothing(department: str, here: Settings, monkeypatch: pytest.MonkeyPatch, silent: bool) -> None:
    fill(department, 60_000)
    port = int(department.rsplit(":", 1)[1].split("/")[0])
    line = Line(port, 500_000, silent)
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", f"{department.replace(f':{port}/', f':{line.port}/')}?read_timeout=1")
    try:
        told = refused(MANY, here)
        assert "1 秒没有送来" in told if silent else "数据库中断" in told
        assert line.passed == 500_000
    finally:
        line.close()
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", department)
    assert land(MANY, here).rows_in == 60_000


def test_a_session_that_is_ended_while_it_reads_leaves_nothing(department: str, here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(department, 60_000, "repeat('长', 150)")
    written, ended = database.Counted.write, threading.Event()

    def write(self: database.Counted, data: bytes) -> int:
        if not ended.is_set():
            ended.set()
            execute(department, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'jichu'")
        return written(self, data)

    monkeypatch.setattr(database.Counted, "write", write)
    assert "unreachable" in refused(MANY, here)


def test_a_locked_table_is_waited_for_and_then_left(department: str, here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", f"{department}?lock_timeout=0.3")
    with held(department, "lock table office.things in access exclusive mode"):
        began = time.monotonic()
        assert "锁住" in refused(source(), here)
        assert time.monotonic() - began < 10
    assert land(source(), here).rows_in == 3


def test_a_query_that_the_server_stops_is_told_so(department: str, here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(department, "create view office.slow as select i as id, pg_sleep(0.05)::text as name from generate_series(1, 100) i")
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", f"{department}?options=-c%20statement_timeout%3D300")
    assert "中止了读表" in refused(source(["id", "name"], "office.slow"), here)


def test_a_silent_server_is_left(department: str, here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(department, "create view office.slow as select 1 as id, pg_sleep(30)::text as name")
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", f"{department}?read_timeout=0.5")
    began = time.monotonic()
    assert "0.5 秒没有送来" in refused(source(["id", "name"], "office.slow"), here)
    assert time.monotonic() - began < 10


def test_the_byte_limit_holds_and_a_cells_too(department: str, here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(department, 60_000)
    monkeypatch.setenv("JICHU_MAX_FILE_BYTES", "100000")
    assert "too_big: 表" in refused(MANY, here)
    monkeypatch.delenv("JICHU_MAX_FILE_BYTES")
    for length in (500_000, 5_000_000):
        execute(
            department, "drop table if exists office.wide", f"create table office.wide as select 1 as id, repeat('长', {length}) as body"
        )
        assert "too_big" in refused(source(["id", "body"], "office.wide"), here)


@pytest.mark.parametrize(("encoding", "kept"), [("gb18030", True), ("utf-8", True), ("latin-1", False)])
def test_a_database_without_an_encoding_is_read_as_utf8_or_gb18030(
    postgis_cluster: Cluster, here: Settings, monkeypatch: pytest.MonkeyPatch, encoding: str, kept: bool
) -> None:
    postgis_cluster.server.run(
        "postgres", "drop database if exists plain", "create database plain encoding 'SQL_ASCII' locale 'C' template template0"
    )
    url = postgis_cluster.server.url("plain")
    body = ("朱镕基" if kept else "Ä¨Ä").encode(encoding)
    text = "".join(f"\\{byte:03o}" for byte in body)
    execute(url, "set client_encoding to 'SQL_ASCII'", f"create table t as select 1 as id, E'{text}'::text as name")
    monkeypatch.setenv("AIRFLOW_CONN_TEST_OFFICE", url)
    of = source(["id", "name"], "public.t")
    if kept:
        assert pq.read_table(land(of, here).rows).column("name").to_pylist() == ["朱镕基"]
    else:
        assert "encoding: 表 public.t 第" in refused(of, here)


def test_two_million_rows_are_read_in_bounded_memory(department: str, here: Settings) -> None:
    """About 90 MB of text, which as Python's own values would be over a gigabyte."""
    fill(department, 2_000_000)
    cost = measured(MANY, here)
    print(cost)
    assert cost["rows"] == 2_000_000
    assert cost["grown_mb"] < 400
    assert cost["cpu_seconds"] < 20
