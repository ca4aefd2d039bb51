"""What is held asks an engineer on the Airflow page: release or discard, and why.

A dataset's or library's DAG that ends with something held adds an event to the asset `held`; this DAG then asks one question
for each thing held (Required Actions), and carries the answer out. A waiting question takes no worker slot. It wakes every few
minutes to see whether somebody has decided by command meanwhile, and then ends by itself.
"""

import logging
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param, get_current_context, task, task_group

from etl import decisions

TIMEZONE = "Asia/Shanghai"
# Airflow takes False for "if the last time was a moment ago"; unpausing a DAG shall not start last night's run.
NOT_AT_ONCE = timedelta(seconds=1)
HELD = Asset(name="held", uri="jichu://held")
RELEASE, DISCARD, LATER = "放行", "弃用", "暂不决定"
ABOUT = """# 待决事项

交付与以往差得太多，或库的候选没有通过严重检查，就挂起等人决定。每一件在这里问一次：看“Required Actions”（待处理），
写明理由，选放行或弃用；谁、何时、为何记入 `ops.decision`。

- **放行**：交付照样装载（坏行仍隔离），随后的交付接着装载；库照样发布，只此一次。
- **弃用**：交付当作没有来过，随后的交付接着装载；库仍用上一次发布的内容，直到输入变化。
- **暂不决定**：继续等。等着的问题不占运行名额。

也可以用命令 `jichu release`、`jichu discard`；那样决定之后，这里的问题几分钟内自行结束。两处只认先到的。
用命令 `jichu run` 挂起的，每天 06:30 也会问到这里来。
"""


class Question(HITLOperator):
    """Asks until it is answered, or until nothing is held any more. Its value: what was asked and what was answered."""

    template_fields = ("what", "ident", "subject", "body")  # all of them values of the mapped group, which are not rendered

    def __init__(self, *, what: str, ident: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.what, self.ident = what, ident

    def execute_complete(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        """After an answer or, with the default, after a while: asks again what has not been decided."""
        if "error" in event:
            self.process_trigger_event_error(event)
        choice, why = event["chosen_options"][0], str((event["params_input"] or {}).get("why") or "").strip()
        user = event.get("responded_by_user") or {}
        told = {"what": self.what, "ident": self.ident, "choice": choice, "why": why, "by": user.get("name") or user.get("id") or ""}
        if choice == LATER or not why:
            if not decisions.still_open(self.what, self.ident):
                logging.getLogger(__name__).info("%s %s：已不再挂起，不必回答", self.what, self.ident)
                return told | {"choice": LATER}
            if choice != LATER:
                logging.getLogger(__name__).warning("%s %s：没有写理由，再问一次", self.what, self.ident)
            self.execute(context)  # does not return: the task waits again
        return told


with DAG(
    dag_id="decisions",
    dag_display_name="待决事项",
    description="挂起的交付和库：放行或弃用",
    doc_md=ABOUT,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("30 6 * * *", timezone=TIMEZONE, run_immediately=NOT_AT_ONCE), assets=[HELD]
    ),
    catchup=False,
    max_active_runs=64,  # a run lasts until its questions are answered; others must be asked meanwhile
    is_paused_upon_creation=False,
    default_args={"owner": "市大数据管理局", "retries": 3, "retry_delay": timedelta(minutes=2)},
    params={
        "as_of": Param(
            None, type=["null", "string"], format="date", title="业务日期", description="空为挂起它的那次运行的业务日期，没有则为今天"
        )
    },
    tags=["质量", "待决"],
) as dag:

    def business_date() -> str | None:
        """The run's parameter, else the newest date that an event brought."""
        context = get_current_context()
        events = [e for each in context["triggering_asset_events"].values() for e in each]
        told = [day for e in events if (day := (e.extra or {}).get("as_of"))]
        return context["params"]["as_of"] or max(told, default=None)

    @task(task_id="held", task_display_name="有哪些", execution_timeout=timedelta(minutes=10))
    def held() -> list[dict[str, str]]:
        """What is held and is not being asked yet."""
        return decisions.questions(business_date())

    @task(task_id="carry_out", task_display_name="执行", execution_timeout=timedelta(hours=6), map_index_template="{{ answered }}")
    def carry_out(told: dict[str, Any]) -> dict[str, Any]:
        """Releases or discards; then takes the later deliveries."""
        context = get_current_context()
        context["answered"] = f"{told['what']} {told['ident']} {told['choice']}"  # type: ignore[typeddict-unknown-key]
        if told["choice"] not in (RELEASE, DISCARD):
            return {"state": "gone"}
        return decisions.answer(
            told["what"], told["ident"], release=told["choice"] == RELEASE, by=told["by"], why=told["why"], as_of=business_date()
        )

    @task_group(group_id="one")
    def one(what: str, ident: str, subject: str, body: str) -> None:
        """One thing: asked, answered, carried out, whatever becomes of the others."""
        question = Question(
            task_id="question",
            task_display_name="放行还是弃用",
            what=what,
            ident=ident,
            subject=subject,
            body=body,
            options=[RELEASE, DISCARD, LATER],
            defaults=[LATER],
            response_timeout=timedelta(minutes=10),
            params={"why": Param("", type="string", title="理由", description="为何放行或弃用；记入 ops.decision")},
            map_index_template="{{ task.what }} {{ task.ident }}",
        )
        carry_out(question.output)

    one.expand_kwargs(held())
