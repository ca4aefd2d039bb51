"""Driving Airflow by its REST API (v2): a command-line call costs 3 to 6 seconds, a request some milliseconds."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from etl.errors import JichuError

ENDED = frozenset({"success", "failed"})
PAGE = 100


@dataclass(frozen=True)
class Run:
    """A run of a DAG: `state` queued, running, success or failed; `ended_at` None until it is over."""

    dag: str
    run_id: str
    state: str
    after: str
    started_at: str | None
    ended_at: str | None


@dataclass
class Api:
    """A client that logs in when it must; tokens are kept in memory only."""

    address: str
    user: str
    password: str
    _client: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._client = httpx.Client(base_url=self.address, timeout=30, trust_env=False)

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def dags(self) -> dict[str, bool]:
        """Every known DAG: id → whether it is paused."""
        return {d["dag_id"]: bool(d["is_paused"]) for d in self._all("/api/v2/dags", "dags")}

    def import_errors(self) -> list[str]:
        """DAG files that do not import, with the last line of why."""
        errors = self._all("/api/v2/importErrors", "import_errors")
        return [f"{e['filename']}：{e['stack_trace'].strip().splitlines()[-1]}" for e in errors]

    def unpause(self, dag: str) -> None:
        """Lets the scheduler run the DAG."""
        self._call("PATCH", f"/api/v2/dags/{dag}", json={"is_paused": False}, params={"update_mask": "is_paused"})

    def trigger(self, dag: str, conf: dict[str, Any] | None = None) -> str:
        """Starts a run now; returns its run id."""
        body = {"logical_date": None, "conf": conf or {}}
        return str(self._call("POST", f"/api/v2/dags/{dag}/dagRuns", json=body)["dag_run_id"])

    def runs(self, since: datetime) -> list[Run]:
        """All runs of all DAGs that became due at `since` or later."""
        query = {"run_after_gte": since.astimezone(UTC).isoformat()}
        found = self._all("/api/v2/dags/~/dagRuns", "dag_runs", query)
        return [Run(r["dag_id"], r["dag_run_id"], r["state"], r["run_after"], r["start_date"], r["end_date"]) for r in found]

    def abandon_active(self) -> None:
        """Fails every run that calls itself queued or running: after a kill they would hold up new ones for minutes.

        Not those that ask people: a question that waits is nobody's work, and outlasts a restart.
        """
        for run in self._all("/api/v2/dags/~/dagRuns", "dag_runs", {"state": ["queued", "running"]}):
            if run["dag_id"] == "decisions":
                continue
            self._call("PATCH", f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}", json={"state": "failed"})

    def forget_asset_events(self, dag: str) -> None:
        """Drops the asset events that wait for the DAG's other inputs: left from a round that was cut off, they would start it too early."""
        answer = self._authorized("DELETE", f"/api/v2/dags/{dag}/assets/queuedEvents")
        if answer.status_code not in (httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND):
            raise JichuError(f"Airflow 不能清除 {dag} 的待处理资产事件（{answer.status_code}）")

    def failed_tasks(self, run: Run) -> list[str]:
        """Names of the tasks that failed in a run, with their last try."""
        path = f"/api/v2/dags/{run.dag}/dagRuns/{run.run_id}/taskInstances"
        tasks = self._all(path, "task_instances")
        return [f"{t['task_id']}（第 {t['try_number']} 次）" for t in tasks if t["state"] in ("failed", "upstream_failed")]

    def wait_for_dags(self, wanted: set[str], seconds: float) -> None:
        """Returns when the DAG processor has registered all of these; else the error says which and why."""
        until = time.monotonic() + seconds
        while absent := wanted - self.dags().keys():
            if errors := self.import_errors():
                raise JichuError("DAG 无法导入：" + "；".join(errors))
            if time.monotonic() > until:
                raise JichuError(f"Airflow 在 {seconds:.0f} 秒内没有登记这些 DAG：{'、'.join(sorted(absent))}")
            time.sleep(0.5)

    def wait_for_runs(self, since: datetime, finished: Callable[[list[Run]], bool], seconds: float) -> Iterator[list[Run]]:
        """Yields all runs since `since` about once a second until `finished` says yes of them."""
        until = time.monotonic() + seconds
        while True:
            runs = self.runs(since)
            yield runs
            if finished(runs):
                return
            if time.monotonic() > until:
                waiting = sorted({r.dag for r in runs if r.state not in ENDED})
                raise JichuError(f"等了 {seconds:.0f} 秒，仍未结束：{'、'.join(waiting) or '（没有在跑的 DAG）'}")
            time.sleep(1)

    def _all(self, path: str, key: str, query: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Every item of a paged collection."""
        out: list[dict[str, Any]] = []
        while True:
            page = self._call("GET", path, params={**(query or {}), "limit": PAGE, "offset": len(out)})
            out += page[key]
            if len(out) >= page["total_entries"] or not page[key]:
                return out

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """One request that must succeed; its JSON object."""
        answer = self._authorized(method, path, **request)
        if answer.is_error:
            raise JichuError(f"Airflow 接口 {method} {path} 返回 {answer.status_code}")
        return dict(answer.json())

    def _authorized(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One request, with a new login when the token is missing or too old."""
        if "Authorization" not in self._client.headers:
            self._log_in()
        answer = self._send(method, path, **request)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._log_in()
            answer = self._send(method, path, **request)
        return answer

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One request; a busy server may close a connection or be slow, one that is gone is said in a sentence."""
        for pause in (0.5, 2, 5):
            try:
                return self._client.request(method, path, **request)
            except httpx.TransportError:
                time.sleep(pause)
        raise JichuError(f"Airflow（{self.address}）不再应答；jichu status 看各服务，make run 重新开始")

    def _log_in(self) -> None:
        answer = self._send("POST", "/auth/token", json={"username": self.user, "password": self.password})
        if answer.is_error:
            raise JichuError(f"Airflow 登录失败（{answer.status_code}），请看 JICHU_HOME/airflow/passwords.json")
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
