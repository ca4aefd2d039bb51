"""One DAG per dataset, generated from schemas/sources: what is waiting is landed, cleaned, accounted, checked and committed.

Named `<department>.<dataset>`; ends in the asset `<department>/<dataset>`, on which the libraries are scheduled.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, AssetAlias, MultipleCronTriggerTimetable, Param, get_current_context, get_parsing_context, task

from etl import pipeline

TIMEZONE = "Asia/Shanghai"
HELD = Asset(name="held", uri="jichu://held")  # dags/decisions.py asks about what is held
# Airflow takes False for "if the last time was a moment ago"; unpausing a DAG shall not start last night's run.
NOT_AT_ONCE = timedelta(seconds=1)
# A department is not punctual: while a delivery is due we look every night, otherwise on Mondays. A look costs a second.
LOOKS = {
    "daily": ["{minute} 2 * * *"],
    "weekly": ["{minute} 2 * * *"],
    "monthly": ["{minute} 2 1-15 * *", "{minute} 2 * * 1"],
    "quarterly": ["{minute} 2 1-20 1,4,7,10 *", "{minute} 2 * * 1"],
    "yearly": ["{minute} 2 * 1-3 *", "{minute} 2 * * 1"],
    "irregular": ["{minute} 2 * * *"],
}
CHANNELS = {"file": "文件", "database": "数据库", "api": "接口"}
KINDS = {"full": "全量", "increment": "增量"}
DUE = {"daily": "每日", "weekly": "每周", "monthly": "每月", "quarterly": "每季", "yearly": "每年", "irregular": "不定期"}
LATEST = {
    "daily": "上次交付的次日",
    "weekly": "下一周的星期日",
    "monthly": "下一月的最后一天",
    "quarterly": "下一季的最后一天",
    "yearly": "下一年的12月31日",
}


def explain(source: Any, owner: str) -> str:
    """What the page of the DAG says: where the dataset comes from and what its columns are."""
    terms = source.delivery
    columns = "\n".join(f"| {name} | {column.title or name} | `{column.as_}` | {column.rule} |" for name, column in source.columns.items())
    return (
        f"# {owner}：{source.title}\n\n"
        f"交付方式：{CHANNELS[terms.channel]}，{KINDS[terms.kind]}，{DUE[terms.due]}；主键：{'、'.join(source.key)}。{source.notes}\n\n"
        "取走所有待处理的交付，按日期从旧到新：落地 → 清洗 → 记账 → 检查 → 入库。没有新交付时什么也不做，可随时重跑。"
        f"下次最迟：{LATEST.get(terms.due, '不定')}；逾期、过短、空、重复的见视图 `ops.punctuality`、`jichu status` 与“数据质量报告”的“交付期限”。\n\n"
        "被拒收或挂起的交付见表 `ops.delivery` 与发给部门的质量报告；挂起的在“待决事项”（DAG `decisions`）里放行或弃用。\n\n"
        f"| 交付列 | 含义 | 清洗后 | 规则 |\n| --- | --- | --- | --- |\n{columns}\n"
    )


def define(source: Any, owner: str, minute: int) -> DAG:
    """The DAG of one dataset."""
    asset = Asset(name=source.name, uri=f"jichu://staging/{source.name}")
    terms = source.delivery
    with DAG(
        dag_id=source.name.replace("/", "."),
        dag_display_name=f"{owner}：{source.title}",
        description=f"{owner}《{source.title}》的交付入库",
        doc_md=explain(source, owner),
        schedule=MultipleCronTriggerTimetable(
            *(cron.format(minute=minute) for cron in LOOKS[terms.due]), timezone=TIMEZONE, run_immediately=NOT_AT_ONCE
        ),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=12),
        default_args={
            "owner": owner,
            "retries": 3,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": True,
            "execution_timeout": timedelta(hours=4),
        },
        params={
            "as_of": Param(
                None, type=["null", "string"], format="date", title="业务日期", description="空为今天；没有日期文件夹的交付记在这一天"
            )
        },
        tags=["部门数据", owner, CHANNELS[terms.channel], DUE[terms.due]],
    ) as dag:

        @task(task_id="ingest", task_display_name="入库", outlets=[asset, AssetAlias("held")])
        def ingest(dataset: str) -> dict[str, Any]:
            context = get_current_context()
            as_of = context["params"]["as_of"]
            result = pipeline.ingest(dataset, as_of=as_of)
            if any((d.get("reason") or "").startswith("unreachable") for d in result["deliveries"]):
                raise ConnectionError(f"{dataset}：部门暂时连不上，稍后重试")
            context["outlet_events"][asset].extra = {"as_of": as_of}
            if any(d["state"] == "held" for d in result["deliveries"]):
                context["outlet_events"][AssetAlias("held")].add(HELD, extra={"as_of": as_of})
                pipeline.report(owner=source.department, send=True, as_of=as_of)  # the owner hears of it at once
            return result

        ingest(source.name)
    return dag


titles = pipeline.departments()
wanted = get_parsing_context().dag_id  # a task needs its own DAG only
for position, source in enumerate(pipeline.sources()):
    if wanted in (None, source.name.replace("/", ".")):
        globals()[source.name.replace("/", "__")] = define(source, titles.get(source.department, source.department), position % 60)
