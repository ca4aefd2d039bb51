"""What partitioning brings to a library's largest table, on one machine: `python tests/comparison/partitioned_library.py [rows]`.

population.person as it is declared, with made-up rows, whole, in eight parts by hash of person_id, and in parts by county: load, indexes, questions,
a week's differences. Prints one table (docs/scale.md); needs PostgreSQL's programs, touches no database but its own.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2

from etl import migrate
from etl.platform.postgres import Cluster
from etl.settings import Settings, load

COUNTIES = ("510502", "510503", "510504", "510521", "510522", "510524", "510525")
INDEXES = ("(citizen_id)", "(name)", "(household_id)", "(residence_region_code)", "(address_code)", "using gist (geom)")
MADE = """
    create unlogged table made as
    select 'P' || upper(substr(md5(n::text), 1, 16)) as person_id, '510502' || (19400000 + n % 800000)::text || lpad((n % 10000)::text, 4, '0') as citizen_id,
        substr('赵钱孙李周吴郑王冯陈', n % 10 + 1, 1) || chr(19968 + n / 7 % 800) || chr(20968 + n / 31 % 900) as name, (n % 2 + 1)::text as sex_code, '01' as ethnicity_code,
        date '1940-01-01' + n % 28000 as birth_date, null::date as death_date, '510502' as birth_place_code, '20' as marital_status_code, '70' as education_code,
        '138' || lpad((n % 100000000)::text, 8, '0') as phone, 'H' || n / 3 as household_id, '泸州市江阳区佳乐路' || n % 900 || '号' as registered_address,
        c || '001001' as registered_region_code, '泸州市江阳区佳乐路' || n % 900 || '号' as residence_address, c || '00100' || n % 9 as residence_region_code,
        'A' || n / 3 as address_code, st_setsrid(st_makepoint(105 + n % 1000 * 0.001, 28 + n % 997 * 0.001), 4490) as geom, 'living' as living_status,
        md5(n::text)::uuid as row_hash, date '2018-03-01' as version_from
    from generate_series(1, {rows}) n, lateral (select (array{counties})[n % 7 + 1] as c) x
"""
PARTED = {
    "whole": ("", []),
    "hash(person_id), 8": ("partition by hash (person_id)", [f"for values with (modulus 8, remainder {k})" for k in range(8)]),
    "county, 7 + rest": (
        "partition by range (residence_region_code)",
        [f"for values from ('{c}') to ('{int(c) + 1}')" for c in COUNTIES] + ["default"],
    ),
}
ASKED = {
    "by person_id, 1000 times": "select count(*) from (select person_id as id from made limit 1000) k, lateral (select name from {t} where person_id = k.id) x",
    "by citizen_id, 1000 times": "select count(*) from (select citizen_id as id from made limit 1000) k, lateral (select name from {t} where citizen_id = k.id) x",
    "one county counted by age": "select extract(year from birth_date), count(*) from {t} where residence_region_code >= '510504' and residence_region_code < '510505' group by 1",
    "the city counted by age": "select extract(year from birth_date), count(*) from {t} group by 1",
    "households joined": "select count(*) from {t} a join {t} b on b.household_id = a.household_id and b.person_id > a.person_id",
}
WEEK = "update {t} t set phone = '139', row_hash = md5('new')::uuid from (select person_id from made where hashtext(person_id) % 100 = 0) d where d.person_id = t.person_id"


def main(rows: int) -> None:
    """Makes the server, measures, prints, removes it."""
    folder = Path(tempfile.mkdtemp(prefix=f"jichu-test-{os.getpid()}-"))
    folder.chmod(0o711)
    cluster = Cluster(folder, durable=False)
    try:
        cluster.start()
        cluster.make_library_database("pristine")
        cluster.server.create_database("parts", "jichu", template="pristine")
        url = cluster.role_url("jichu", "parts")
        migrate.migrate(Settings(url, folder, folder, "duckdb", 512, load(as_of="2018-03-01").today, 30.0, 1000))
        with closing(psycopg2.connect(url)) as con:
            con.autocommit = True
            run = con.cursor().execute
            run("set max_parallel_maintenance_workers = 2; set maintenance_work_mem = '512MB'; set work_mem = '128MB'")
            run(MADE.format(rows=rows, counties=list(COUNTIES)))
            run("analyze made")
            told = {how: _measured(run, k, *what) for k, (how, what) in enumerate(PARTED.items())}
            print(*con.notices)  # how much disk each takes, its indexes included
    finally:
        cluster.remove()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{rows:,} rows; seconds\n\n| | {' | '.join(told)} |\n| --- |{' --- |' * len(told)}")
    for what in next(iter(told.values())):
        print(f"| {what} | {' | '.join(f'{found[what]:.2f}' for found in told.values())} |")


def _measured(run: Callable[[str], None], k: int, parted: str, parts: list[str]) -> dict[str, float]:
    table, key = f"person_{k}", "person_id, residence_region_code" if "range" in parted else "person_id"
    run(f"create table {table} (like population.person including defaults) {parted}")
    for n, values in enumerate(parts):
        run(f"create table {table}_{n} partition of {table} {values}")
    seconds = {"load without indexes": _timed(run, f"insert into {table} select * from made")}
    seconds["key and six indexes"] = _timed(run, f"alter table {table} add primary key ({key})") + sum(
        _timed(run, f"create index on {table} {i}") for i in INDEXES
    )
    run(f"analyze {table}")
    run(f"do $$ begin raise notice '% MB', (select sum(pg_total_relation_size(relid)) / 1e6 from pg_partition_tree('{table}')); end $$")
    for what, sql in ASKED.items():
        _timed(run, sql.format(t=table))
        seconds[what] = _timed(run, sql.format(t=table))
    seconds["a week: 1% changed"] = _timed(run, WEEK.format(t=table))
    seconds["vacuum after it"] = _timed(run, f"vacuum {table}")
    if parts:
        seconds["one part taken off"] = _timed(run, f"alter table {table} detach partition {table}_0")
    run(f"drop table {table} cascade")
    return seconds | ({} if parts else {"one part taken off": float("nan")})


def _timed(run: Callable[[str], None], sql: str) -> float:
    began = time.monotonic()
    run(sql)
    return time.monotonic() - began


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000)
