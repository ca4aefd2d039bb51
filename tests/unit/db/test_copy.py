"""Rows on their way between DuckDB and PostgreSQL: every value comes back as it went."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import psycopg2
import pytest
import shapely
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from etl import db, engine, settings
from etl.settings import Settings

KINDS = {
    "n": "BIGINT",
    "t": "VARCHAR",
    "u": "UUID",
    "d": "DATE",
    "moment": "TIMESTAMP",
    "amount": "DECIMAL(20,2)",
    "x": "DOUBLE",
    "yes": "BOOLEAN",
    "j": "JSON",
    "geom": "BLOB",
}
AWKWARD = [
    "",
    " ",
    "\\N",
    "\\\\N",
    "NULL",
    '"',
    '""',
    "a,b",
    "line\nline",
    "line\r\nline",
    "\r",
    "tab\tab",
    "back\\slash",
    "\\.",
    "'; DROP TABLE x; --",
    "=1+1",
    "{a,b}",
    "龥𠀀😀",
    "a　b",
    "\x7f",
    "﻿bom",
    "ends with \\",
]


@pytest.fixture(scope="module")
def desk(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Desk"]:
    made = Desk(database_url, tmp_path_factory.mktemp("copies"))
    yield made
    made.close()


class Desk:
    """A DuckDB and a PostgreSQL connection with a table of every type on each side."""

    def __init__(self, url: str, folder: Path):
        loaded = settings.load(folder, "2018-03-01")
        self.settings = Settings(url, folder, folder, "duckdb", 512, loaded.today, 5.0, 1000)
        self.stack = ExitStack()
        self.duck = self.stack.enter_context(engine.connect(self.settings))
        self.folder, self.con = engine.folder(self.duck), db.connect(self.settings)
        db.rows(
            self.con, f"create temp table every_type ({', '.join(f'{n} {db.postgres_type(k)}' for n, k in KINDS.items())}, many text[])"
        )
        self.duck.execute(f"create table every_type ({', '.join(f'{n} {k}' for n, k in KINDS.items())}, many VARCHAR[])")

    def close(self) -> None:
        self.con.close()
        self.stack.close()

    def send(self, rows: list[dict[str, Any]]) -> int:
        """Into PostgreSQL. A row names the columns it fills."""
        self.duck.execute("delete from every_type")
        db.rows(self.con, "delete from every_type")
        for row in rows:
            self.duck.execute(f"insert into every_type ({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values()))
        return db.copy_in(self.con, self.duck, "every_type", "every_type", self.folder)

    def back(self, *names: str) -> list[tuple[Any, ...]]:
        """Out of PostgreSQL into a Parquet file, and read from it."""
        kinds = {n: "VARCHAR[]" if n == "many" else KINDS[n] for n in names}
        listed = ", ".join(f"encode(st_asewkb({n}), 'hex')" if k == "BLOB" else n for n, k in kinds.items())
        file = self.folder / "back.parquet"
        db.copy_out(self.con, f"select {listed} from every_type order by n", kinds, file, self.duck)
        return self.duck.execute(f"select {', '.join(names)} from read_parquet('{file}')").fetchall()


def test_every_awkward_text_comes_back_as_it_went(desk: Desk) -> None:
    assert desk.send([{"n": i, "t": text} for i, text in enumerate(AWKWARD)]) == len(AWKWARD)
    assert [t for (t,) in desk.back("t")] == AWKWARD


def test_postgres_holds_the_very_same_texts(desk: Desk) -> None:
    desk.send([{"n": i, "t": text} for i, text in enumerate(AWKWARD)])
    assert [t for (t,) in db.rows(desk.con, "select t from every_type order by n")] == AWKWARD


@pytest.mark.parametrize("empty", [None, "", "\\N"])
def test_nothing_and_an_empty_text_and_the_null_mark_are_three_things(desk: Desk, empty: str | None) -> None:
    desk.send([{"n": 1, "t": empty}])
    assert db.rows(desk.con, "select t, t is null from every_type") == [(empty, empty is None)]
    assert desk.back("t") == [(empty,)]


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(st.none(), st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)),
        min_size=1,
        max_size=20,
    )
)
def test_any_text_comes_back_as_it_went(desk: Desk, texts: list[str | None]) -> None:
    """PostgreSQL has no U+0000; the cleaning takes it out before."""
    desk.send([{"n": i, "t": text} for i, text in enumerate(texts)])
    assert [t for (t,) in desk.back("t")] == texts


def test_every_type_comes_back_as_it_went(desk: Desk) -> None:
    row = {
        "n": 2**62,
        "u": UUID("d41d8cd9-8f00-b204-e980-0998ecf8427e"),
        "d": date(1908, 2, 29),
        "moment": datetime(2018, 3, 1, 23, 59, 59, 123456),
        "amount": Decimal("-123456789012345678.01"),
        "x": 0.1 + 0.2,
        "yes": False,
    }
    desk.send([row])
    assert desk.back(*row) == [tuple(row.values())]


def test_a_row_of_nothing_comes_back_as_nothing(desk: Desk) -> None:
    desk.send([{"n": 1}])
    assert desk.back(*KINDS, "many") == [(1, *([None] * len(KINDS)))]


def test_extreme_numbers_keep_every_digit(desk: Desk) -> None:
    numbers = [1e-300, 1.7976931348623157e308, -0.0, 105.4423012345678]
    desk.send([{"n": i, "x": x} for i, x in enumerate(numbers)])
    assert [x for (x,) in desk.back("x")] == numbers


@pytest.mark.parametrize("many", [None, [], [""], ["a"], ['"', "\\", "a,b", "{}", "NULL", "\\N", " ", "龥𠀀", "x\ny"]])
def test_an_array_reaches_postgres_element_by_element(desk: Desk, many: list[str] | None) -> None:
    desk.send([{"n": 1, "many": many}])
    assert db.rows(desk.con, "select many from every_type") == [(many,)]


def test_an_array_may_hold_nothing_among_its_elements(desk: Desk) -> None:
    desk.send([{"n": 1, "many": ["a", None, "b"]}])
    assert db.rows(desk.con, "select many from every_type") == [(["a", None, "b"],)]


@pytest.mark.parametrize("text", ['{"名": "值"}', '{"a": "引\\"号\\n换行\\\\"}', "[]", '{"n": 1.50, "x": null}', '"text"'])
def test_json_comes_back_as_json(desk: Desk, text: str) -> None:
    desk.send([{"n": 1, "j": text}])
    ((back,),) = desk.back("j")
    assert desk.duck.execute(
        "select ?::json::varchar = ?::json::varchar or json_extract(?::json, '$') = json_extract(?::json, '$')", [back, text, back, text]
    ).fetchone() == (True,) or (db.rows(desk.con, "select j = %s::jsonb from every_type", [back]) == [(True,)])


@pytest.mark.parametrize("wkt", ["POINT (105.44 28.87)", "MULTIPOLYGON (((105 28, 106 28, 106 29, 105 28)))", "POINT EMPTY"])
def test_geometry_comes_back_with_its_reference_system(desk: Desk, wkt: str) -> None:
    shape = shapely.set_srid(shapely.from_wkt(wkt), 4490)
    desk.send([{"n": 1, "geom": shapely.to_wkb(shape, include_srid=True)}])
    assert db.rows(desk.con, "select st_srid(geom), st_astext(geom) from every_type") == [
        (4490, wkt.replace(" (", "(").replace(", ", ",").replace("EMPTY", " EMPTY").replace("  ", " "))
    ]
    ((back,),) = desk.back("geom")
    assert shapely.get_srid(shapely.from_wkb(back)) == 4490
    assert shapely.equals_exact(shapely.from_wkb(back), shape) or shapely.is_empty(shape)


def test_columns_are_matched_by_name_not_by_place(desk: Desk) -> None:
    db.rows(desk.con, "create temp table other_order (b text, a text) on commit drop")
    desk.duck.execute("create or replace view two_columns as select 'first' as a, 'second' as b")
    db.copy_in(desk.con, desk.duck, "two_columns", "other_order", desk.folder)
    assert db.rows(desk.con, "select a, b from other_order") == [("first", "second")]


def test_many_rows_come_back_in_number_and_sum(desk: Desk) -> None:
    db.rows(desk.con, "create temp table numbers (n bigint, t text) on commit drop")
    desk.duck.execute("create or replace view ten_thousand as select i as n, 'row ' || i || chr(10) as t from range(10000) r(i)")
    assert db.copy_in(desk.con, desk.duck, "ten_thousand", "numbers", desk.folder) == 10000
    assert db.rows(desk.con, "select count(*), sum(n), count(distinct t) from numbers") == [(10000, 49995000, 10000)]


def test_no_copy_leaves_its_file_behind(desk: Desk) -> None:
    desk.send([{"n": 1, "t": "x"}])
    desk.back("t")
    assert [p.name for p in desk.folder.iterdir() if p.suffix in (".csv", ".part")] == []


def test_no_copy_leaves_its_file_behind_when_it_fails(desk: Desk) -> None:
    desk.con.commit()
    desk.duck.execute("create or replace view wrong as select 'x' as no_such_column")
    with pytest.raises(Exception, match="no_such_column"):
        db.copy_in(desk.con, desk.duck, "wrong", "every_type", desk.folder)
    desk.con.rollback()
    assert [p.name for p in desk.folder.iterdir() if p.suffix in (".csv", ".part")] == []


@pytest.mark.timeout(120)
def test_a_copy_that_is_refused_before_the_first_row_does_not_wait_for_ever(desk: Desk) -> None:
    desk.con.commit()  # DuckDB opens the pipe with its first row, and that takes it a while
    desk.duck.execute("create or replace view slow as select max(hash(i))::varchar as no_such_column from range(300000000) t(i)")
    with pytest.raises(psycopg2.errors.UndefinedColumn):
        db.copy_in(desk.con, desk.duck, "slow", "every_type", desk.folder)
    desk.con.rollback()
    assert desk.duck.execute("select 42").fetchall() == [(42,)]
    assert list(desk.folder.glob("*.csv")) == []


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ("case when n = 90000 then 'no number' else n::varchar end as n", psycopg2.errors.InvalidTextRepresentation),
        ("case when n = 90000 then error('torn') else n end as n", duckdb.Error),
    ],
    ids=["PostgreSQL refuses a value", "DuckDB fails on the way"],
)
def test_a_transfer_that_breaks_in_the_middle_leaves_no_row_and_nothing_behind(desk: "Desk", told: str, error: type[Exception]) -> None:
    db.rows(desk.con, "create table broken (n bigint)")
    desk.con.commit()
    desk.duck.execute(f"create or replace view broken as select {told} from range(100000) t(n)")
    with pytest.raises(error):
        db.copy_in(desk.con, desk.duck, "broken", "broken", desk.folder)
    desk.con.rollback()
    assert db.rows(desk.con, "select count(*) from broken") == [(0,)]
    assert list(desk.folder.glob("*.csv")) == []
    db.rows(desk.con, "drop table broken")
    desk.con.commit()
