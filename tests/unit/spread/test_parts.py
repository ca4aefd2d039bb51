"""A work cut into parts and put together again gives what it gives as a whole: every function that may be spread, without Spark."""

import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import boto3
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from etl import engine, settings, spec
from etl.account import fates
from etl.clean.run import cleaned
from etl.match import person
from etl.match.address import text
from etl.match.person import prepare, scored
from etl.settings import Settings
from etl.spread import Input, Part, Work, spread, task
from etl.spread.plan import plan

sys.path.append(str(Path(__file__).parents[1] / "match"))
from linking import fill, told, workbench

TODAY = date(2018, 3, 8)
LANES = 5


def in_parts(con: duckdb.DuckDBPyConnection, told: Settings, work: Work) -> dict[str, str]:
    """What a cluster does with a work: every task on its own, envelopes sorted to their parts, then each part on its own."""
    job = plan(con, told, work, lanes=LANES, memory_mb=256, tasks=engine.folder(con) / "tasks")
    assert len(job.pieces) > 1
    numbers = [pa.record_batch([pa.array([n])], ["id"]) for n in range(len(job.pieces))]
    if any(given.key is None for given in job.inputs.values()):
        done = [b for n in numbers for b in task.by_piece([n], job)]
    else:
        envelopes = [b for n in numbers for b in task.scatter([n], job)]
        parts = {b.column(0)[0].as_py() for b in envelopes}
        done = [b for k in sorted(parts) for b in task.gather([e for e in envelopes if e.column(0)[0].as_py() == k], job)]
    outputs = {b.column(1)[0].as_py() for b in done}
    found = {name: f"select * from read_parquet('{job.shelf.output(name, engine.folder(con))}')" for name in outputs}
    job.shelf.clear()
    return found


def agree(con: duckdb.DuckDBPyConnection, told: Settings, work: Work) -> dict[str, int]:
    """The parts together hold the rows of the whole, as many of each; how many, by output."""
    apart, whole = in_parts(con, told, work), spread(con, work)
    assert apart.keys() == whole.keys()
    for name in whole:
        con.execute(
            f"create or replace temp table apart_{name} as {apart[name]}; create or replace temp table whole_{name} as {whole[name]}"
        )
        assert engine.columns(con, f"apart_{name}") == engine.columns(con, f"whole_{name}")
        one, other = f"from apart_{name}", f"from whole_{name}"
        assert con.execute(f"({one} except all {other}) union all ({other} except all {one})").fetchall() == []
    return {name: engine.count(con, f"select count(*) from whole_{name}") for name in whole}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, Settings]]:
    told = replace(settings.load(as_of=str(TODAY)), home=tmp_path / "home", memory_mb=1024)
    with engine.connect(told) as con:
        yield con, told


def landing(folder: Path) -> Path:
    """A landing of the health records with every kind of mistake, in several row groups."""
    chance, source = random.Random(7), spec.load().source("health/health_records")
    texts = [
        "",
        "张三",
        "510502197001010011",
        "２０１７-０１-０２",
        "13812340000",
        "男",
        "不详",
        "泸州市江阳区佳乐路8号",
        "1",
        "2018/13/45",
        None,
    ]
    rows = 3000
    table = {"row_number": pa.array(range(1, rows + 1), pa.int64())}
    table |= {c: pa.array([chance.choice(texts) for _ in range(rows)], pa.string()) for c in source.columns}
    table["@file"] = pa.array(["a.csv"] * rows, pa.string())
    pq.write_table(pa.table(table), folder / "rows.parquet", row_group_size=500)
    return folder / "rows.parquet"


def test_cleaning_is_the_same_in_parts(here: tuple[duckdb.DuckDBPyConnection, Settings], tmp_path: Path) -> None:
    registry = spec.load()
    work = Work(
        "clean",
        partial(cleaned, registry, registry.source("health/health_records"), TODAY),
        {"delivered_rows": Input(landing(tmp_path), None)},
    )
    assert agree(*here, work) == {"cleaned": 3000}


@pytest.mark.parametrize("full", [True, False])
def test_accounts_are_the_same_in_parts(here: tuple[duckdb.DuckDBPyConnection, Settings], full: bool) -> None:
    con, _ = here
    con.execute("""
        select setseed(0.5);
        create table given_rows as select n as row_number, case when n % 50 > 0 then 'k' || (random() * 800)::int end as source_key,
            md5((random() * 4)::int::varchar)::uuid as row_hash, case when n % 30 = 0 then ['bad: 坏'] else []::varchar[] end as reasons
        from range(1, 1001) t (n);
        create table held as select distinct 'k' || (random() * 900)::int as source_key, md5('1')::uuid as row_hash,
            null::date as removed_on, date '2018-03-01' as delivered_on from range(700)
    """)
    inputs = {"account_cleaned": Input("given_rows", "[source_key]"), "account_held": Input("held", "[source_key]")}
    whole = agree(*here, Work("account", partial(fates, full, TODAY), inputs))
    assert whole["fate"] == 1000
    assert (whole["removed"] > 0) == full
    assert {f for (f,) in con.execute("select distinct fate from whole_fate").fetchall()} == {
        "new",
        "changed",
        "unchanged",
        "duplicate",
        "quarantined",
    }


def test_addresses_are_read_the_same_in_parts(here: tuple[duckdb.DuckDBPyConnection, Settings]) -> None:
    con, _ = here
    con.execute("""
        create table geo_in as select n as tid, '江阳区' || ['佳乐路', '上平社区', '第三村民小组', '百子路'][n % 4 + 1] || n || '号附' || (n % 7) || '号' || (n % 9) || '栋' || (n % 3) || '单元' as text,
            null::varchar as hint from range(400) t (n)
    """)
    assert agree(*here, Work("address", text.parts, {"address_texts": Input("geo_in", None)})) == {"part": 400}


def test_pairs_are_scored_the_same_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Registered people, and records without a number that share name, birth date, phone or two of them with several: each pair once."""
    chance, counted = random.Random(3), list[int]()
    born = [date(1950 + chance.randrange(50), chance.randrange(1, 13), chance.randrange(1, 29)) for _ in range(120)]
    people = [
        (chance.choice("王李张刘") + chance.choice("伟芳娜敏静强") + chance.choice("磊军洋勇"), b, f"1390000{n % 40:04d}")
        for n, b in enumerate(born)
    ]
    rows = []
    for n, (name, birth, phone) in enumerate(people):
        number = f"510502{birth:%Y%m%d}{n:03d}"
        number += "10X98765432"[sum(int(c) * w for c, w in zip(number, prepare.DIGIT_WEIGHTS, strict=True)) % 11]
        rows.append(
            told(
                "public_security/household_register",
                f"r{n}",
                name=name,
                birth_date=birth,
                phone=phone,
                citizen_id=number,
                citizen_id_text=number,
                citizen_id_state="ok",
            )
        )
        rows.append(
            told(
                "health/health_records",
                f"h{n}",
                name=name,
                birth_date=birth if n % 3 else None,
                phone=phone if n % 2 else None,
                citizen_id_state="missing",
            )
        )
        rows.append(told("mass_work/appeals", f"a{n}", name=name[0] + "某某", phone=phone, citizen_id_state="missing"))

    def both(con: duckdb.DuckDBPyConnection, work: Work) -> dict[str, str]:
        counted.append(agree(con, bench.settings, work)["pair"])
        return {"pair": "select * from whole_pair"}

    monkeypatch.setattr(scored, "spread", both)
    with workbench("population", tmp_path) as bench:
        fill(bench.con, "feed.person", rows)
        person.link(bench)
    assert len(counted) > 2 and counted[0] > 300, "against the register, again, and among those left"


def test_what_every_part_sees_and_what_several_parts_see(here: tuple[duckdb.DuckDBPyConnection, Settings]) -> None:
    con, _ = here
    con.execute("create table pupils as select n as id, 'c' || n % 11 as class, 't' || n % 13 as team from range(500) t (n)")
    con.execute("create table prices as select 'c' || n as class, n * 1.5::double as price from range(11) t (n)")
    assert agree(*here, Work("pairs", pairs, {"pupil": Input("pupils", "[class, team]"), "price": Input("prices")})) == {"pair": 19_840}


def pairs(con: duckdb.DuckDBPyConnection, part: Part) -> dict[str, str]:
    """Pupils of one class, or else of one team; each pair once, told by the part that owns what they share."""
    shared = "case when l.class = r.class then l.class else l.team end"
    return {
        "pair": f"select l.id as a, r.id as b, price from pupil l join pupil r on l.id < r.id and (l.class = r.class or l.team = r.team) "
        f"join price p on p.class = l.class where {part.owns(shared)}"
    }


def test_a_type_that_parquet_would_change_is_refused(here: tuple[duckdb.DuckDBPyConnection, Settings]) -> None:
    con, told = here
    con.execute("create table big as select n::hugeint as n from range(10) t (n)")
    with pytest.raises(TypeError, match="HUGEINT"):
        plan(con, told, Work("any", pairs, {"pupil": Input("big", "[n::varchar]")}), lanes=2, memory_mb=256, tasks=None)


def test_executors_are_not_told_the_way_to_the_database(here: tuple[duckdb.DuckDBPyConnection, Settings]) -> None:
    con, told = here
    con.execute("create table few as select 1 as n")
    job = plan(
        con,
        replace(told, database_url="postgresql://u:secret@h/d"),
        Work("any", pairs, {"pupil": Input("few", "['']")}),
        lanes=2,
        memory_mb=256,
        tasks=None,
    )
    assert (job.settings.database_url, job.settings.engine) == ("", "duckdb")


def test_the_shelf_may_be_a_bucket(here: tuple[duckdb.DuckDBPyConnection, Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    con, told = here
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        env = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        S3FileSystem.clear_instance_cache()  # another test's server is another endpoint, and that is gone
        client = boto3.client("s3")
        client.create_bucket(Bucket="shelf")
        con.execute("create table pupils as select n as id, 'c' || n % 11 as class, 't' || n % 13 as team from range(50) t (n)")
        con.execute("create table prices as select 'c' || n as class, n as price from range(11) t (n)")
        work = Work("pairs", pairs, {"pupil": Input("pupils", "[class, team]"), "price": Input("prices")})
        assert agree(con, replace(told, spark_store="s3://shelf/work"), work) == {"pair": 162}
        assert client.list_objects_v2(Bucket="shelf").get("KeyCount") == 0  # nothing of a person stays
    finally:
        server.stop()
