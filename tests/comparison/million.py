"""A million persons out of a small city: a loaded database is copied upon itself in SQL, and what analysts and receivers do is timed on it.

    .venv/bin/python tests/comparison/million.py load FOLDER --persons 20000     # a demo city into a server of its own (minutes)
    .venv/bin/python tests/comparison/million.py inflate FOLDER --times 50       # every person, entity, record and address fifty times
    .venv/bin/python tests/comparison/million.py measure FOLDER [--plans]        # the guide's questions, themes, counties: best of three
    .venv/bin/python tests/comparison/million.py exchange FOLDER                 # a full package and an increment of 1 %, with its import
    .venv/bin/python tests/comparison/million.py stop FOLDER

A copy has ids, names and numbers of its own, its points moved by up to two kilometres within the city; divisions stay what they are. Not part of
`make test`: it takes an hour on two cores. docs/analysts-guide.md and docs/exchange.md tell what it measured.
"""

import argparse
import json
import os
import re
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2

from etl import catalog, demo, exchange, migrate, pipeline, spec
from etl import settings as surroundings
from etl.platform import departments, processes
from etl.platform.postgres import Cluster
from etl.settings import ROOT, Settings

TODAY = "2018-03-01"
TABLES = [
    "geospatial.address", "population.person", "population.person_record", "population.kinship", "population.employment", "legal_entity.entity",
    "legal_entity.entity_record", "legal_entity.person_role", "certificate.certificate", "credit.permit", "credit.penalty", "credit.list_entry", "credit.rating",
]  # fmt: skip
OWN = {
    "person_id",
    "related_person_id",
    "entity_id",
    "parent_entity_id",
    "household_id",
    "source_key",
    "address_code",
    "superseded_by",
    "uscc",
    "citizen_id",
}
SETTINGS = {
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "random_page_cost": "1.1",
}
GUIDE = ROOT / "docs" / "analysts-guide.md"


def load(folder: Path, persons: int, city: Path | None) -> None:
    """A demo city (or one that stands ready), taken in whole."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    home, cluster = folder / "home", Cluster(folder, durable=False)
    home.mkdir(mode=0o711, exist_ok=True)
    if city is None:
        city = folder / "city"
        demo.generate(persons, 77, city, days=1)
    url = cluster.start()
    os.environ |= departments.connections(home, cluster.server, departments=True)
    departments.serve(home, cluster.server, city / "drop")
    os.environ |= {"JICHU_DATABASE_URL": url, "JICHU_HOME": str(home), "JICHU_TODAY": TODAY, "JICHU_MEMORY": "2GB"}
    try:
        print(f"exit {pipeline.run(city / 'drop').exit_code}")
    finally:
        for name in processes.names(home):
            processes.stop(home, name)


def inflate(cluster: Cluster, times: int) -> None:
    """Copies every row `times` - 1 times. Indexes are dropped meanwhile and made again: ten times as fast."""
    con = psycopg2.connect(cluster.server.url("jichu"))
    con.autocommit = True
    with con.cursor() as c:
        for name, value in SETTINGS.items():
            c.execute(f"alter system set {name} = '{value}'")
        for table in TABLES:
            began = time.monotonic()
            c.execute(
                "select pg_get_indexdef(indexrelid), indexrelid::regclass::text from pg_index where indrelid = %s::regclass and not indisprimary",
                [table],
            )
            indexes = c.fetchall()
            for _, name in indexes:
                c.execute(f"drop index {name}")
            c.execute(f"create temp table original as select * from {table}")
            c.execute("select attname, format_type(atttypid, null) from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum", [table])  # fmt: skip
            columns = c.fetchall()
            listed, values = ", ".join(f'"{n}"' for n, _ in columns), ", ".join(_copied(n, t) for n, t in columns)
            c.execute(f"insert into {table} ({listed}) select {values} from original cross join generate_series(1, %s) k", [times - 1])
            c.execute("drop table original")
            for definition, _ in indexes:
                c.execute(definition)
            c.execute(f"vacuum analyze {table}")
            c.execute(f"select count(*) from {table}")
            print(f"{table}: {c.fetchone()[0]:,} rows, {time.monotonic() - began:.0f} s", flush=True)  # type: ignore[index]
    con.close()
    cluster.stop()
    cluster.start()


def _copied(name: str, kind: str) -> str:
    """A column's value in the k-th copy."""
    column = f'"{name}"'
    if name in OWN:
        return f"{column} || '.' || k"
    if kind.startswith("geometry") or name == "geom":  # a spiral of copies, the farthest two kilometres away
        return f"st_translate({column}, 0.02 * sqrt(k / 50.0) * cos(k * 2.4), 0.02 * sqrt(k / 50.0) * sin(k * 2.4))"
    return column


def questions() -> dict[str, str]:
    """The guide's twenty questions, and every view that analysts and counties read in one go."""
    text = GUIDE.read_text(encoding="utf-8")
    return {f"question {n}": sql for n, sql in re.findall(r"^### (\d+)\. .*?```sql\n(.*?)```", text, re.M | re.S)}


def views(cluster: Cluster) -> tuple[dict[str, str], dict[str, str]]:
    """Themes, as an analyst reads them; one county's views, as the owner does."""
    con = psycopg2.connect(cluster.server.url("jichu"))
    with con.cursor() as c:
        c.execute(
            "select n.nspname, k.relname from pg_class k join pg_namespace n on n.oid = k.relnamespace where k.relkind in ('v', 'm') and (n.nspname = 'theme' or n.nspname = 'county_510502') order by 1, 2"
        )
        found = c.fetchall()
    con.close()
    told = {f"{s}.{n}": f'select * from {s}."{n}"' if s == "theme" else f'select count(*) from {s}."{n}"' for s, n in found}
    return {n: q for n, q in told.items() if n.startswith("theme")}, {n: q for n, q in told.items() if not n.startswith("theme")}


def measure(cluster: Cluster, plans: bool, only: str) -> None:
    """Seconds and the server's own processor time, best of three, and rows; with `plans` the plan of what takes longer than half a second.

    Processor time is measured without parallel workers: it is what an idle machine's one core would take, however busy this one is.
    """
    themes, counties = views(cluster)
    for role, asked in (("analyst", questions() | themes), ("jichu", counties)):
        con = psycopg2.connect(cluster.role_url(role, "jichu"))
        con.autocommit = True
        with con.cursor() as c:
            for name, sql in asked.items():
                if only and not re.search(only, name):
                    continue
                seconds, _, rows = _timed(c, sql)
                c.execute("set max_parallel_workers_per_gather = 0")
                _, processor, _ = _timed(c, sql)
                print(f"{name:40} {seconds:6.2f} s {processor:6.2f} s processor {rows:6} rows  load {os.getloadavg()[0]:.1f}", flush=True)
                if plans and processor > 0.5:
                    c.execute("explain (analyze, buffers, costs off) " + sql)
                    print("\n".join("    " + r[0][:200] for r in c.fetchall()), flush=True)
                c.execute("reset max_parallel_workers_per_gather")
        con.close()


def _timed(c: Any, sql: str) -> tuple[float, float, int]:
    """Best of three: seconds, seconds of the backend's processor time, rows."""
    best, least, rows = 1e9, 1e9, 0
    for _ in range(3):
        began, used = time.monotonic(), _processor(c)
        c.execute(sql)
        rows = len(c.fetchall())
        best, least = min(best, time.monotonic() - began), min(least, _processor(c) - used)
        if best > 10:
            break
    return best, least, rows


def _processor(c: Any) -> float:
    """Processor seconds that this connection's backend has used (it runs on this machine)."""
    fields = Path(f"/proc/{c.connection.info.backend_pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def refresh(cluster: Cluster, folder: Path) -> None:
    """What every run does after publishing: the themes' materialised views, one after the other."""
    settings = settings_of(cluster, folder)
    con = psycopg2.connect(cluster.role_url("jichu", "jichu"))
    con.autocommit = True
    with con.cursor() as c:
        c.execute("select matviewname from pg_matviews where schemaname = 'theme' order by 1")
        for (name,) in c.fetchall():
            began = time.monotonic()
            c.execute(f"refresh materialized view concurrently theme.{name}")
            print(f"refresh {name:30} {time.monotonic() - began:7.2f} s", flush=True)
    con.close()
    catalog.themes(settings)


def settings_of(cluster: Cluster, folder: Path) -> Settings:
    os.environ |= {
        "JICHU_DATABASE_URL": cluster.role_url("jichu", "jichu"),
        "JICHU_HOME": str(folder / "home"),
        "JICHU_TODAY": TODAY,
        "JICHU_MEMORY": "2GB",
    }
    return surroundings.load()


def trade(cluster: Cluster, folder: Path) -> None:
    """A full package for the province, its import elsewhere, one person in a hundred changed, and the increment."""
    os.environ |= {"JICHU_EXCHANGE_UNSIGNED": "allowed"}
    settings = settings_of(cluster, folder)
    catalog.refresh(settings, spec.load())
    if not cluster.server.has_database("province"):
        cluster.make_library_database("province")
        migrate.migrate(replace(settings, database_url=cluster.role_url("jichu", "province")))
    for change in (
        None,
        "update population.person set ethnicity_code = '02', version_from = date '2018-03-02' where ('x' || substr(md5(person_id), 1, 7))::bit(28)::int % 100 = 0",
    ):
        if change:
            with psycopg2.connect(settings.database_url) as con, con.cursor() as c:
                c.execute(change)
                print(f"changed {c.rowcount:,} persons")
        made = exchange.export(settings, spec.load(), "province", folder / "post")
        if made.path is None:
            print(f"nothing has changed, told after {made.seconds:.0f} s")
            continue
        _tell(made.kind, "export", made.seconds, made.rows, made.path.stat().st_size)
        os.environ["JICHU_INSTANCE"] = "510000:四川省"
        os.environ["JICHU_DATABASE_URL"] = cluster.role_url("jichu", "province")
        got = exchange.receive(surroundings.load(), made.path)
        _tell(made.kind, "import", got.seconds, got.rows, 0)
        os.environ.pop("JICHU_INSTANCE")
        settings = settings_of(cluster, folder)
        exchange.acknowledge(settings, str(made.path), got.receipt)


def _tell(kind: str, what: str, seconds: float, rows: int, size: int) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        json.dumps(
            {
                "kind": kind,
                "what": what,
                "seconds": round(seconds, 1),
                "rows": rows,
                "MB": size >> 20,
                "peak_MB": peak,
                "load": os.getloadavg()[0],
            }
        ),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["load", "inflate", "measure", "refresh", "exchange", "stop"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--persons", type=int, default=20_000)
    parser.add_argument("--city", type=Path)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--plans", action="store_true")
    parser.add_argument("--only", default="")
    told = parser.parse_args()
    for name in [n for n in os.environ if n.startswith(("JICHU_", "AIRFLOW"))]:
        del os.environ[name]
    cluster = Cluster(told.folder, durable=False)
    if told.what == "load":
        load(told.folder, told.persons, told.city)
        return
    if told.what == "stop":
        cluster.stop()
        return
    cluster.start()
    cluster.grant_roles("jichu")
    steps: dict[str, Any] = {
        "inflate": lambda: inflate(cluster, told.times),
        "measure": lambda: measure(cluster, told.plans, told.only),
        "refresh": lambda: refresh(cluster, told.folder),
        "exchange": lambda: trade(cluster, told.folder),
    }
    steps[told.what]()


if __name__ == "__main__":
    sys.exit(main())
