"""Several datasets at a time: the same content and the same summary as one after the other, and a run that ends when it must."""

import errno
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from pipeline_kit import City, content, differing, execute

from etl import db, demo, pipeline
from etl.errors import JichuError
from etl.merge import population
from etl.run import Run
from etl.spec import Source

DATASETS = (  # several of one table, and what most libraries are made of
    "civil_affairs/information_systems",
    "civil_affairs/marriages",
    "county_510502/grid_residents",
    "county_510504/grid_residents",
    "county_510521/grid_residents",
    "court/dishonest_debtors",
    "health/health_records",
    "health/information_systems",
    "land/information_systems",
    "land/regions",
    "public_security/door_plates",
    "public_security/floating_population",
)
ONE, SEVERAL = "1GB", "8GB"
SOON = 30.0  # seconds


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a city of 150 delivers on its first day, some of it wrong."""
    folder = tmp_path_factory.mktemp("made")
    demo.generate(persons=150, seed=7, out=folder / "made", days=1, harshness=1.5)
    for dataset in DATASETS:
        shutil.copytree(folder / "made" / "drop" / dataset, folder / "drop" / dataset)
    return folder / "drop"


@pytest.fixture(autouse=True)
def four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are: memory alone decides here."""
    monkeypatch.setattr(os, "cpu_count", lambda: 4)


def made(drop: Path, folder: Path, url: str, memory: str) -> City:
    return City(drop, folder / memory, url, "2018-03-01", {"JICHU_MEMORY": memory})


def overlapping(city: City) -> int:
    """Pairs of datasets that were worked at at the same time."""
    sql = """
        with lived as (
            select what, min(at - make_interval(secs => seconds::float8)) as began, max(at) as ended from ops.stage where what like '%/%' group by 1
        )
        select count(*) from lived a join lived b on a.what < b.what and a.began < b.ended and b.began < a.ended
    """
    return int(city.query(sql)[0][0])


def test_what_is_loaded_does_not_depend_on_how_many_are_worked_at_at_once(
    drop: Path, new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, several = (made(drop, tmp_path, new_database(), memory) for memory in (ONE, SEVERAL))
    told = [one.run()]
    monkeypatch.setattr(population, "AT_A_TIME", 50)  # persons' values are chosen in several parts as well
    told.append(several.run())
    assert [s.failures for s in told] == [{}, {}]
    assert overlapping(several) > len(DATASETS) / 2
    assert overlapping(one) == 0
    # tickets are numbered as they are opened
    assert differing(content(one.url, also_volatile={"ticket"}), content(several.url, also_volatile={"ticket"})) == {}
    assert several.query("select count(*) from population.person")[0][0] > 100
    assert told[0].deliveries == told[1].deliveries
    assert list(told[0].deliveries) == list(told[1].deliveries) == sorted(DATASETS)
    assert (told[0].skipped, told[0].exit_code) == (told[1].skipped, told[1].exit_code)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the libraries."""
    monkeypatch.setattr("etl.spec.Registry.ordered_libraries", lambda _: [])
    monkeypatch.setattr(pipeline, "_behind", lambda _: False)


@pytest.fixture
def several(drop: Path, new_database: Callable[[], str], tmp_path: Path) -> City:
    return made(drop, tmp_path, new_database(), SEVERAL)


Take = Callable[..., dict[str, Any] | None]


@pytest.fixture
def taking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Take], None]]:
    """Puts something before what is done with each delivery: `before(take, run, con, source, …)`."""
    take = pipeline._take

    def put(before: Take) -> None:
        monkeypatch.setattr(pipeline, "_take", lambda *given: before(take, *given))

    yield put


@pytest.mark.usefixtures("fast")
def test_a_dataset_that_fails_is_set_apart_and_the_summary_keeps_its_order(several: City, taking: Callable[[Take], None]) -> None:
    failing = ("county_510504/grid_residents", "land/regions")
    ended = list[str]()

    def before(take: Take, run: Run, con: Any, source: Source, *rest: Any) -> Any:
        if source.name in failing:
            raise ValueError("a row")
        try:
            time.sleep(0.5 * (source.name == sorted(DATASETS)[0]))
            return take(run, con, source, *rest)
        finally:
            ended.append(source.name)

    taking(before)
    summary = several.run()
    assert summary.failures == dict.fromkeys(failing, "ValueError")
    assert list(summary.failures) == sorted(failing)
    assert list(summary.deliveries) == [n for n in sorted(DATASETS) if n not in failing]
    assert ended != list(summary.deliveries), "they do not end in that order"
    assert {d["state"] for each in summary.deliveries.values() for d in each} == {"loaded"}
    assert summary.exit_code == 1


@pytest.mark.usefixtures("fast")
def test_a_full_disk_stops_the_run_and_the_others_break_off(several: City, taking: Callable[[Take], None]) -> None:
    struck, begun = threading.Barrier(4, timeout=SOON), list[str]()

    def before(take: Take, run: Run, con: Any, source: Source, *rest: Any) -> Any:
        begun.append(source.name)
        if struck.wait() == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        time.sleep(1)  # until it is known
        return take(run, con, source, *rest)

    taking(before)
    with pytest.raises(JichuError, match="^JICHU_HOME 所在的磁盘已满"):
        several.run()
    assert len(begun) == 4, "nothing new was begun"
    assert several.query("select count(*) from ops.delivery") == [(0,)]
    assert several.query("select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())") == [(0,)]  # fmt: skip
    taking(lambda take, *given: take(*given))
    assert several.run().failures == {}, "the next run goes on"
    assert several.query("select count(*) from ops.delivery where state = 'loaded'") == [(len(DATASETS),)]


@pytest.mark.usefixtures("fast")
def test_a_lost_lock_stops_the_run(several: City, taking: Callable[[Take], None]) -> None:
    once, begun = threading.Lock(), list[str]()

    def before(take: Take, run: Run, con: Any, source: Source, *rest: Any) -> Any:
        begun.append(source.name)
        if once.acquire(blocking=False):
            sql = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and (classid::bigint << 32) + objid::bigint = %s"
            own = psycopg2.connect(several.url)
            with own, own.cursor() as c:
                c.execute(sql, [db.lock_number("run")])
            own.close()
        else:
            time.sleep(0.5)
        return take(run, con, source, *rest)

    taking(before)
    with pytest.raises(JichuError, match="这次运行的锁已经不在"):
        several.run()
    assert len(begun) < len(DATASETS)


@pytest.mark.usefixtures("fast")
def test_a_dataset_named_twice_is_taken_once(several: City) -> None:
    summary = several.run("land/regions", "land/regions", "civil_affairs/marriages")
    assert {n: len(d) for n, d in summary.deliveries.items()} == {"land/regions": 1, "civil_affairs/marriages": 1}


@pytest.mark.usefixtures("fast")
def test_the_largest_begin_first(several: City, taking: Callable[[Take], None]) -> None:
    begun = list[str]()

    def before(take: Take, run: Run, con: Any, source: Source, *rest: Any) -> Any:
        begun.append(source.name)
        return take(run, con, source, *rest)

    taking(before)
    several.extra["JICHU_MEMORY"] = ONE
    several.run()
    sizes = {n: sum(f.stat().st_size for f in (several.drop / n).rglob("*") if f.is_file()) for n in DATASETS}
    assert begun == sorted(DATASETS, key=lambda n: -sizes[n]), "the first time by their files"
    begun.clear()
    execute(
        several.url, "update ops.delivery set rows_in = 999999, rows_new = 999999 - (rows_in - rows_new) where dataset = 'land/regions'"
    )
    for name in ("land/regions", "public_security/door_plates"):
        shutil.copytree(several.drop / name / "20180301", tmp := several.home.parent / "again" / name / "20180302")
        shutil.copytree(several.drop / name / "20180301", tmp.parent / "20180301")
    several.drop = several.home.parent / "again"
    several.run(today=str(date(2018, 3, 2)))
    assert begun == ["land/regions", "public_security/door_plates"], "then by the rows of the last time"


def waiting(city: City) -> int:
    """Sessions that wait for somebody's lock."""
    return int(city.query("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")[0][0])


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor works at one dataset at a time")
def test_ctrl_c_ends_a_run_soon_with_nothing_half_done(drop: Path, several: City, new_database: Callable[[], str], tmp_path: Path) -> None:
    blocker = psycopg2.connect(several.url)
    with blocker.cursor() as c:
        c.execute("lock table quality.finding in access exclusive mode")  # every dataset waits for it in the middle of its commit
    process = several.process("run")
    until = time.monotonic() + 4 * SOON
    while waiting(several) < 2 and time.monotonic() < until and process.poll() is None:
        time.sleep(0.1)
    assert waiting(several) == 2
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SOON)
    assert time.monotonic() - began < SOON / 2
    assert (process.returncode, err) == (130, "jichu: 已中断；再运行一次即从断处继续\n")
    blocker.close()
    assert several.query("select count(*) from ops.delivery") == [(0,)]
    assert list((several.home / "tmp").iterdir()) == []
    assert several.run().failures == {}
    undisturbed = made(drop, tmp_path, new_database(), ONE)
    undisturbed.run()
    assert differing(content(undisturbed.url, also_volatile={"ticket"}), content(several.url, also_volatile={"ticket"})) == {}
