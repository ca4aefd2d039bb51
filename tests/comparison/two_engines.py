"""The same cleaning, accounts and linkage by DuckDB and by Spark: `python tests/comparison/two_engines.py CITY [spark]`.

CITY: a folder that `jichu demo` made. No database: the datasets that name most persons are landed from their files (the register
from its dump), a plate stands for each address text. Prints seconds per engine, and fails when a checksum differs (docs/scale.md).
"""

import os
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from etl import clean, engine, extract, settings, spec, workbench
from etl.account import account
from etl.match import person
from etl.match.person import scored
from etl.settings import Settings
from etl.spec import Registry, Source
from etl.workbench import Workbench

REGISTER = "public_security/household_register"
FEWEST = 5000  # rows of a dataset that takes part
EMPTY = {
    "population.entity_record": "dataset varchar, source_key varchar, role varchar, entity_id varchar",
    "match.entity_record": "dataset varchar, source_key varchar, role varchar, entity_id varchar",
    "match.person_member": "dataset varchar, source_key varchar, role varchar, person_id varchar, first_delivered_on date",
    "population.person_redirect": 'old_id varchar, new_id varchar, "at" varchar, why varchar',
    "match.judgement": "id bigint, kind varchar, left_record varchar, right_record varchar, verdict varchar, until date, withdrawn_at timestamp",
}
RESULTS = ("person_member", "person_edge", "person_review", "blocking", "level_share")


def main(city: Path, engines: list[str]) -> None:
    """Lands once, then does the same work with each engine."""
    registry, sums = spec.load(), dict[str, dict[str, object]]()
    with tempfile.TemporaryDirectory(prefix="two-engines-") as name:
        told = replace(
            settings.load(city / "drop", "2018-03-05"), home=Path(name), drop=city / "drop", spark_master="local[2]", spread_from=FEWEST
        )
        landed = dict(_landed(registry, told))
        print(f"{len(landed)} datasets, {sum(n for _, n in landed.values()):,} rows")
        for which in engines:
            seconds = Counter[str]()
            _running[0] = which
            with engine.connect(replace(told, engine=which)) as con:
                if which == "spark":
                    with _timed(seconds, "Spark's start"):
                        con.execute(
                            "create table few as select n::varchar as source_key, md5('')::uuid as row_hash, n as row_number, []::varchar[] as reasons, null::date as removed_on, null::date as delivered_on from range(10000) t (n)"
                        )
                        con.execute(f"copy few to '{name}/few.parquet'")
                        account(con, Path(name) / "few.parquet", "few", full=True, day=told.today)
                sums[which] = _work(con, registry, told, {n: rows for n, (rows, _) in landed.items()}, seconds)
            for what, took in seconds.items():
                print(f"{which:8} {what:16} {took:8.1f} s {_processor[which, what]:8.1f} s of processor", flush=True)
            print(f"{which:8} peak of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB", flush=True)
    print({what: len({str(s[what]) for s in sums.values()}) == 1 for what in next(iter(sums.values()))})
    assert len({str(s) for s in sums.values()}) == 1, "the engines differ"


def _landed(registry: Registry, told: Settings) -> Iterator[tuple[str, tuple[Path, int]]]:
    """Dataset → its rows.parquet and number of rows."""
    for source in {s.name: s for s, _ in registry.feeding("population.person")}.values():
        if source.name == REGISTER:
            yield source.name, _dumped(source, told)
        elif source.delivery.channel == "file" and (waiting := extract.find(source, told)):
            landing = extract.land(source, waiting[0], told)
            if landing.rows_in >= FEWEST:
                yield source.name, (landing.rows, landing.rows_in)


def _dumped(source: Source, told: Settings) -> tuple[Path, int]:
    """The register from its dump: the rows between COPY and \\."""
    columns, lines, copying = list[str](), list[list[str]](), False
    for line in (told.drop / source.department / "database.sql").open(encoding="utf-8"):
        if m := re.match(r"COPY \S*czrk \((.*)\) FROM stdin", line):
            columns, copying = [c.strip() for c in m[1].split(",")], True
        elif line.startswith("\\."):
            copying = False
        elif copying:
            lines.append(line.rstrip("\n").split("\t"))
    table = {"row_number": pa.array(range(1, len(lines) + 1), pa.int64())}
    table |= {c: pa.array([None if row[i] == "\\N" else row[i] for row in lines], pa.string()) for i, c in enumerate(columns)}
    table["@file"] = pa.nulls(len(lines), pa.string())
    file = told.home / "register.parquet"
    pq.write_table(pa.table(table), file, row_group_size=20_000)
    return file, len(lines)


def _work(
    con: duckdb.DuckDBPyConnection, registry: Registry, told: Settings, landed: dict[str, Path], seconds: Counter[str]
) -> dict[str, object]:
    """Cleaning, accounts, linkage; a checksum of each."""
    sums: dict[str, object] = {}
    snapshots, texts, folder = {}, [], engine.folder(con)
    con.execute("create table nothing (source_key varchar, row_hash uuid, removed_on date, delivered_on date)")
    for name, rows in landed.items():
        source, stem = registry.source(name), name.replace("/", "-")
        with _timed(seconds, "clean"):
            cleaned = clean.clean(con, registry, source, rows, folder / f"{stem}.parquet", told.today)
        with _timed(seconds, "account"):
            account(con, cleaned, "nothing", full=True, day=told.today)
        sums[f"cleaned {name}"], sums[f"fates {name}"] = _sum(con, f"read_parquet('{cleaned}')"), _sum(con, "fate")
        snapshots[name] = folder / f"{stem}-snapshot.parquet"
        day = f"date '{told.today}'"
        con.execute(
            f"copy (select c.*, {day} as first_delivered_on, {day} as delivered_on, null::date as removed_on from read_parquet('{cleaned}') c "
            f"join fate f using (row_number) where f.fate = 'new') to '{snapshots[name]}' (format parquet)"
        )
        for column in source.columns.values():
            if column.rule == "address" and column.role:
                texts.append(
                    f"select '{name}' as dataset, source_key, '{column.role}' as role, md5({engine.quote(column.as_)}) as address_code, null::varchar as region_code, 'number' as level from read_parquet('{snapshots[name]}') where {engine.quote(column.as_)} is not null"
                )
    published = {t: folder / f"{t}.parquet" for t in EMPTY}
    for table, columns in EMPTY.items():
        con.execute(f"create or replace temp table shape ({columns}); copy shape to '{published[table]}' (format parquet)")
    published["geospatial.address_match"] = folder / "address_match.parquet"
    con.execute(f"copy ({' union all '.join(texts)}) to '{published['geospatial.address_match']}' (format parquet)")
    bench = Workbench(con, told, registry, registry.libraries["population"])
    workbench.lay(bench, snapshots, {}, published)
    with _timed(seconds, "link"), _inside(seconds):
        person.link(bench)
    return sums | {
        table: _sum(con, f"(select * exclude (rid) from matched.{table})" if table == "person_member" else f"matched.{table}")
        for table in RESULTS
    }


def _sum(con: duckdb.DuckDBPyConnection, relation: str) -> object:
    """Rows, and the sum of their hashes: the same for the same rows in any order."""
    return con.execute(f"select count(*), sum(hash(t)::hugeint) from {relation} t").fetchall()[0]


_running, _processor = [""], Counter[tuple[str, str]]()


def _used() -> float:
    """Processor seconds of this process and all below it, Java and its Python workers too; what is dead counts with its parent."""
    parents, ticks = {}, {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            told = file.read_text().rpartition(")")[2].split()
            parents[int(file.parent.name)], ticks[int(file.parent.name)] = int(told[1]), sum(map(int, told[11:15]))
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(ticks[pid] for pid in ours) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _timed(seconds: Counter[str], what: str) -> Iterator[None]:
    began, used = time.monotonic(), _used()
    yield
    seconds[what] += time.monotonic() - began
    _processor[_running[0], what] += _used() - used


@contextmanager
def _inside(seconds: Counter[str]) -> Iterator[None]:
    """Times making and scoring pairs apart: what is spread of the linkage."""
    real = {name: getattr(scored, name) for name in ("against_identified", "again", "among_left")}

    def timed(call: Callable[..., None]) -> Callable[..., None]:
        def inner(*args: object) -> None:
            with _timed(seconds, "of it: pairs"):
                call(*args)

        return inner

    for name, call in real.items():
        setattr(scored, name, timed(call))
    try:
        yield
    finally:
        for name, call in real.items():
            setattr(scored, name, call)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["duckdb", "spark"])
