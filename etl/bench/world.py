"""Where the bench works: a demo city of two weeks, a PostGIS cluster of its own, the city's departments served from it.

Nothing here touches the user's database, home or delivery folder: every process gets an environment of its own.
"""

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from etl import demo
from etl.platform import departments, processes
from etl.platform.postgres import Cluster, binaries
from etl.settings import MEMORY_MB

DAYS = ("2018-03-01", "2018-03-08")
SEED = 1
NOT_OURS = ("JICHU_", "AIRFLOW_CONN_")  # what a user's environment says of the user's own database and departments
Say = Callable[[str], None]


@dataclass
class World:
    """One city of so many persons in `folder`; `change` is the share of its persons to whom something happens in the second week;
    `datasets`: it is delivered by these alone."""

    folder: Path
    persons: int
    change: float = 0.01
    say: Say = lambda text: None
    datasets: Collection[str] | None = None
    cluster: Cluster = field(init=False)
    _served: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cluster = Cluster(self.folder / "cluster")

    @property
    def city(self) -> Path:
        return self.folder / "city"

    @property
    def truth(self) -> Path:
        return self.city / "truth"

    @property
    def postmaster(self) -> int:
        """The process id of the cluster's server."""
        return int((self.cluster.data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])

    def open(self) -> None:
        """Makes the city unless it stands whole, and starts the cluster."""
        self.folder.mkdir(parents=True, exist_ok=True)
        done = self.folder / "city.json"
        wanted = {"persons": self.persons, "seed": SEED, "change": self.change}
        if not done.exists() or json.loads(done.read_text(encoding="utf-8")) != wanted:
            self.forget()
            self.say(f"生成 {self.persons} 人的城市，两周的交付")
            demo.generate(self.persons, SEED, self.city, days=len(DAYS), datasets=self.datasets, change=self.change)
            done.write_text(json.dumps(wanted), encoding="utf-8")
        self.folder.chmod(0o711)  # the server's own user must pass
        self.cluster.start()

    def close(self) -> None:
        """Stops the cluster and what was served beside it."""
        for name in processes.names(self.folder / "services"):
            processes.stop(self.folder / "services", name)
        self.cluster.stop()

    def forget(self) -> None:
        """Deletes the city, the cluster and every figure."""
        self.close()
        self.cluster.remove()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    # ── one place to run the pipeline in ─────────────────────────────────────────────────────────────────────────

    def home(self, name: str) -> Path:
        return self.folder / f"home-{name}"

    def url(self, database: str, *, superuser: bool = False) -> str:
        """The library database of that name, for its owner or the server's superuser."""
        return self.cluster.server.url(database) if superuser else self.cluster.role_url("jichu", database)

    def empty(self, name: str) -> None:
        """An empty library database and an empty home."""
        self.cluster.server.drop_database(name)
        self.cluster.make_library_database(name)
        shutil.rmtree(self.home(name), ignore_errors=True)
        self.home(name).mkdir()

    def copy(self, name: str, to: str) -> None:
        """A database and its home once more, so that what runs on the copy leaves the first as it is."""
        self.cluster.server.drop_database(to)
        self.cluster.server.create_database(to, "jichu", template=name)
        self.cluster.grant_roles(to)
        shutil.rmtree(self.home(to), ignore_errors=True)
        shutil.copytree(self.home(name), self.home(to), copy_function=os.link, ignore=shutil.ignore_patterns(".tmp-*", "tmp"))

    def drop(self, name: str) -> None:
        """Deletes a database and its home."""
        self.cluster.server.drop_database(name)
        shutil.rmtree(self.home(name), ignore_errors=True)

    def deliver(self, week: int) -> Path:
        """The delivery folder as it stands in that week (0, 1), earlier deliveries still in it; databases and API serve the same week."""
        drop = self.folder / f"drop{week}"
        if not drop.exists():
            shutil.copytree(self.city / "drop", drop, copy_function=os.link)
            for k in range(1, week + 1):
                shutil.copytree(self.city / f"drop_day{k}", drop, copy_function=_laid_over, dirs_exist_ok=True)
        services = self.folder / "services"
        for name in processes.names(services):
            processes.stop(services, name)
        with own_environment():
            told = departments.connections(services, self.cluster.server, departments=True)
            served = departments.serve(services, self.cluster.server, drop)
        self._served = {k: v for k, v in told.items() if k.removeprefix("AIRFLOW_CONN_").lower() in served}
        return drop

    def environment(self, name: str, week: int = 0) -> dict[str, str]:
        """Of a process that works on the database of that name in that week."""
        own = {
            "JICHU_DATABASE_URL": self.url(name),
            "JICHU_HOME": str(self.home(name)),
            "JICHU_DROP": str(self.folder / f"drop{week}"),
            "JICHU_TODAY": DAYS[week],
            "JICHU_MEMORY": os.environ.get("JICHU_MEMORY", f"{MEMORY_MB}MB"),
        }
        return {k: v for k, v in os.environ.items() if not k.startswith(NOT_OURS)} | self._served | own

    def query(self, database: str, sql: str, *, superuser: bool = False) -> list[tuple[Any, ...]]:
        """All rows of a small query."""
        connection = psycopg2.connect(self.url(database, superuser=superuser))
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()


def _laid_over(source: str, target: str) -> None:
    """A later file in the place of an earlier one, which other folders still have."""
    Path(target).unlink(missing_ok=True)
    os.link(source, target)


@contextmanager
def own_environment() -> Iterator[None]:
    """Without what the user's environment says of departments: theirs must never be read here."""
    kept = {k: v for k, v in os.environ.items() if k.startswith(NOT_OURS)}
    for key in kept:
        del os.environ[key]
    try:
        yield
    finally:
        os.environ.update(kept)


def program(name: str) -> str:
    """A program of the PostgreSQL that the cluster runs on."""
    return str(binaries() / name)
