"""A department's MariaDB, read for real."""

import itertools
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from landing_servers import Line, MariaDB, measured

from etl import extract, settings
from etl.errors import DeliveryRefused
from etl.extract import Landed, database
from etl.settings import Settings
from etl.spec import Source

NAME = "AIRFLOW_CONN_TEST_OFFICE"
_numbers = itertools.count(1)


def source(columns: list[str], table: str, encoding: str = "utf-8") -> Source:
    return Source.model_validate(
        {
            "name": "test_office/things",
            "stem": "test_office/things",
            "title": "测试",
            "delivery": {"channel": "database", "kind": "full", "table": table, "encoding": encoding},
            "key": [columns[0]],
            "columns": {c: {"as": f"c{i}"} for i, c in enumerate(columns)},
        }
    )


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDB]:
    """One server for this module. (A short path: a socket's may not be longer than 107 bytes.)"""
    folder = Path(tempfile.mkdtemp(prefix="jichu-mariadb-"))
    made = MariaDB(folder / "m")
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def office(server: MariaDB, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty schema whose connection is in the environment."""
    name = f"office_{next(_numbers)}"
    server.run(f"create database {name} character set utf8mb4")
    monkeypatch.setenv(NAME, server.uri())
    yield name
    server.run(f"drop database {name}")


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return replace(settings.load(tmp_path / "drop", "2018-03-05"), home=tmp_path / "home")


def land(of: Source, here: Settings) -> Landed:
    return extract.land(of, extract.find(of, here)[0], here)


def taken(landed: Landed, *columns: str) -> list[tuple[str | None, ...]]:
    return [tuple(row[c] for c in columns) for row in pq.read_table(landed.rows).to_pylist()]


def refused(of: Source, here: Settings) -> str:
    """What is said of a delivery that is refused; nothing of it is left."""
    with pytest.raises(DeliveryRefused) as told:
        land(of, here)
    assert told.value.__cause__ is None
    root = here.home / "landing"
    assert not [p for p in root.rglob("*") if p.is_file()]
    return f"{told.value}"


def fill(server: MariaDB, table: str, rows: int) -> None:
    """A table of so many rows with a number, a name and an amount each."""
    office = table.partition(".")[0]
    server.run(
        f"create table {table} (id int primary key, name varchar(40), amount decimal(12, 2)) character set utf8mb4",
        f"insert into {table} select seq, concat('名称', seq), seq / 4 from {office}.seq_1_to_{rows}",
    )


def test_every_type_comes_as_text_with_null_and_empty_told_apart(server: MariaDB, office: str, here: Settings) -> None:
    server.run(
        f"""create table {office}.things (id int primary key, t tinyint(1), b bit(5), n decimal(12, 4), f double, d date, at datetime,
            fine datetime(6), y year, s varchar(40), c char(10), bin varbinary(8), e enum('甲', '乙'), j json)""",
        f"""insert into {office}.things values
            (1, 1, b'00101', 690.0000, 1e17, '2018-03-01', '2018-03-01 08:30:00', '2018-03-01 08:30:00.250', 2018, '甲,"乙"\n丙\\\\丁', 'ab ', x'00ff', '乙', '{{"a": 1}}'),
            (2, 0, b'0', -0.0500, 0.1, '2018-03-01', '2018-03-01', '2018-03-01', 2018, '', '', '', '甲', '[]'),
            (3, null, null, null, null, null, null, null, null, null, null, null, null, null)""",
    )
    columns = ["id", "t", "b", "n", "f", "d", "at", "fine", "y", "s", "c", "bin", "e", "j"]
    first, second, third = taken(land(source(columns, f"{office}.things"), here), *columns)
    assert first == (
        *("1", "1", "5", "690", "100000000000000000", "2018-03-01", "2018-03-01 08:30:00", "2018-03-01 08:30:00.25", "2018"),
        *('甲,"乙"\n丙\\丁', "ab", "\\x00ff", "乙", '{"a": 1}'),
    )
    assert second[:9] == ("2", "0", "0", "-0.05", "0.1", "2018-03-01", "2018-03-01 00:00:00", "2018-03-01 00:00:00", "2018")
    assert second[9:11] == ("", "")
    assert third == ("3", *[None] * 13)


def test_dates_that_are_none_come_as_they_stand(server: MariaDB, office: str, here: Settings) -> None:
    server.run(
        "set sql_mode = ''",
        f"create table {office}.t (id int, d date, at datetime)",
        f"insert into {office}.t values (1, '0000-00-00', '0000-00-00 00:00:00'), (2, '2018-00-00', null), (3, '2018-02-00', null)",
    )
    assert taken(land(source(["id", "d", "at"], f"{office}.t"), here), "d", "at") == [
        ("0000-00-00", "0000-00-00 00:00:00"),
        ("2018-00-00", None),
        ("2018-02-00", None),
    ]


@pytest.mark.parametrize(
    ("charset", "name"),
    [("utf8mb4", "㐂𠮷·买买提\u3000😀"), ("gbk", "朱镕基"), ("gb2312", "王五"), ("latin1", "Café"), ("utf8mb3", "㐂"), ("big5", "國")],
)
def test_every_character_set_comes_as_unicode(server: MariaDB, office: str, here: Settings, charset: str, name: str) -> None:
    server.run(
        f"create table {office}.t (编号 int, 姓名 varchar(40)) character set {charset}",
        f"insert into {office}.t values (1, '{name}')",
    )
    assert taken(land(source(["编号", "姓名"], f"{office}.t"), here), "姓名") == [(name,)]


def test_chinese_kept_in_a_latin1_column_is_read_as_what_the_source_declares(server: MariaDB, office: str, here: Settings) -> None:
    server.run(
        f"create table {office}.t (id int, name varchar(40)) character set latin1",
        f"insert into {office}.t values (1, cast(x'{'朱镕基'.encode('gbk').hex()}' as binary))",
    )
    assert taken(land(source(["id", "name"], f"{office}.t", "gbk"), here), "name") == [("朱镕基",)]


def test_names_and_values_that_look_like_sql_are_data(server: MariaDB, office: str, here: Settings) -> None:
    server.run(
        f"create table {office}.`a``b` (id int, `na%s``me` varchar(80))",
        f"insert into {office}.`a``b` values (1, '\\'; drop table x; -- %s'), (2, '=1+1')",
    )
    of = source(["id", "na%s`me"], f"{office}.a`b")
    assert taken(land(of, here), "na%s`me") == [("'; drop table x; -- %s",), ("=1+1",)]


def test_a_missing_column_and_a_missing_table_name_the_nearest(server: MariaDB, office: str, here: Settings) -> None:
    fill(server, f"{office}.things", 1)
    assert "missing_column" in refused(source(["id", "amounts"], f"{office}.things"), here)
    assert "“amounts”" in refused(source(["id", "amounts"], f"{office}.things"), here)
    assert f"{office}.things" in refused(source(["id"], f"{office}.thing"), here)


def test_a_view_is_a_source_too_and_an_empty_one_has_no_rows(server: MariaDB, office: str, here: Settings) -> None:
    fill(server, f"{office}.things", 3)
    server.run(
        f"create view {office}.v as select id, upper(name) as name from {office}.things where id > 1",
        f"create view {office}.nobody as select * from {office}.things where false",
    )
    assert taken(land(source(["id", "name"], f"{office}.v"), here), "id") == [("2",), ("3",)]
    assert land(source(["id", "name"], f"{office}.nobody"), here).rows_in == 0


def test_the_same_table_lands_once_and_a_changed_one_again(server: MariaDB, office: str, here: Settings) -> None:
    of = source(["id", "name"], f"{office}.things")
    fill(server, f"{office}.things", 3)
    first = land(of, here)
    assert land(of, here) == first
    server.run(f"update {office}.things set name = '丁' where id = 3")
    assert land(of, here).delivery_id != first.delivery_id


def test_the_table_is_read_as_it_stood_at_one_moment(server: MariaDB, office: str, here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another session empties and refills the table while it is on its way."""
    fill(server, f"{office}.things", 60_000)
    written, changed = database.Counted.write, threading.Event()

    def write(self: database.Counted, data: bytes) -> int:
        if not changed.is_set():
            server.run(
                f"delete from {office}.things where id > 30000",
                f"update {office}.things set name = '后来'",
                f"insert into {office}.things select seq, '后来', 0 from {office}.seq_100000_to_110000",
            )
            changed.set()
        return written(self, data)

    monkeypatch.setattr(database.Counted, "write", write)
    names = taken(land(source(["id", "name"], f"{office}.things"), here), "id", "name")
    assert changed.is_set()
    assert names == [(str(i), f"名称{i}") for i in range(1, 60_001)]


def test_a_view_that_would_write_is_not_executed(server: MariaDB, office: str, here: Settings) -> None:
    fill(server, f"{office}.things", 3)
    server.run(
        "set global log_bin_trust_function_creators = 1",
        f"create function {office}.spoil() returns int modifies sql data begin delete from {office}.things; return 1; end",
        f"create view {office}.v as select id, {office}.spoil() as name from {office}.things",
    )
    assert "只读的读取不予执行" in refused(source(["id", "name"], f"{office}.v"), here)
    assert land(source(["id", "name"], f"{office}.things"), here).rows_in == 3


@pytest.mark.parametrize("silent", [False, True])
def test_a_line_that_breaks_midway_leaves_nothing(
    server: MariaDB, office: str, here: Settings, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    fill(server, f"{office}.things", 60_000)
    line = Line(server.port, 500_000, silent)
    monkeypatch.setenv(NAME, server.uri(port=line.port, query="?read_timeout=1"))
    try:
        assert "unreachable: 读 test_office 的表" in refused(source(["id", "name"], f"{office}.things"), here)
        assert line.passed == 500_000
    finally:
        line.close()
    monkeypatch.setenv(NAME, server.uri())
    assert land(source(["id", "name"], f"{office}.things"), here).rows_in == 60_000


def test_a_server_that_ends_while_it_sends_leaves_nothing(
    server: MariaDB, office: str, here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The department's administrator kills our session."""
    fill(server, f"{office}.things", 60_000)
    server.run(f"alter table {office}.things modify name varchar(200)", f"update {office}.things set name = repeat('长', 150)")
    written = database.Counted.write

    def write(self: database.Counted, data: bytes) -> int:
        server.run(
            "begin not atomic for s in (select id from information_schema.processlist where info like 'select concat(if(`id`%') do kill s.id; end for; end"
        )
        return written(self, data)

    monkeypatch.setattr(database.Counted, "write", write)
    assert "unreachable" in refused(source(["id", "name"], f"{office}.things"), here)


@pytest.mark.parametrize("user", ["owner", "nobody"])
def test_a_wrong_password_is_told_without_it_and_without_the_servers_words(
    server: MariaDB, office: str, here: Settings, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    monkeypatch.setenv(NAME, server.uri(user, "geheim"))
    told = refused(source(["id"], f"{office}.things"), here)
    assert "账号和密码" in told
    assert "geheim" not in told
    assert "denied" not in told


def test_a_port_where_nobody_or_something_else_listens_is_unreachable(
    server: MariaDB, office: str, here: Settings, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    elsewhere = int(database_url.rsplit(":", 1)[1].split("/")[0])
    for port in (9, elsewhere):
        monkeypatch.setenv(NAME, server.uri(port=port, query="?read_timeout=2"))
        assert "unreachable: 连不上" in refused(source(["id"], f"{office}.things"), here)


def test_an_account_that_may_not_read_the_table_sees_none(
    server: MariaDB, office: str, here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, f"{office}.things", 1)
    server.run("create or replace user onlooker@'127.0.0.1' identified by 'pw-only-here'")
    monkeypatch.setenv(NAME, server.uri("onlooker", "pw-only-here"))
    assert "账号看不到它" in refused(source(["id"], f"{office}.things"), here)
    server.run(f"grant insert on {office}.things to onlooker@'127.0.0.1'")
    assert "无权" in refused(source(["id", "name", "amount"], f"{office}.things"), here)


def test_a_locked_table_is_waited_for_and_then_left(server: MariaDB, office: str, here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(server, f"{office}.things", 1)
    monkeypatch.setenv(NAME, server.uri(query="?lock_timeout=1"))
    with server.locking(f"{office}.things"):
        began = time.monotonic()
        assert "锁住" in refused(source(["id", "name"], f"{office}.things"), here)
        assert time.monotonic() - began < 10
    assert land(source(["id", "name"], f"{office}.things"), here).rows_in == 1


def test_a_query_that_the_server_stops_is_told_so(server: MariaDB, office: str, here: Settings) -> None:
    server.run(
        f"create view {office}.slow as select seq as id, sleep(0.05) as name from {office}.seq_1_to_200",
        "set global max_statement_time = 0.3",
    )
    try:
        assert "中止了读表" in refused(source(["id", "name"], f"{office}.slow"), here)
    finally:
        server.run("set global max_statement_time = 0")


def test_the_byte_limit_holds_and_a_cells_too(server: MariaDB, office: str, here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(server, f"{office}.things", 60_000)
    monkeypatch.setenv("JICHU_MAX_FILE_BYTES", "100000")
    assert "too_big: 表" in refused(source(["id", "name"], f"{office}.things"), here)
    monkeypatch.delenv("JICHU_MAX_FILE_BYTES")
    server.run(f"create table {office}.wide (id int, body longtext)", f"insert into {office}.wide values (1, repeat('长', 500000))")
    assert "too_big" in refused(source(["id", "body"], f"{office}.wide"), here)
    server.run(f"insert into {office}.wide values (2, repeat('长', 1500000))")
    server.run("set global max_allowed_packet = 1048576")
    try:
        assert "max_allowed_packet" in refused(source(["id", "body"], f"{office}.wide"), here)
    finally:
        server.run("set global max_allowed_packet = 16777216")


@pytest.mark.parametrize("told", ["?read_timeout=soon", "?lock_timeout=-1", "?read_timeout=nan"])
def test_time_outs_that_are_none_are_told(server: MariaDB, office: str, here: Settings, monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv(NAME, server.uri(query=told))
    assert "应为秒数" in refused(source(["id"], f"{office}.things"), here)


def test_two_million_rows_are_read_in_bounded_memory(server: MariaDB, office: str, here: Settings) -> None:
    """About 90 MB of text, which as Python's own values would be over a gigabyte."""
    fill(server, f"{office}.things", 2_000_000)
    of = source(["id", "name", "amount"], f"{office}.things")
    cost = measured(of, here)
    print(json.dumps(cost))
    assert cost["rows"] == 2_000_000
    assert cost["grown_mb"] < 400
    assert cost["cpu_seconds"] < 20
