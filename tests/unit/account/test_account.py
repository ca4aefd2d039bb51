"""What becomes of each row: every fate of the contract, one by one, and that they always add up."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.account import FATES, Account, account

DAY = date(2018, 3, 8)


@dataclass(frozen=True)
class Row:
    """A cleaned row: its key (None = a key part is empty), its content, why it cannot stand."""

    key: str | None
    content: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """A row of the last snapshot."""

    key: str
    content: str
    removed_on: date | None = None
    delivered_on: date = date(2018, 3, 1)


@dataclass(frozen=True)
class Judged:
    """What `account` made of a delivery."""

    counted: Account
    fates: list[str]
    reasons: list[list[str]]
    removed: set[str]


class Desk:
    """Judges deliveries in a DuckDB of its own."""

    def __init__(self, folder: Path):
        self.con, self.cleaned = duckdb.connect(), folder / "cleaned.parquet"
        self.con.execute("create table given_rows (row_number bigint, source_key varchar, content varchar, reasons varchar[])")
        self.con.execute("create table held_rows (source_key varchar, content varchar, removed_on date, delivered_on date)")

    def judge(self, rows: list[Row], held: list[Held] | None = None, *, full: bool = True, day: date = DAY) -> Judged:
        self._fill("given_rows", [[n, r.key, r.content, list(r.reasons)] for n, r in enumerate(rows, 1)])
        self._fill("held_rows", [[h.key, h.content, h.removed_on, h.delivered_on] for h in held or []])
        self.con.execute(
            f"copy (select row_number, source_key, md5(content)::uuid as row_hash, reasons from given_rows) to '{self.cleaned}' (format parquet)"
        )
        snapshot = "(select source_key, md5(content)::uuid as row_hash, removed_on, delivered_on from held_rows)"
        counted = account(self.con, self.cleaned, snapshot, full=full, day=day)
        told = self.con.execute("select fate, reasons from fate order by row_number").fetchall()
        removed = {k for (k,) in self.con.execute("select source_key from removed").fetchall()}
        return Judged(counted, [f for f, _ in told], [r for _, r in told], removed)

    def _fill(self, table: str, rows: list[list[Any]]) -> None:
        self.con.execute(f"delete from {table}")
        if rows:
            self.con.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("account"))
    yield made
    made.con.close()


def test_a_key_that_is_not_held_is_new(desk: Desk) -> None:
    assert desk.judge([Row("a", "1")]).fates == ["new"]


def test_a_held_key_with_other_content_is_changed(desk: Desk) -> None:
    assert desk.judge([Row("a", "2")], [Held("a", "1")]).fates == ["changed"]


def test_a_held_key_with_the_same_content_is_unchanged(desk: Desk) -> None:
    assert desk.judge([Row("a", "1")], [Held("a", "1")]).fates == ["unchanged"]


def test_the_later_of_two_identical_rows_is_the_duplicate(desk: Desk) -> None:
    assert desk.judge([Row("a", "1"), Row("b", "1"), Row("a", "1"), Row("a", "1")]).fates == ["new", "new", "duplicate", "duplicate"]


def test_a_repeated_row_of_a_held_key_is_a_duplicate_beside_its_own_fate(desk: Desk) -> None:
    held = [Held("a", "1"), Held("b", "1")]
    assert desk.judge([Row("a", "1"), Row("a", "1"), Row("b", "2"), Row("b", "2")], held).fates == [
        "unchanged",
        "duplicate",
        "changed",
        "duplicate",
    ]


def test_a_key_with_two_contents_in_one_delivery_is_refused_in_every_row(desk: Desk) -> None:
    judged = desk.judge([Row("a", "1"), Row("b", "1"), Row("a", "2"), Row("a", "1")])
    assert judged.fates == ["quarantined", "new", "quarantined", "quarantined"]
    assert all(judged.reasons[i][-1].startswith("key_conflict: ") for i in (0, 2, 3))
    assert judged.reasons[1] == []


def test_a_conflict_keeps_the_version_that_is_held_and_does_not_remove_it(desk: Desk) -> None:
    judged = desk.judge([Row("a", "1"), Row("a", "2")], [Held("a", "1")])
    assert judged.fates == ["quarantined", "quarantined"]
    assert judged.removed == set()


def test_a_row_without_a_key_is_refused_however_often_it_comes(desk: Desk) -> None:
    judged = desk.judge([Row(None, "1", ("missing_key: 主键为空",)), Row(None, "2", ("missing_key: 主键为空",)), Row("a", "1")])
    assert judged.fates == ["quarantined", "quarantined", "new"]
    assert judged.reasons[:2] == [["missing_key: 主键为空"]] * 2


def test_rows_without_a_key_are_in_no_conflict_with_each_other(desk: Desk) -> None:
    judged = desk.judge([Row(None, "1", ("missing_key: x",)), Row(None, "2", ("missing_key: x",))])
    assert not any(r.startswith("key_conflict") for each in judged.reasons for r in each)


def test_a_bad_row_is_refused_with_every_reason_and_its_key_stays_held(desk: Desk) -> None:
    judged = desk.judge([Row("a", "2", ("bad_date: 甲", "bad_code: 乙"))], [Held("a", "1")])
    assert judged.fates == ["quarantined"]
    assert judged.reasons == [["bad_date: 甲", "bad_code: 乙"]]
    assert judged.removed == set()


def test_a_bad_row_that_comes_twice_is_refused_once(desk: Desk) -> None:
    assert desk.judge([Row("a", "1", ("bad_date: 甲",)), Row("a", "1", ("bad_date: 甲",))]).fates == ["quarantined", "duplicate"]


def test_a_bad_row_with_a_conflict_keeps_its_own_reason_beside_the_conflict(desk: Desk) -> None:
    judged = desk.judge([Row("a", "1", ("bad_date: 甲",)), Row("a", "2")])
    assert [[r.split(":")[0] for r in each] for each in judged.reasons] == [["bad_date", "key_conflict"], ["key_conflict"]]


def test_a_key_missing_from_a_full_delivery_is_removed(desk: Desk) -> None:
    judged = desk.judge([Row("a", "1")], [Held("a", "1"), Held("b", "1")])
    assert judged.removed == {"b"}
    assert judged.counted.rows_removed == 1
    assert judged.counted.rows_in == 1


def test_a_key_missing_from_an_increment_stays(desk: Desk) -> None:
    judged = desk.judge([Row("a", "1")], [Held("a", "1"), Held("b", "1")], full=False)
    assert judged.removed == set()
    assert judged.counted.rows_removed == 0


def test_a_key_is_removed_once(desk: Desk) -> None:
    judged = desk.judge([Row("a", "1")], [Held("a", "1"), Held("b", "1", removed_on=date(2018, 3, 1))])
    assert judged.removed == set()


@pytest.mark.parametrize("content", ["1", "2"])
def test_a_key_that_left_and_comes_again_is_new(desk: Desk, content: str) -> None:
    assert desk.judge([Row("a", content)], [Held("a", "1", removed_on=date(2018, 3, 1))]).fates == ["new"]


def test_an_empty_full_delivery_removes_everything(desk: Desk) -> None:
    judged = desk.judge([], [Held("a", "1"), Held("b", "1")])
    assert judged.counted == Account(0, 0, 0, 0, 0, 0, 2)
    assert judged.removed == {"a", "b"}


def test_an_increment_that_comes_late_does_not_undo_a_later_version(desk: Desk) -> None:
    held = [Held("a", "new", delivered_on=date(2018, 3, 15))]
    assert desk.judge([Row("a", "old"), Row("b", "1")], held, full=False, day=DAY).fates == ["unchanged", "new"]


def test_an_increment_of_the_same_day_changes_what_the_day_brought_before(desk: Desk) -> None:
    assert desk.judge([Row("a", "2")], [Held("a", "1", delivered_on=DAY)], full=False, day=DAY).fates == ["changed"]


def test_a_full_delivery_stands_even_where_a_retried_row_has_a_later_date(desk: Desk) -> None:
    held = [Held("a", "retried", delivered_on=date(2018, 3, 15))]
    assert desk.judge([Row("a", "told today")], held, full=True, day=DAY).fates == ["changed"]


def test_an_account_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(AssertionError, match="账不平"):
        Account(3, 1, 1, 0, 0, 0, 0)


contents = st.sampled_from(["1", "2", "3"])
keys = st.sampled_from([f"k{i}" for i in range(6)])
delivered_rows = st.lists(
    st.builds(Row, st.one_of(st.none(), keys), contents, st.sampled_from([(), (), (), ("bad_date: x",)])), max_size=14
)
held_rows = st.lists(
    st.builds(
        Held, keys, contents, st.one_of(st.none(), st.just(date(2018, 3, 1))), st.sampled_from([date(2018, 3, 1), date(2018, 3, 15)])
    ),
    max_size=6,
    unique_by=lambda h: h.key,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=delivered_rows, held=held_rows, full=st.booleans())
def test_the_fates_always_add_up_and_obey_the_contract(desk: Desk, rows: list[Row], held: list[Held], full: bool) -> None:
    judged = desk.judge(rows, held, full=full)
    counted = judged.counted
    assert counted.rows_in == len(rows) == sum(judged.fates.count(f) for f in FATES)
    assert counted.as_dict() == {"rows_in": len(rows), "rows_removed": len(judged.removed)} | {
        f"rows_{f}": judged.fates.count(f) for f in FATES
    }
    versions = {r.key: {x.content for x in rows if x.key == r.key} for r in rows}
    current = {h.key for h in held if h.removed_on is None}
    for row, fate, reasons in zip(rows, judged.fates, judged.reasons, strict=True):
        if row.key is None or len(versions[row.key]) > 1:
            assert fate == "quarantined"
        if fate == "new":
            assert row.key not in current
        if fate in ("changed", "unchanged"):
            assert row.key in current
        assert fate != "quarantined" or row.key is None or reasons
    first = [r.key for r, f in zip(rows, judged.fates, strict=True) if f in ("new", "changed", "unchanged")]
    assert len(first) == len(set(first)), "a key is taken at most once"
    assert judged.removed == (current - {r.key for r in rows} if full else set())
