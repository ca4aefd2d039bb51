"""What stands published is kept as Parquet for the next comparison, and is believed only while the database says the same."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from pipeline_kit import execute

from etl import db, engine, load, spec, store
from etl.errors import DatabaseError
from etl.load import Change, standing
from etl.settings import Settings

TABLE = "geospatial.region"
Rows = dict[str, str]


class Office:
    """Publishes regions from a home of its own; `asked`: how often a published table was taken out of PostgreSQL."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings, self.asked = settings, 0
        whole = spec.load().libraries["geospatial"]
        self.library = whole.model_copy(update={"tables": {TABLE: whole.tables[TABLE]}})
        copy_out = db.copy_out

        def counted(*arguments: Any) -> None:
            self.asked += 1
            copy_out(*arguments)

        monkeypatch.setattr(db, "copy_out", counted)

    def publish(self, rows: Rows, day: int = 1, **more: Any) -> list[Change]:
        with engine.connect(self.settings) as duck:
            duck.execute(
                "create schema out; create table out.region (code varchar, name varchar, level varchar, parent_code varchar, geom varchar)"
            )
            duck.executemany(
                "insert into out.region values (?, ?, 'town', null, 'SRID=4490;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))')",
                [list(r) for r in rows.items()],
            )
            on = replace(self.settings, today=date(2018, 3, day))
            return load.publish(on, duck, self.library, f"inputs of {day}", more.pop("check", lambda table, candidate: None), **more)

    @property
    def files(self) -> list[Path]:
        return sorted((self.settings.home / "cache").rglob("standing/*.parquet"))

    def seen(self) -> Rows:
        return dict(execute(self.settings.database_url, f"select code, name from {TABLE}"))


@pytest.fixture
def office(new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    yield Office(Settings(new_database(), tmp_path, tmp_path / "home", "duckdb", 512, date(2018, 3, 1), 5.0, 1000), monkeypatch)


def test_what_was_published_is_not_taken_out_again(office: Office) -> None:
    office.publish({"1": "甲", "2": "乙", "3": "丙"})
    before = office.asked
    assert office.publish({"1": "甲", "2": "乙二", "4": "丁"}, day=8) == [Change(TABLE, 2, 1)]
    assert office.publish({"1": "甲", "2": "乙二", "4": "丁"}, day=9) == [Change(TABLE, 0, 0)]
    assert office.asked == before
    assert office.seen() == {"1": "甲", "2": "乙二", "4": "丁"}


def test_without_the_copy_it_is_read_back(office: Office) -> None:
    """Killed between the commit and the copy, or the cache was thrown away."""
    office.publish({"1": "甲", "2": "乙"})
    shutil.rmtree(office.settings.home / "cache")
    assert office.publish({"1": "甲", "2": "乙二"}, day=8) == [Change(TABLE, 1, 0)]


def test_killed_between_commit_and_copy_the_older_copy_is_not_believed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.publish({"1": "甲"})
    with monkeypatch.context() as patched:
        patched.setattr(store, "take_place", lambda part, file: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            office.publish({"1": "甲二"}, day=8)
    assert office.seen() == {"1": "甲二"}
    assert office.publish({"1": "甲"}, day=15) == [Change(TABLE, 1, 0)]
    assert office.seen() == {"1": "甲"}


def test_nothing_is_kept_of_what_was_held_or_rolled_back(office: Office) -> None:
    office.publish({"1": "甲"})
    kept = office.files
    office.publish({"1": "坏"}, day=8, check=lambda table, candidate: "不对")

    def fails(con: Any) -> None:
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        office.publish({"1": "甲二"}, day=8, also=fails)
    assert office.files == kept
    assert office.publish({"1": "甲二"}, day=9) == [Change(TABLE, 1, 0)]


def test_the_copy_of_another_database_is_not_believed(office: Office, new_database: Callable[[], str]) -> None:
    """A fresh database with an old home: its first publication has the same number, and here the same moment."""
    office.publish({"1": "甲", "2": "乙"})
    told = execute(office.settings.database_url, "select sequence, published_at::text from ops.publication")
    other = replace(office.settings, database_url=new_database())
    old, office.settings = office.settings, other
    shutil.move(old.home, other.home.with_name("aside"))
    office.publish({"1": "丁", "2": "戊"})
    shutil.rmtree(other.home)
    shutil.move(other.home.with_name("aside"), other.home)
    execute(other.database_url, f"update ops.publication set published_at = '{told[0][1]}'")
    with db.session(other) as con:
        assert standing.publication(con, "geospatial") in office.files[0].name, "all but the database is the same"
        assert load.instance(con) not in str(office.files[0])
    before = office.asked
    office.publish({"1": "甲", "2": "乙"}, day=8)
    assert (office.asked, office.seen()) == (before + 1, {"1": "甲", "2": "乙"})
    assert len({f.parent for f in office.files}) == 2, "each database has a shelf of its own"


def test_numbers_that_come_again_after_a_restore_are_told_apart_by_their_moment(office: Office) -> None:
    office.publish({"1": "甲", "2": "乙"})
    dump = execute(office.settings.database_url, f"select code, name, row_hash::text from {TABLE}")
    office.publish({"1": "甲二", "2": "乙"}, day=8)
    # back to the first publication by hand, caches left lying; then a second one that is another
    execute(
        office.settings.database_url,
        f"delete from ops.publication where sequence = 2; truncate {TABLE}_history; select setval(pg_get_serial_sequence('ops.publication', 'sequence'), 1)",
    )
    for code, name, row_hash in dump:
        execute(
            office.settings.database_url,
            f"update {TABLE} set name = '{name}', row_hash = '{row_hash}', version_from = '2018-03-01' where code = '{code}'",
        )
    execute(
        office.settings.database_url,
        "insert into ops.publication (library, published_on, inputs, state) values ('geospatial', '2018-03-08', 'another', 'published')",
    )
    assert execute(office.settings.database_url, "select max(sequence) from ops.publication") == [(2,)]
    with db.session(office.settings) as con:
        assert not [f for f in office.files if standing.publication(con, "geospatial") in f.name]
    assert office.publish({"1": "甲二", "2": "乙"}, day=15) == [Change(TABLE, 1, 0)]


@pytest.mark.parametrize(
    "by_hand",
    [
        f"delete from {TABLE} where code = '2'",
        f"update {TABLE} set name = '改', row_hash = gen_random_uuid() where code = '2'",
        f"insert into {TABLE} (code, name, level, geom, row_hash, version_from) select '9', name, level, geom, gen_random_uuid(), version_from from {TABLE} where code = '2'",
        f"truncate {TABLE}",
    ],
)
def test_whoever_else_writes_to_the_table_is_noticed(office: Office, by_hand: str) -> None:
    office.publish({"1": "甲", "2": "乙"})
    execute(office.settings.database_url, by_hand)
    office.publish({"1": "甲", "2": "乙"}, day=8)
    assert office.seen() == {"1": "甲", "2": "乙"}


def test_after_a_migration_the_table_is_read_back(office: Office) -> None:
    office.publish({"1": "甲"})
    execute(office.settings.database_url, "update public.alembic_version set version_num = 'next'")
    before = office.asked
    office.publish({"1": "甲"}, day=8)
    assert office.asked == before + 1


def test_a_publication_by_another_run_meanwhile_stops_this_one(office: Office) -> None:
    office.publish({"1": "甲"})

    def meanwhile(table: str, candidate: str) -> None:
        execute(
            office.settings.database_url,
            "insert into ops.publication (library, published_on, inputs, state) values ('geospatial', '2018-03-08', 'theirs', 'published')",
        )

    with pytest.raises(DatabaseError, match="另一次运行发布"):
        office.publish({"1": "甲二"}, day=8, check=meanwhile)
    assert office.seen() == {"1": "甲"}
    with psycopg2.connect(office.settings.database_url) as con, con.cursor() as c:
        c.execute("select count(*) from ops.publication where inputs = 'inputs of 8'")
        assert c.fetchall() == [(0,)]
