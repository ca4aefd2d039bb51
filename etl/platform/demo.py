"""`make run`: a demo city, delivered, taken in by every DAG through Airflow's scheduler, and accounted for."""

import re
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from etl import spec
from etl.errors import JichuError
from etl.platform import airflow, departments, services
from etl.platform.airflow_api import ENDED, Api, Run
from etl.platform.summary import print_summary
from etl.settings import Settings

SEED = 20180301
LONGEST = 3600
REPORTS = "quality_reports"
DECISIONS = "decisions"  # its runs last until people have answered


def demo_run(settings: Settings, say: Callable[[str], None], persons: int = 20000) -> int:
    """Everything of `make run` after the set-up; returns 0 when every DAG ended well, else 1. Loads nothing twice."""
    began = time.monotonic()
    settings = replace(settings, drop=services.demo_drop(settings))
    services.prepare(settings)
    database = services.start_database(settings, say)
    settings = replace(settings, database_url=database.library)
    if database.cluster is None:
        departments.require_rights(database.server, say)
    connections = departments.connections(settings.home, database.server, departments=True)
    departments.start_mail(settings.home)
    # Airflow takes half a minute to come up, about as long as the city takes to be written.
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(services.start_airflow, settings, database, connections, say, abandon=True)
        generate(settings, persons, say)
        say(f"部门：{'、'.join(departments.serve(settings.home, database.server, settings.drop))} 的数据库和接口已开通")
        starting.result()
    day = newest_day(settings.drop)
    with Api(airflow.address(settings.home), airflow.USER, airflow.password(settings.home)) as api:
        failed = run_dags(api, day, say)
    settings = replace(settings, today=date.fromisoformat(day) if day else settings.today)
    services.grant_analyst(database)
    print_summary(settings, database, say)
    say(f"\n用时 {time.monotonic() - began:.0f} 秒。再次 make run 不会重复装载；make down 停止全部服务。")
    for line in failed:
        say(f"失败：{line}")
    return 1 if failed else 0


def generate(settings: Settings, persons: int, say: Callable[[str], None]) -> None:
    """Writes the demo city under JICHU_HOME/demo unless it stands there whole."""
    folder, done = settings.home / "demo", settings.home / "demo" / ".whole"
    if done.exists():
        say(f"演示城市：已有 {done.read_text(encoding='utf-8').strip()} 人，在 {folder}")
        return
    from etl import demo

    shutil.rmtree(folder, ignore_errors=True)
    say(f"演示城市：生成 {persons} 人的部门交付…")
    demo.generate(persons, SEED, folder, days=1)
    done.write_text(f"{persons}\n", encoding="utf-8")


def newest_day(drop: Path) -> str | None:
    """The date of the newest delivery folder, YYYY-MM-DD: the business date of the demo."""
    days = [m[0] for p in drop.glob("*/*/*") if p.is_dir() and (m := re.fullmatch(r"\d{8}", p.name))]
    return f"{max(days)[:4]}-{max(days)[4:6]}-{max(days)[6:]}" if days else None


@dataclass
class Progress:
    """What is still awaited of one round through all DAGs, and what is said of it while it lasts."""

    datasets: set[str]
    libraries: list[str]
    say: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)
    quiet_since: float | None = None
    _told: str = ""
    _told_at: float = 0.0

    def finished(self, runs: list[Run]) -> bool:
        """Every DAG has ended and none is under way."""
        ended = {r.dag for r in runs if r.state in ENDED}
        return self.datasets | set(self.libraries) | {REPORTS} <= ended and all(r.state in ENDED for r in runs)

    def tell(self, runs: list[Run]) -> None:
        """A line when something has ended, every three seconds at most."""
        ended = {r.dag for r in runs if r.state in ENDED}
        active = sorted({r.dag for r in runs if r.state == "running"} - self.datasets)
        text = f"数据集 {len(ended & self.datasets)}/{len(self.datasets)}，库 {len(ended & set(self.libraries))}/{len(self.libraries)}"
        text += f"，正在 {'、'.join(active)}" if active else ""
        if text != self._told and time.monotonic() - self._told_at > 3:
            self.say(f"  [{time.monotonic() - self.began:4.0f} 秒] {text}")
            self._told, self._told_at = text, time.monotonic()

    def stalled(self, runs: list[Run]) -> str | None:
        """The next DAG to trigger by hand: all is quiet, but a failed dataset keeps a library's assets from arriving."""
        if any(r.state not in ENDED for r in runs):
            self.quiet_since = None
            return None
        self.quiet_since = self.quiet_since or time.monotonic()
        if time.monotonic() - self.quiet_since < 10:
            return None
        self.quiet_since = None
        ended = {r.dag for r in runs}
        return next((dag for dag in [*self.libraries, REPORTS] if dag not in ended), None)


def awaited(runs: list[Run]) -> list[Run]:
    """The runs that end by themselves."""
    return [r for r in runs if r.dag != DECISIONS]


def run_dags(api: Api, as_of: str | None, say: Callable[[str], None]) -> list[str]:
    """Unpauses and triggers every dataset's DAG and waits for the libraries and reports; returns what failed, in words."""
    registry = spec.load()
    datasets = {n.replace("/", ".") for n in registry.sources}
    libraries = [f"library.{x.name}" for x in registry.ordered_libraries()]
    api.wait_for_dags(datasets | {*libraries, REPORTS}, 180)
    for dag in (*libraries, REPORTS):
        api.forget_asset_events(dag)
    paused = [d for d, is_paused in api.dags().items() if is_paused]
    conf = {"as_of": as_of} if as_of else {}
    say(f"触发 {len(datasets)} 个数据集的 DAG（业务日期 {as_of or '今天'}）…")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(api.unpause, sorted(paused)))
        since = datetime.now(UTC)
        list(pool.map(lambda dag: api.trigger(dag, conf), sorted(datasets)))
    progress = Progress(datasets, libraries, say)
    runs: list[Run] = []
    for found in api.wait_for_runs(since, lambda found: progress.finished(awaited(found)), LONGEST):
        runs = awaited(found)
        progress.tell(runs)
        if late := progress.stalled(runs):
            say(f"  {late} 的输入不全，直接触发")
            api.trigger(late, conf)
    if not runs:
        raise JichuError("Airflow 没有任何运行记录")
    return [f"{r.dag}：{'、'.join(api.failed_tasks(r)) or '未完成'}" for r in runs if r.state == "failed"]
