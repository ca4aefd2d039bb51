"""Trains the parameters of the person linkage, when somebody asks for it: no schedule, paused, and its file changes nothing by itself."""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task

from etl import training

ABOUT = """# 人口关联参数训练

由现有人口库重新估计打分参数（m、u），写成 `JICHU_HOME/linkage/person-<版本>.json`，记有数据指纹、代码版本、日期、对数。

日常运行不读这个文件。要用它：工程师比较权重的变动，在虚构城市上用 `jichu evaluate` 验过，再放到 `schemas/linkage/person.json`
（见 `docs/linkage.md`）；下次运行起按新参数计算。没有定时，也不由任何事件触发。
"""

with DAG(
    dag_id="linkage_training",
    dag_display_name="人口关联参数训练",
    description="由现有人口库估计打分参数，写成待审的文件",
    doc_md=ABOUT,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    dagrun_timeout=timedelta(hours=4),
    default_args={"owner": "市大数据管理局", "retries": 1, "retry_delay": timedelta(minutes=1), "execution_timeout": timedelta(hours=3)},
    params={
        "persons": Param(4000, type="integer", minimum=500, maximum=20000, title="抽多少人", description="不同人的对数为其平方的一半"),
        "seed": Param(1, type="integer", title="随机种子"),
    },
    tags=["关联"],
) as dag:

    @task(task_id="train", task_display_name="估计参数")
    def train() -> dict[str, Any]:
        """Writes the file; returns where it is, from how much it was learnt, and which weights moved."""
        params = get_current_context()["params"]
        return training.train(persons=params["persons"], seed=params["seed"])

    train()
