"""The departments' quality mails and the site: after all libraries were published, and every Monday morning. The leaders' page: monthly."""

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param, get_current_context, task

from etl import pipeline

TIMEZONE = "Asia/Shanghai"
# Airflow takes False for "if the last time was a moment ago"; unpausing a DAG shall not start last night's run.
NOT_AT_ONCE = timedelta(seconds=1)
LIBRARIES = [Asset(name=library.name, uri=f"jichu://library/{library.name}") for library in pipeline.libraries()]
ABOUT = """# 数据质量报告

每个部门一封：收到什么、每行的去向、各维度得分与上次之差、最差的规则、需要修改的行（标识已脱敏）。
“交付期限”任务的日志列出迟、短、空、重复的交付。经 Airflow 连接 `smtp_default` 发出；同样的内容存于 `JICHU_HOME/reports`。
"""

with DAG(
    dag_id="quality_reports",
    dag_display_name="数据质量报告",
    description="给每个部门的数据质量邮件",
    doc_md=ABOUT,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 8 * * 1", timezone=TIMEZONE, run_immediately=NOT_AT_ONCE), assets=LIBRARIES
    ),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=4),
    default_args={"owner": "市大数据管理局", "retries": 2, "retry_delay": timedelta(minutes=2), "execution_timeout": timedelta(hours=1)},
    params={
        "as_of": Param(
            None, type=["null", "string"], format="date", title="业务日期", description="空为触发它的库的业务日期，没有则为今天"
        ),
        "owner": Param(None, type=["null", "string"], title="部门", description="空为所有部门"),
    },
    tags=["质量"],
) as dag:

    def business_date() -> str | None:
        """The run's parameter, else the newest date that an event brought."""
        context = get_current_context()
        events = [e for each in context["triggering_asset_events"].values() for e in each]
        told = [day for e in events if (day := (e.extra or {}).get("as_of"))]
        return context["params"]["as_of"] or max(told, default=None)

    @task(task_id="deadlines", task_display_name="交付期限")
    def deadlines() -> dict[str, list[str]]:
        """Names in the log, and as its value, what is late, short, empty or repeated. Nobody's DAG fails for a silent department."""
        found = pipeline.unpunctual(as_of=business_date())
        for dataset, said in found.items():
            logging.getLogger(__name__).warning("%s：%s", dataset, "；".join(said))
        return found

    @task(task_id="catalogue", task_display_name="目录与主题")
    def catalogue() -> dict[str, Any]:
        """Brings the theme views and the catalogue up to what the libraries have published."""
        return pipeline.catalogue(as_of=get_current_context()["params"]["as_of"])

    @task(task_id="report", task_display_name="生成并发送")
    def report() -> dict[str, Any]:
        """Builds and sends the mails; returns how many."""
        return pipeline.report(owner=get_current_context()["params"]["owner"], send=True, as_of=business_date())

    @task(task_id="site", task_display_name="质量网站与数据字典")
    def site() -> dict[str, Any]:
        """Writes the static pages to JICHU_HOME/site."""
        return pipeline.site(as_of=business_date())

    deadlines()
    catalogue() >> [report(), site()]

with DAG(
    dag_id="leaders_report",
    dag_display_name="领导一页月报",
    description="部门得分排名、接入与交换进度、问题办理，每月一页",
    doc_md="# 领导一页月报\n\n每月 1 日 8 时发给 `schemas/routing.yml` 里的收件人；同样的内容存于 `JICHU_HOME/reports`。",
    schedule=CronTriggerTimetable("0 8 1 * *", timezone=TIMEZONE, run_immediately=NOT_AT_ONCE),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args={"owner": "市大数据管理局", "retries": 2, "retry_delay": timedelta(minutes=2), "execution_timeout": timedelta(minutes=30)},
    params={"as_of": Param(None, type=["null", "string"], format="date", title="业务日期", description="空为今天")},
    tags=["质量"],
) as leaders_dag:

    @task(task_id="leaders", task_display_name="生成并发送")
    def leaders() -> dict[str, Any]:
        """Builds and sends the page."""
        return pipeline.report(leaders=True, send=True, as_of=get_current_context()["params"]["as_of"])

    leaders()
