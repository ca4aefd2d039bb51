"""Connections that serve again: each in a state like new, and none left behind."""

from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from etl import db, engine, settings
from etl.settings import Settings

BACKEND = "select pg_backend_pid()"


@pytest.fixture
def ours(empty_database: str, tmp_path: Path) -> Settings:
    return Settings(empty_database, tmp_path, tmp_path, "duckdb", 512, settings.load(tmp_path, "2018-03-01").today, 1.0, 1000)


@pytest.fixture
def kept() -> Iterator[None]:
    with db.keeping():
        yield


def backends(ours: Settings) -> set[int]:
    """Who is connected besides the one who asks."""
    con = db.connect(ours, autocommit=True)
    try:
        sql = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
        return {r[0] for r in db.rows(con, sql)}
    finally:
        con.close()


def test_a_connection_serves_again_and_is_closed_in_the_end(ours: Settings) -> None:
    with db.keeping():
        with db.keeping():
            first = db.query(ours, BACKEND)
        assert db.query(ours, BACKEND) == first, "the inner one does not close what the outer one keeps"
        assert backends(ours) == {first[0][0]}
    assert backends(ours) == set()
    db.query(ours, BACKEND)
    assert backends(ours) == set(), "nobody keeps it"


@pytest.mark.usefixtures("kept")
def test_the_next_finds_it_as_new(ours: Settings) -> None:
    with db.session(ours) as con:
        first = db.rows(con, BACKEND)
        db.rows(con, "create temp table left_behind (n int)")
        db.rows(con, "set work_mem = '1234kB'")
        con.commit()
        db.rows(con, "create table never_committed (n int)")
    with db.session(ours, autocommit=True) as con:
        assert db.rows(con, BACKEND) == first
        assert db.rows(con, "select to_regclass('left_behind'), to_regclass('never_committed')") == [(None, None)]
        assert db.rows(con, "select current_setting('work_mem') <> '1234kB', current_setting('timezone')") == [(True, "Asia/Shanghai")]


@pytest.mark.usefixtures("kept")
def test_a_lock_ends_with_its_block_and_not_with_its_connection(ours: Settings) -> None:
    with db.lock(ours, "run"), pytest.raises(db.LockBusy), db.lock(ours, "run"):
        pass
    assert db.query(ours, "select count(*) from pg_locks where locktype = 'advisory'") == [(0,)]
    with db.lock(ours, "run"):
        pass


@pytest.mark.usefixtures("kept")
def test_one_that_failed_or_was_cut_off_does_not_serve_again(ours: Settings) -> None:
    first = db.query(ours, BACKEND)
    with pytest.raises(psycopg2.errors.DivisionByZero), db.session(ours) as con:
        db.rows(con, "select 1 / 0")
    assert db.query(ours, BACKEND) != first
    with db.session(ours, autocommit=True) as con:
        ((cut,),) = db.rows(con, BACKEND)
    other = db.connect(ours, autocommit=True)
    db.rows(other, "select pg_terminate_backend(%s)", [cut])
    other.close()
    assert db.query(ours, BACKEND) != [(cut,)]


def test_a_duckdb_serves_again_empty_and_is_wiped_in_the_end(ours: Settings) -> None:
    with engine.keeping():
        with engine.session(ours) as con, engine.session(ours) as beside:
            con.execute("create table held as select 1 as n; create view seen as from held; create temp macro two() as 2")
            beside.execute("create table held as select 3 as n")
            folders = {engine.folder(con), engine.folder(beside)}
        with engine.session(ours) as con:
            assert engine.folder(con) in folders
            assert con.execute("select count(*) from information_schema.tables").fetchall() == [(0,)]
        with pytest.raises(ZeroDivisionError), engine.session(ours) as con:
            failed = engine.folder(con)
            1 / 0  # noqa: B018
        assert not failed.exists()
        with engine.session(ours) as con:
            folders.add(engine.folder(con))
    assert len(folders) == 2, "both were kept"
    assert [f for f in folders if f.exists()] == []
