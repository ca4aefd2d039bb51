"""Several datasets at a time: begun in order, ended by the first error or by Ctrl-C, and each thread's log lines its own."""

import io
import logging
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from etl import abreast, db, engine, logs, settings
from etl.abreast import BrokenOff, Proceed
from etl.settings import Settings
from etl.warned import unwarned

SOON = 20.0  # seconds: for what must come at once, on a machine that is busy with something else


@pytest.fixture
def ours(tmp_path: Path) -> Settings:
    return Settings("", tmp_path, tmp_path, "duckdb", 4096, settings.load(tmp_path, "2018-03-01").today, 1.0, 1000)


@pytest.mark.parametrize(
    ("cpus", "memory_mb", "wanted", "expected"),
    [
        (2, 4096, 87, 2),
        (16, 65536, 87, abreast.MOST),
        (16, 3000, 87, 2),
        (16, 1024, 87, 1),
        (16, 512, 87, 1),
        (16, 65536, 3, 3),
        (1, 65536, 87, 1),
        (None, 65536, 87, 1),
        (16, 65536, 0, 1),
    ],
)
def test_as_many_as_processors_memory_and_datasets_allow(
    ours: Settings, monkeypatch: pytest.MonkeyPatch, cpus: int | None, memory_mb: int, wanted: int, expected: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cpus)
    mine = replace(ours, memory_mb=memory_mb)
    assert abreast.places(mine, wanted) == expected
    one = abreast.share(mine, expected)
    assert one.memory_mb * expected <= memory_mb
    assert 1 <= (one.threads or cpus or 1) * expected <= max(cpus or 1, expected)
    assert abreast.places(replace(mine, engine="spark"), wanted) == 1


def test_they_are_begun_in_order_and_worked_at_at_once() -> None:
    together, begun = threading.Barrier(3, timeout=SOON), list[int]()

    def work(number: int, _: Proceed) -> None:
        begun.append(number)
        together.wait()  # one after the other would wait here for ever

    abreast.each(range(9), work, 3)
    assert sorted(begun) == list(range(9))
    assert [sorted(begun[k : k + 3]) for k in (0, 3, 6)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_one_at_a_time_is_done_by_the_thread_that_asks() -> None:
    where = list[threading.Thread]()
    abreast.each(range(3), lambda _, proceed: where.append(threading.current_thread()), 1)
    assert where == [threading.current_thread()] * 3


def test_the_first_error_is_raised_and_nothing_new_begins() -> None:
    begun, broken, both = list[int](), list[int](), threading.Barrier(2, timeout=SOON)

    def work(number: int, proceed: Proceed) -> None:
        begun.append(number)
        both.wait()
        if number == 0:
            raise ZeroDivisionError
        try:
            until = time.monotonic() + SOON
            while time.monotonic() < until:
                proceed()
                time.sleep(0.01)
        except BrokenOff:
            broken.append(number)
            raise

    with pytest.raises(ZeroDivisionError):
        abreast.each(range(20), work, 2)
    assert (sorted(begun), broken) == ([0, 1], [1])


def test_no_broad_except_takes_the_end_of_a_run_for_a_defect() -> None:
    assert not issubclass(BrokenOff, Exception)


def computing(ours: Settings) -> Iterator[Callable[[], None]]:
    """What waits long: DuckDB, PostgreSQL."""

    def in_duckdb() -> None:
        with engine.connect(replace(ours, memory_mb=1024), threads=1) as con:
            con.execute("select count(*) from range(100000000) a, range(100000) b where a.range * b.range % 7 = 3")

    def in_postgresql() -> None:
        db.query(ours, "select pg_sleep(300)")

    yield in_duckdb
    yield in_postgresql


def test_an_interruption_ends_what_is_being_computed_and_comes_through(ours: Settings, empty_database: str) -> None:
    for long in computing(replace(ours, database_url=empty_database)):
        begun, ended = threading.Barrier(2, timeout=SOON), list[str]()

        def work(_: int, proceed: Proceed, long=long, begun=begun, ended=ended) -> None:  # type: ignore[no-untyped-def]
            if begun.wait() == 0:
                threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
            try:
                long()
            except Exception as e:
                ended.append(type(e).__name__)
                proceed()
                raise

        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            abreast.each(range(20), work, 2)
        assert time.monotonic() - started < SOON
        assert len(ended) == 2, "both were broken off, and nothing new was begun"
        assert set(ended) <= {"InterruptException", "QueryCanceled"}


def test_what_cannot_be_interrupted_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abreast, "PATIENCE", 0.3)
    deaf, begun = threading.Event(), threading.Barrier(2, timeout=SOON)

    def work(number: int, proceed: Proceed) -> None:
        if begun.wait() == 0:
            threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
        deaf.wait(SOON)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        abreast.each(range(4), work, 2)
    assert time.monotonic() - started < SOON / 2
    deaf.set()


def test_a_line_is_said_to_its_end_before_the_next() -> None:
    out = io.StringIO()

    def slowly(text: str) -> None:
        for character in text:
            out.write(character)
            time.sleep(0.0005)
        out.write("\n")

    say = abreast.in_turn(slowly)
    abreast.each([f"{n} " * 10 for n in range(12)], lambda text, _: say(text), 4)
    assert sorted(out.getvalue().splitlines()) == sorted(f"{n} " * 10 for n in range(12))


def test_a_log_line_names_its_own_dataset_and_stage(caplog: pytest.LogCaptureFixture) -> None:
    together = threading.Barrier(4, timeout=SOON)
    factory = logging.getLogRecordFactory()
    logs.guard()
    caplog.set_level("INFO", "jichu")

    def work(number: int, _: Proceed) -> None:
        for stage in ("land", "clean"):
            with logs.context(**logs.about("r1", f"department/{number}", stage)):
                together.wait()
                logging.getLogger("jichu").info("%s %s", number, stage)
                together.wait()

    try:
        with logs.context(asked_by="somebody"):
            abreast.each(range(4), work, 4)
    finally:
        logging.setLogRecordFactory(factory)
    told = {(r.getMessage(), r.dataset, r.stage, r.asked_by) for r in caplog.records}  # type: ignore[attr-defined]
    assert told == {(f"{n} {s}", f"department/{n}", s, "somebody") for n in range(4) for s in ("land", "clean")}


def test_sessions_of_several_threads_are_connections_of_their_own_and_all_are_wiped(ours: Settings) -> None:
    small, folders = replace(ours, memory_mb=256), list[Path]()
    together = threading.Barrier(3, timeout=SOON)

    def work(number: int, _: Proceed) -> None:
        for _again in range(3):
            with engine.session(small) as con:
                con.execute(f"create table mine as select {number} as n")
                together.wait()
                assert con.execute("select n from mine").fetchall() == [(number,)]
                folders.append(engine.folder(con))

    with engine.keeping():
        abreast.each(range(3), work, 3)
        assert len(set(folders)) == 3, "each serves again"
        assert all(f.exists() for f in folders)
    assert not any(f.exists() for f in folders)


def test_no_warning_slips_through_while_another_thread_stops_listening() -> None:
    first, second = threading.Event(), threading.Event()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        before = list(warnings.filters)

        def short() -> None:
            with unwarned:
                first.set()
                second.wait(SOON)

        thread = threading.Thread(target=short)
        thread.start()
        first.wait(SOON)
        with unwarned:
            second.set()
            thread.join()
            warnings.warn("a row of somebody's", RuntimeWarning, stacklevel=1)
        assert list(warnings.filters) == before
        assert heard == []
        warnings.warn("ours", RuntimeWarning, stacklevel=1)
        assert len(heard) == 1
