"""Worlds that a fault is done to: a city's drop folder, its departments' services, a home and a database; and what must be equal in the end."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline_kit import City, Service, execute

from etl import migrate
from etl.demo import generate
from etl.errors import JichuError
from etl.platform.postgres import Cluster, binaries
from etl.settings import Settings, load

PERSONS, SEED = 120, 5
_made = itertools.count()
DAYS = ("2018-03-01", "2018-03-08")
DATASETS = (  # every channel, every library, full registers and increments
    "civil_affairs/information_systems",
    "civil_affairs/marriages",
    "court/dishonest_debtors",
    "food_drug/food_licences",
    "health/birth_certificates",
    "health/health_records",
    "land/regions",
    "public_security/door_plates",
    "statistics_bureau/monthly_indicators",
)
STAGE = re.compile(r"INFO (?P<what>[a-z_0-9/]+) (?P<stage>[a-z_.]+): \d+ rows, (?P<seconds>[\d.]+) s$")
# names, days and numbers of the run itself; everything else must be equal
VOLATILE = {"at", "run_at", "loaded_at", "published_at", "opened_at", "closed_at", "held_at", "asked_at", "sequence", "publication"}
VOLATILE |= {"seconds", "inputs", "created_at", "id", "ticket"}  # a transaction that was undone has used its numbers up
NOT_COMPARED = {"ops.instance", "ops.stage", "mask.secret", "public.alembic_version", "public.spatial_ref_sys"}


@dataclass(frozen=True)
class Stage:
    """One line of a run's log: what was worked on, which stage of it ended, how long it took."""

    what: str
    stage: str
    seconds: float

    @property
    def name(self) -> tuple[str, str]:
        return self.what, self.stage

    @property
    def kind(self) -> str:
        """The same stage of another dataset is the same kind; each library's stages are their own."""
        return self.stage if "/" in self.what else f"{self.what} {self.stage}"


class Watched:
    """A `jichu …` process whose stages are seen as they end."""

    def __init__(self, city: City, *arguments: str, **environment: str):
        self.process = city.process(*arguments, **({"JICHU_LOG": "info"} | environment))
        self.began, self.stages, self.errors = time.monotonic(), list[Stage](), list[str]()
        self.ended_at: dict[tuple[str, str], float] = {}
        self.out = ""
        self._news = threading.Condition()
        self._readers = [threading.Thread(target=f, daemon=True) for f in (self._read_errors, self._read_output)]
        for reader in self._readers:
            reader.start()

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        self.out = self.process.stdout.read()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            found = STAGE.search(line.rstrip("\n"))
            with self._news:
                if found:
                    stage = Stage(found["what"], found["stage"], float(found["seconds"]))
                    self.stages.append(stage)
                    self.ended_at[stage.name] = time.monotonic()
                else:
                    self.errors.append(line)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for(self, name: tuple[str, str], seconds: float = 300) -> bool:
        """Until that stage has ended; False when the process ended without it."""
        until = time.monotonic() + seconds
        with self._news:
            while name not in self.ended_at and self.process.poll() is None and time.monotonic() < until:
                self._news.wait(0.2)
            return name in self.ended_at

    def kill(self) -> str:
        """kill -9. Says after which stage it was, or that it came too late."""
        late = self.process.poll() is not None
        self.process.kill()
        self.finish()
        last = self.stages[-1] if self.stages else None
        return "too late" if late else f"after {last.what} {last.stage}" if last else "before the first stage"

    def finish(self, seconds: float = 600) -> int:
        """Waits for its end; the exit code."""
        self.process.wait(seconds)
        for reader in self._readers:
            reader.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return self.process.returncode

    @property
    def said(self) -> str:
        """What stands on its error output besides the stages."""
        return "".join(e for e in self.errors if "INFO" not in e)


@dataclass
class World:
    """One copy of the city; `expected`: what an undisturbed one comes to."""

    name: str
    city: City
    expected: dict[str, tuple[int, str]] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    startup: float = 0.0
    exit_code: int = 0

    def run(self, *arguments: str, **environment: str) -> Watched:
        return Watched(self.city, *(arguments or ("run",)), **environment)

    def finishes(self, **environment: str) -> None:
        """Runs to the end, as somebody would after the fault, and is what an undisturbed world is; nothing is left lying about."""
        again = self.run(**({"JICHU_LOCK_WAIT": "60"} | environment))
        code = again.finish()
        assert code == self.exit_code, f"{self.name}: {code} {again.out[-2000:]} {again.said[-2000:]}"
        self.is_as_expected()

    def is_as_expected(self) -> None:
        """Equal by checksum in every table, and clean."""
        different, left = differing(self.expected, checksums(self.city.url)), leftovers(self.city)
        assert not different, f"{self.name}: tables with (expected rows, found rows): {different}"
        assert not left, f"{self.name}: {left}"


def checksums(url: str) -> dict[str, tuple[int, str]]:
    """(rows, checksum) of every table and materialised view, and of the promised views; without the names and times of the run."""
    told = execute(
        url,
        """
        select n.nspname || '.' || k.relname, array_agg(a.attname::text order by a.attnum)
        from pg_class k join pg_namespace n on n.oid = k.relnamespace join pg_attribute a on a.attrelid = k.oid and a.attnum > 0 and not a.attisdropped
        where (k.relkind in ('r', 'p', 'm') or n.nspname || '.' || k.relname = 'statistics.latest' or n.nspname = 'theme' and k.relkind = 'v')
          and n.nspname not in ('pg_catalog', 'information_schema', 'candidate', 'tiger', 'topology') and n.nspname not like 'pg_t%' group by 1 order by 1
        """,
    )
    found = {}
    for table, columns in told:
        if table not in NOT_COMPARED:
            listed = ", ".join(f't."{c}"' for c in columns if c not in VOLATILE)
            ((rows, digest),) = execute(
                url,
                f"select count(*), coalesce(md5(string_agg(md5(x), '' order by md5(x))), '') from (select row({listed})::text x from {table} t) s",
            )
            found[table] = (rows, digest)
    return found


def differing(expected: dict[str, tuple[int, str]], found: dict[str, tuple[int, str]]) -> dict[str, Any]:
    """Table → (expected rows, found rows) where the checksums differ."""
    every = sorted(set(expected) | set(found))
    return {t: (expected.get(t, (None,))[0], found.get(t, (None,))[0]) for t in every if expected.get(t) != found.get(t)}


def leftovers(city: City) -> list[str]:
    """What should not be there when nobody works: candidates, half files, scratch folders, locks, sessions."""
    sql = "select 'candidate.' || relname from pg_class where relnamespace = 'candidate'::regnamespace and relkind in ('r', 'v')"
    found = [r[0] for r in city.query(sql)]
    found += [
        f"lock {r[0]}"
        for r in city.query(
            "select objid from pg_locks l join pg_database d on d.oid = l.database where locktype = 'advisory' and datname = current_database()"
        )
    ]
    found += [
        f"session {r[0]}"
        for r in city.query(
            "select left(query, 60) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and application_name = 'jichu'"
        )
    ]
    half = [p for p in city.home.rglob("*") if p.name.startswith((".tmp-", ".part-")) or p.suffix == ".part"]
    scratch = list((city.home / "tmp").iterdir()) if (city.home / "tmp").is_dir() else []
    return found + [str(p.relative_to(city.home)) for p in {*half, *scratch}]


def crash(cluster: Cluster) -> None:
    """kill -9 of the database server, and its start."""
    pid = int((cluster.data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
    os.kill(pid, signal.SIGKILL)
    revive(cluster)


def revive(cluster: Cluster, seconds: float = 120) -> None:
    """Starts a server that went down, or waits until it has recovered."""
    until = time.monotonic() + seconds
    while True:
        time.sleep(0.5)  # its sessions notice and end; until then no other may start
        try:
            cluster.start_empty()
            return
        except JichuError:
            if time.monotonic() > until:
                raise


class Worlds:
    """Makes copies of two states of one city: `cold` before its first run, `week` when it has run once and the second week is delivered."""

    def __init__(self, cluster: Cluster, folder: Path, datasets: Sequence[str] = DATASETS, persons: int = PERSONS, days: int = len(DAYS)):
        self.cluster, self.folder, self.datasets = cluster, folder, datasets
        self._count = 0
        self._number = next(_made)  # two suites of one process have databases of their own
        self._services: list[Service] = []
        self._bases: dict[str, World] = {}
        self._databases: list[str] = []
        generate(persons=persons, seed=SEED, out=folder / "made", days=days, harshness=1.5)
        self._departments = [self._department(k) for k in range(days)]

    def undisturbed(self, kind: str) -> World:
        """The world that nothing happened to: what it came to, and its timetable."""
        if kind not in self._bases:
            self._bases[kind] = self._measured(kind)
        return self._bases[kind]

    def copy(self, kind: str, cluster: Cluster | None = None) -> World:
        """A fresh copy of that state, before its run; a cold one perhaps on another server."""
        base = self.undisturbed(kind)
        made = self._copy(kind, cluster)
        made.expected, made.stages, made.startup, made.exit_code = base.expected, base.stages, base.startup, base.exit_code
        return made

    def drop(self, world: World) -> None:
        """Is not needed any more."""
        self.cluster.server.drop_database(world.name)
        shutil.rmtree(world.city.home.parent, ignore_errors=True)

    def close(self) -> None:
        for service in self._services:
            service.shutdown()
            service.server_close()
        for name in self._databases:
            self.cluster.server.drop_database(name)

    def _measured(self, kind: str) -> World:
        world = self._copy(kind)
        run = world.run()
        world.exit_code = run.finish()
        assert world.exit_code in (0, 3), run.out + run.said
        world.stages = run.stages
        world.startup = min(run.ended_at.values()) - run.began - run.stages[0].seconds
        world.expected = checksums(world.city.url)
        assert leftovers(world.city) == []
        return world

    def _copy(self, kind: str, elsewhere: Cluster | None = None) -> World:
        """cold: an empty migrated database and home. week: those of the undisturbed cold world, as they are after its run."""
        self._count += 1
        name = f"fault_{os.getpid()}_{self._number}_{self._count}"
        folder = self.folder / name
        day = ("cold", "week").index(kind)
        if kind == "week":
            before = self.undisturbed("cold")
            shutil.copytree(before.city.home, folder / "home", copy_function=shutil.copy2)
            template = before.name
        else:
            template = self._pristine()
        if elsewhere:
            elsewhere.make_library_database(name)
        else:
            self.cluster.server.create_database(name, "jichu", template=template)
            self._databases.append(name)
        url = (elsewhere or self.cluster).role_url("jichu", name)
        for k in range(day + 1):
            made = self.folder / "made" / ("drop" if k == 0 else f"drop_day{k}")
            for dataset in self.datasets:
                if (made / dataset).is_dir():
                    shutil.copytree(made / dataset, folder / "drop" / dataset, dirs_exist_ok=True)
        (folder / "tmp").mkdir()
        extra = {**self._departments[day], "JICHU_MEMORY": "2GB", "TMPDIR": str(folder / "tmp")}
        return World(name, City(folder / "drop", folder / "home", url, DAYS[day], extra))

    def _pristine(self) -> str:
        name = f"fault_{os.getpid()}_{self._number}_migrated"
        if name not in self._databases:
            self.cluster.server.create_database(name, "jichu", template="pristine")
            self._databases.append(name)
            url = self.cluster.role_url("jichu", name)
            migrate.migrate(Settings(url, self.folder, self.folder, "duckdb", 512, load(as_of=DAYS[0]).today, 30.0, 1000))
        return name

    def _department(self, k: int) -> dict[str, str]:
        """The connections of a day: the police's database and the market regulation's API in that day's state."""
        source = self.folder / "made" / ("drop" if k == 0 else f"drop_day{k}")
        service = Service()
        self._services.append(service)
        for file in sorted(source.glob("*/api/*.jsonl")):
            service.records[file.stem] = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        name = f"fault_{os.getpid()}_{self._number}_police_{k}"
        self.cluster.server.create_database(name, "jichu")
        self._databases.append(name)
        url = self.cluster.role_url("jichu", name)
        dump = source / "public_security" / "database.sql"
        command = [str(binaries() / "psql"), "-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", str(dump)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        police = url.replace("postgresql://", "postgres://", 1)
        return {"AIRFLOW_CONN_MARKET_REGULATION": service.connection, "AIRFLOW_CONN_PUBLIC_SECURITY": police}
