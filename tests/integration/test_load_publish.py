"""Publishing: the difference, the past, and that an analyst sees the old state or the new one and nothing between."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pipeline_kit import execute

from etl import engine, load, spec
from etl.load import Change
from etl.settings import Settings
from etl.spec import Library

TABLE = "geospatial.region"
Rows = dict[str, str | None]  # code → the code above it


def passes(table: str, candidate: str) -> str | None:
    """The check that finds nothing."""
    return None


@dataclass
class Office:
    """Publishes regions into a database, as of a day."""

    settings: Settings
    duck: duckdb.DuckDBPyConnection
    library: Library

    @property
    def url(self) -> str:
        return self.settings.database_url

    def publish(self, rows: Rows, day: int = 1, check: Callable[[str, str], str | None] = passes, **more: Any) -> list[Change]:
        self.duck.execute(
            "create or replace table out.region (code varchar, name varchar, level varchar, parent_code varchar, geom varchar)"
        )
        if rows:
            self.duck.executemany(
                "insert into out.region values (?, '名', 'town', ?, 'SRID=4490;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))')",
                [list(r) for r in rows.items()],
            )
        on = replace(self.settings, today=date(2018, 3, day))
        return load.publish(on, self.duck, self.library, f"inputs of {day}", check, **more)

    def seen(self) -> Rows:
        return dict(execute(self.url, f"select code, parent_code from {TABLE}"))

    def as_of(self, day: int) -> Rows:
        return dict(execute(self.url, f"select code, parent_code from geospatial.region_as_of('2018-03-{day:02d}')"))

    def history(self) -> list[tuple[Any, ...]]:
        return execute(
            self.url,
            f"select code, parent_code, extract(day from version_from)::int, extract(day from version_to)::int from {TABLE}_history order by 1, 3",
        )


@pytest.fixture
def office(new_database: Callable[[], str], tmp_path: Path) -> Iterator[Office]:
    settings = Settings(new_database(), tmp_path, tmp_path / "home", "duckdb", 512, date(2018, 3, 1), 5.0, 1000)
    whole = spec.load().libraries["geospatial"]
    with engine.connect(settings) as duck:
        duck.execute("create schema out")
        yield Office(settings, duck, whole.model_copy(update={"tables": {TABLE: whole.tables[TABLE]}}))


def test_the_first_publication_writes_everything(office: Office) -> None:
    assert office.publish({"1": "甲", "2": "乙"}) == [Change(TABLE, 2, 0)]
    assert office.seen() == {"1": "甲", "2": "乙"}
    assert office.history() == []


def test_publishing_the_same_again_touches_no_row(office: Office) -> None:
    rows: Rows = {"1": "甲\n'\"\\", "2": None, "3": "𠀀", "4": ""}
    office.publish(rows)
    places = execute(office.url, f"select code, ctid::text, xmin::text from {TABLE} order by 1")
    assert office.publish(rows, day=2) == [Change(TABLE, 0, 0)]
    assert execute(office.url, f"select code, ctid::text, xmin::text from {TABLE} order by 1") == places
    assert office.history() == []


def test_only_what_differs_is_written_and_its_old_version_becomes_the_past(office: Office) -> None:
    office.publish({"1": "甲", "2": "乙", "3": "丙"})
    assert office.publish({"1": "甲", "2": "乙二", "4": "丁"}, day=8) == [Change(TABLE, 2, 1)]
    assert office.seen() == {"1": "甲", "2": "乙二", "4": "丁"}
    assert office.history() == [("2", "乙", 1, 8), ("3", "丙", 1, 8)]


def test_any_day_of_the_past_can_be_asked_for(office: Office) -> None:
    states: dict[int, Rows] = {2: {"1": "甲", "2": "乙"}, 5: {"1": "甲二", "2": "乙"}, 9: {"1": "甲二"}, 12: {"1": "甲", "2": "乙"}}
    for day, rows in states.items():
        office.publish(rows, day=day)
    for day in range(1, 15):
        assert office.as_of(day) == states.get(max((d for d in states if d <= day), default=0), {}), f"as of day {day}"


def test_a_version_that_lived_less_than_a_day_leaves_no_trace(office: Office) -> None:
    office.publish({"1": "甲"}, day=3)
    office.publish({"1": "甲二"}, day=3)
    office.publish({}, day=3)
    assert (office.seen(), office.history()) == ({}, [])


def test_a_failing_check_holds_and_the_last_state_stays(office: Office) -> None:
    office.publish({"1": "甲"})
    assert office.publish({"1": "坏", "2": "坏"}, day=2, check=lambda table, candidate: f"{table} 不对") == []
    assert (office.seen(), office.history()) == ({"1": "甲"}, [])
    assert execute(office.url, "select state, reason from ops.publication order by sequence") == [
        ("published", None),
        ("held", f"{TABLE} 不对"),
    ]


def test_after_a_hold_the_next_good_state_is_published(office: Office) -> None:
    office.publish({"1": "甲"})
    office.publish({"1": "坏"}, day=2, check=lambda table, candidate: "不对")
    assert office.publish({"1": "好"}, day=3) == [Change(TABLE, 1, 0)]
    assert office.seen() == {"1": "好"}


def test_the_check_looks_at_the_whole_table_as_it_would_be(office: Office) -> None:
    office.publish({"1": "甲", "2": "乙", "3": "丙"})
    looked: list[Rows] = []

    def look(table: str, candidate: str) -> None:
        looked.append(dict(execute(office.url, f"select code, parent_code from candidate.{candidate}")))

    office.publish({"1": "甲", "2": "乙二", "4": "丁"}, day=2, check=look)
    assert looked == [{"1": "甲", "2": "乙二", "4": "丁"}]


def test_nobody_sees_anything_before_it_is_whole(office: Office) -> None:
    office.publish({"1": "甲"})
    seen: list[Rows] = []

    def look(*_: Any) -> None:
        seen.append(office.seen())

    office.publish({"1": "甲二", "2": "乙"}, day=2, check=look, also=look)
    assert seen == [{"1": "甲"}] * 2
    assert office.seen() == {"1": "甲二", "2": "乙"}


def test_a_failure_at_the_last_step_leaves_everything_as_it_was(office: Office) -> None:
    office.publish({"1": "甲"})

    def fails(con: Any) -> None:
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        office.publish({"1": "甲二", "2": "乙"}, day=2, also=fails)
    assert (office.seen(), office.history()) == ({"1": "甲"}, [])
    assert execute(office.url, "select count(*) from ops.publication") == [(1,)]
    assert office.publish({"1": "甲二"}, day=2) == [Change(TABLE, 1, 0)]


def test_no_candidate_is_left_behind(office: Office) -> None:
    office.publish({"1": "甲"})
    office.publish({"1": "乙"}, day=2, check=lambda table, candidate: "不对")
    assert (
        execute(office.url, "select relname from pg_class where relnamespace = 'candidate'::regnamespace and relkind in ('r', 'v')") == []
    )
    assert [p.name for p in engine.folder(office.duck).iterdir() if p.suffix not in (".duckdb", ".wal")] == []


@hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(st.sampled_from("12345"), st.one_of(st.none(), st.sampled_from(["a", "b", ""])), max_size=5), min_size=2, max_size=4
    )
)
def test_whatever_was_published_before_the_table_is_what_is_published_now(office: Office, states: list[Rows]) -> None:
    execute(office.url, f"truncate {TABLE}, {TABLE}_history")
    for day, rows in enumerate(states, 1):
        office.publish(rows, day=day)
        assert office.seen() == rows
    for day, rows in enumerate(states, 1):
        assert office.as_of(day) == rows
