"""What `make run` does, with a small city: every DAG through Airflow's own scheduler, then down to nothing."""

import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
from leak_kit import Secrets, secrets_of

from etl import pipeline, platform
from etl.platform import airflow, demo
from etl.platform.airflow_api import ENDED, Api
from etl.platform.postgres import Cluster
from etl.settings import Settings

PERSONS = 500
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@dataclass
class World:
    """One `make run`: its settings, what it said, how it ended."""

    settings: Settings
    said: list[str] = field(default_factory=list)
    exit_code: int = -1

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the library database."""
        connection = psycopg2.connect(Cluster(self.settings.home).role_url("jichu", "jichu"))
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            connection.close()

    def api(self) -> Api:
        home = self.settings.home
        return Api(airflow.address(home), airflow.USER, airflow.password(home))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The services of a JICHU_HOME of their own, with a city of 500 delivered and taken in; ended and removed afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith(("JICHU_", "AIRFLOW"))]:
            patch.delenv(name)
        home = Path(tempfile.mkdtemp(prefix=f"jichu-test-{os.getpid()}-"))
        home.chmod(0o711)
        settings = Settings("", home / "drop", home, "duckdb", 1024, date(2018, 3, 1), 60, 1000)
        made = World(settings)
        try:
            made.exit_code = platform.demo_run(settings, made.said.append, PERSONS)
            yield made
        finally:
            platform.clean(settings, made.said.append)
            shutil.rmtree(home, ignore_errors=True)


def _processes(home: Path) -> list[str]:
    """Command lines of living processes that have anything to do with this JICHU_HOME."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
            environment = (folder / "environ").read_bytes() if folder.name.isdigit() else b""
        except OSError:
            continue
        if str(home).encode() in command + environment and folder.name != str(os.getpid()):
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_every_dag_ends_well_and_every_dataset_is_loaded(world: World) -> None:
    assert world.exit_code == 0, world.text
    with world.api() as api:
        assert api.import_errors() == []
        states = Counter(r.state for r in api.runs(datetime(2018, 1, 1, tzinfo=UTC)))
    assert set(states) == {"success"}
    assert states["success"] >= len(pipeline.sources()) + len(pipeline.libraries()) + 1


def test_the_accounts_add_up_and_every_channel_delivered(world: World) -> None:
    wrong = "rows_in <> rows_new + rows_changed + rows_unchanged + rows_duplicate + rows_quarantined"
    assert world.rows(f"select count(*) from ops.delivery where state = 'loaded' and {wrong}") == [(0,)]
    delivered = {r[0] for r in world.rows("select dataset from ops.delivery where state = 'loaded' and delivered_on = '2018-03-01'")}
    channels = {s.delivery.channel for s in pipeline.sources() if s.name in delivered}
    assert channels == {"file", "database", "api"}


def test_the_business_date_travels_from_the_datasets_to_the_libraries(world: World) -> None:
    published = world.rows("select library, published_on, state from ops.publication where published_at > now() - interval '1 hour'")
    newest = {name: day for name, day, state in published if state == "published"}
    assert newest.keys() == {x.name for x in pipeline.libraries()}
    assert date(2018, 3, 1) in newest.values()


def test_the_summary_says_what_one_needs_to_go_on(world: World) -> None:
    home = world.settings.home
    for wanted in ("public_security/household_register", "population.person", "市公安局", airflow.address(home), str(home / "mail")):
        assert wanted in world.text
    assert f"密码 {airflow.password(home)}" in world.text
    assert httpx.get(airflow.address(home), follow_redirects=True, trust_env=False).status_code == 200


def test_the_analyst_reads_masked_views_and_neither_names_nor_staging_nor_quarantine(world: World) -> None:
    url = next(line.split("：", 1)[1] for line in world.text.splitlines() if line.startswith("分析人员连接"))
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("select count(*) > 0 from masked.person")
            assert cursor.fetchone() == (True,)
            for closed in ("population.person", "staging.public_security__household_register", "quality.quarantine"):
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    cursor.execute(f"select 1 from {closed}")
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("delete from masked.person")
    finally:
        connection.close()


def test_every_department_got_its_mail(world: World) -> None:
    mails = sorted((world.settings.home / "mail").glob("*.eml"))
    departments = {d for (d,) in world.rows("select distinct split_part(dataset, '/', 1) from ops.delivery")}
    assert len(mails) >= len(departments)
    assert all(m.with_suffix(".html").exists() for m in mails)


@pytest.fixture(scope="module")
def secrets(world: World) -> Secrets:
    """What was delivered of persons in this run."""
    return secrets_of(world.settings.home, world.settings.home / "demo" / "truth")


def _logs(home: Path) -> dict[str, str]:
    """Airflow's own log of each task of each DAG, and the logs of the services; with the page's escapes undone (JSON, one line an event)."""
    files = [f for folder in (home / "airflow" / "logs", home / "logs") for f in sorted(folder.rglob("*")) if f.is_file()]
    texts = {str(f.relative_to(home)): f.read_text(encoding="utf-8", errors="replace") for f in files}
    return {n: t + ESCAPED.sub(lambda m: chr(int(m[1], 16)), t) if "\\u" in t else t for n, t in texts.items()}


def test_no_airflow_log_holds_anything_of_a_person(world: World, secrets: Secrets) -> None:
    assert len(secrets.numbers) > 500, "the deliveries were not read"
    assert len(secrets.names) > 100
    logs = _logs(world.settings.home)
    tasks = {n.split("/")[2].removeprefix("dag_id=") for n in logs if "/dag_id=" in n}
    assert {s.name.replace("/", ".") for s in pipeline.sources()} <= tasks, "the tasks' own logs were not found"
    assert {f"library.{x.name}" for x in pipeline.libraries()} | {"quality_reports"} <= tasks
    assert {n: found for n, text in logs.items() if (found := secrets.found_in(text))} == {}
    assert {n: named for n, text in logs.items() if (named := sum(name in text for name in secrets.names))} == {}, "names in logs"


def test_a_number_planted_in_a_task_log_is_found(world: World, secrets: Secrets) -> None:
    number, name = max(secrets.numbers, key=lambda n: (len(n), n)), max(secrets.names)
    event = json.dumps({"event": f"row of {name} {number}"})
    text = ESCAPED.sub(lambda m: chr(int(m[1], 16)), event)
    assert secrets.found_in(text) == {"numbers: 1"}
    assert name in text


def test_running_a_dag_again_loads_nothing_twice(world: World) -> None:
    count = "select count(*), max(sequence) from ops.delivery"
    before = world.rows(count)
    again = ["public_security.household_register", "market_regulation.enterprises", "land.regions"]
    with world.api() as api:
        since = datetime.now(UTC)
        for dag in again:
            api.trigger(dag, {"as_of": "2018-03-01"})
        *_, runs = api.wait_for_runs(since, lambda rs: len(rs) >= len(again) and all(r.state in ENDED for r in rs), 300)
    assert {r.state for r in runs} == {"success"}
    assert world.rows(count) == before


def test_up_again_restarts_nothing_and_status_says_that_all_runs(world: World) -> None:
    platform.up(world.settings, print)  # whoever edits the code while this runs gets his restart here
    before = platform.status(world.settings)
    platform.up(world.settings, print)
    assert platform.status(world.settings) == before
    assert all("未运行" not in state for _, state in before)
    assert dict(before)["Airflow"].endswith("正常")


def test_down_leaves_no_process_and_the_data_stays(world: World) -> None:
    home = world.settings.home
    platform.down(world.settings, lambda text: None)
    assert _processes(home) == []
    assert list((home / "run").glob("*.pid")) == []
    assert demo.newest_day(home / "demo" / "drop") == "2018-03-01"
    assert Cluster(home).made
