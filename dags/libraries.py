"""One DAG per base library: matched, merged, checked and published when its inputs have arrived, and every morning anyway.

Scheduled on the assets of all datasets that feed the library and of the libraries it reads. The morning run is for the
day on which some department stays silent: waiting for all of them would then stop the library for ever. Nothing is
published when nothing has changed.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    AssetAlias,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    Param,
    get_current_context,
    get_parsing_context,
    task,
)

from etl import pipeline

TIMEZONE = "Asia/Shanghai"
# Airflow takes False for "if the last time was a moment ago"; unpausing a DAG shall not start last night's run.
NOT_AT_ONCE = timedelta(seconds=1)
OWNER = "市大数据管理局"
HELD = Asset(name="held", uri="jichu://held")  # dags/decisions.py asks about what is held


def feeding(library: Any) -> list[str]:
    """Names of the datasets that a library reads."""
    return [
        s.name
        for s in pipeline.sources()
        if any(f.to.split(".")[0] == library.name for f in s.feeds)
        # Whatever holds an address is matched to the standard addresses.
        or (library.name == "geospatial" and any(c.rule == "address" for c in s.columns.values()))
    ]


def explain(library: Any, datasets: list[str]) -> str:
    """What the page of the DAG says."""
    tables = "\n".join(f"- `{table}`" for table in library.tables)
    return (
        f"# {library.title}\n\n关联 → 归并 → 检查 → 发布，一个事务：分析人员看到的总是旧的或新的整体。"
        "严重检查不过则挂起，仍用上一次发布的内容（见 `ops.publication`），在“待决事项”（DAG `decisions`）里放行或弃用。输入没有变化时不重算。\n\n"
        f"## 发布的表\n{tables}\n\n## 读取\n先要发布的库：{'、'.join(library.after) or '无'}。数据集：{'、'.join(datasets)}。\n"
    )


def define(library: Any, position: int) -> DAG:
    """The DAG of one library; `position` in the order of dependency sets its minute of the morning."""
    asset = Asset(name=library.name, uri=f"jichu://library/{library.name}")
    datasets = feeding(library)
    inputs = [Asset(name=n, uri=f"jichu://staging/{n}") for n in datasets] + [
        Asset(name=n, uri=f"jichu://library/{n}") for n in library.after
    ]
    hour, minute = divmod(5 * 60 + 15 * position, 60)
    with DAG(
        dag_id=f"library.{library.name}",
        dag_display_name=library.title,
        description=f"{library.title}的关联、归并与发布",
        doc_md=explain(library, datasets),
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable(f"{minute} {hour} * * *", timezone=TIMEZONE, run_immediately=NOT_AT_ONCE), assets=inputs
        ),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=12),
        default_args={"owner": OWNER, "retries": 2, "retry_delay": timedelta(minutes=1), "execution_timeout": timedelta(hours=6)},
        params={
            "as_of": Param(
                None, type=["null", "string"], format="date", title="业务日期", description="空为触发它的交付的业务日期，没有则为今天"
            )
        },
        tags=["基础库", library.title],
    ) as dag:

        @task(task_id="integrate", task_display_name="关联、归并、发布", outlets=[asset, AssetAlias("held")])
        def integrate(name: str) -> dict[str, Any]:
            context = get_current_context()
            events = [e for each in context["triggering_asset_events"].values() for e in each]
            told = [day for e in events if (day := (e.extra or {}).get("as_of"))]
            as_of = context["params"]["as_of"] or max(told, default=None)
            result = pipeline.integrate(name, as_of=as_of)
            context["outlet_events"][asset].extra = {"as_of": as_of}
            if result["state"] == "held":
                context["outlet_events"][AssetAlias("held")].add(HELD, extra={"as_of": as_of})
            return result

        integrate(library.name)
    return dag


wanted = get_parsing_context().dag_id  # a task needs its own DAG only
for position, library in enumerate(pipeline.libraries()):
    if wanted in (None, f"library.{library.name}"):
        globals()[f"library_{library.name}"] = define(library, position)
