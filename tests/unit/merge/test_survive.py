"""Whom we believe: the order, the newest, the ties, and what the others said."""

from datetime import datetime
from typing import Any

import duckdb
import pytest

from etl.merge.survive import disagreements, rank, survive
from etl.spec.library import Believe

POLICE, CLINIC, GRID = "public_security/household_register", "health/health_records", "county_510502/grid_residents"


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("create schema out")
    made.execute(
        "create table told (person_id varchar, dataset varchar, source_key varchar, told_at timestamp, name varchar, phone varchar)"
    )
    return made


def tell(con: duckdb.DuckDBPyConnection, *rows: tuple[Any, ...]) -> None:
    con.executemany("insert into told values ('P1', ?, ?, ?, ?, ?)", [list(r) for r in rows])


def kept(con: duckdb.DuckDBPyConnection, **believe: Believe) -> dict[str, Any]:
    survive(con, "told", "person_id", believe, "kept")
    row = con.execute("select * from kept").fetchall()[0]
    return dict(zip([d[0] for d in con.description or []], row, strict=True))


OLD, NEW = datetime(2017, 1, 1), datetime(2018, 1, 1)
ORDER = Believe(order=[POLICE, CLINIC, "*/grid_residents"])


def test_the_more_believed_department_outranks_the_newer_record(con: duckdb.DuckDBPyConnection) -> None:
    tell(con, (CLINIC, "1", NEW, "新", None), (POLICE, "1", OLD, "旧", None))
    assert kept(con, name=ORDER) == {"person_id": "P1", "name": "旧", "name__from": POLICE}


def test_where_the_newest_is_preferred_time_comes_first(con: duckdb.DuckDBPyConnection) -> None:
    tell(con, (CLINIC, "1", NEW, "新", None), (POLICE, "1", OLD, "旧", None))
    assert kept(con, name=Believe(order=[POLICE, CLINIC], prefer="newest"))["name"] == "新"


def test_an_empty_field_is_no_answer(con: duckdb.DuckDBPyConnection) -> None:
    tell(con, (POLICE, "1", NEW, None, "1"), (CLINIC, "1", OLD, "甲", None))
    told = kept(con, name=ORDER, phone=ORDER)
    assert (told["name"], told["name__from"], told["phone"], told["phone__from"]) == ("甲", CLINIC, "1", POLICE)


def test_among_records_of_one_department_the_newest_wins(con: duckdb.DuckDBPyConnection) -> None:
    tell(con, (CLINIC, "1", OLD, "旧", None), (CLINIC, "2", NEW, "新", None))
    assert kept(con, name=ORDER)["name"] == "新"


def test_a_tie_ends_at_the_key_whatever_the_order_of_rows(con: duckdb.DuckDBPyConnection) -> None:
    tell(con, (CLINIC, "2", NEW, "乙", None), (CLINIC, "1", NEW, "甲", None))
    assert kept(con, name=ORDER)["name"] == "甲"


def test_a_pattern_stands_for_every_county_and_nobody_else(con: duckdb.DuckDBPyConnection) -> None:
    tell(con, (GRID, "1", OLD, "网格", None), ("other/unnamed", "1", NEW, "无名", None))
    assert kept(con, name=ORDER)["name"] == "网格"
    sql = rank(["*/grid_residents"])
    assert con.execute(f"select {sql} from (values ('county_1/grid_residents'), ('county_1/gridXresidents')) t(dataset)").fetchall() == [
        (0,),
        (1,),
    ]


def test_nobody_saying_anything_keeps_nothing(con: duckdb.DuckDBPyConnection) -> None:
    tell(con, (POLICE, "1", OLD, None, None))
    assert kept(con, name=ORDER)["name"] is None


def test_what_others_said_is_written_down_once_per_department_and_value(con: duckdb.DuckDBPyConnection) -> None:
    tell(con, (POLICE, "1", OLD, "甲", "1"), (CLINIC, "1", OLD, "乙", "2"), (CLINIC, "2", OLD, "乙", None), (GRID, "1", OLD, "甲", None))
    believe = {"name": ORDER, "phone": Believe(order=[POLICE], disagree=False)}
    kept(con, **believe)
    disagreements(con, "told", "kept", "person_id", believe)
    assert con.execute("select field, kept_value, kept_from, other_value, other_from, other_key from out.disagreement").fetchall() == [
        ("name", "甲", POLICE, "乙", CLINIC, "1")
    ]


def test_in_parts_the_same_is_chosen_as_at_once(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"""
        insert into told select 'P' || i % 50, case i % 3 when 0 then '{POLICE}' when 1 then '{CLINIC}' else '{GRID}' end, 'k' || i,
            timestamp '2017-01-01' + interval (i * 7 % 400) day, nullif('n' || i % 9, 'n4'), nullif('p' || i % 7, 'p2') from range(500) t (i)
    """)
    con.execute("create table parted as select *, hash(person_id) % 4 as part from told")
    believe = {"name": ORDER, "phone": Believe(order=[CLINIC], prefer="newest")}
    survive(con, "told", "person_id", believe, "whole")
    survive(con, "parted", "person_id", believe, "pieces", 4)
    assert con.execute("select count(*) from whole").fetchall() == [(50,)]
    assert con.execute("from whole order by all").fetchall() == con.execute("from pieces order by all").fetchall()
