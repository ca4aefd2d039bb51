"""Loading: run, replay."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from etl import decisions, pipeline, spec
from etl.cli.app import DATASET, app, out, say
from etl.errors import UsageError

# what the machine lacks, by the name of the error: docs/runbook.md
HINTS = {
    "IOException": "（盘满或文件读写失败：jichu doctor 看磁盘）",
    "OSError": "（盘满或文件读写失败：jichu doctor 看磁盘）",
    "OutOfMemoryException": "（内存不够：调大 JICHU_MEMORY，或少同时跑几个）",
    "OperationalError": "（数据库断开：jichu doctor 看数据库，再运行一次）",
}


@app.command(rich_help_panel="装载")
def run(
    drop: Annotated[Path | None, typer.Option(help="投递文件夹（默认 JICHU_DROP）")] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="DATASET …", help="只处理这些数据集及其下游，一个或多个")] = None,
    others: Annotated[list[str] | None, typer.Argument(metavar=" ", hidden=True)] = None,  # what follows the first of --only A B
    as_of: Annotated[str | None, typer.Option(help="业务日期 YYYY-MM-DD（默认 JICHU_TODAY，再默认今天）")] = None,
) -> None:
    """在本进程中按依赖次序运行整条管线（与 Airflow 的 DAG 调用相同的函数）。退出码：0 全部装载，3 有拒收、挂起或连不上的，1 失败，4 另一次运行占着锁。"""
    if others and not only:
        raise UsageError(f"多出来的参数：{'、'.join(others)}；只处理某些数据集请写 --only {' '.join(others)}")
    if drop and not re.match(r"\w+:/", str(drop)) and not drop.is_dir():
        raise UsageError(f"没有投递文件夹 {drop}")
    summary = pipeline.run(drop, [*(only or ()), *(others or ())], as_of, say)
    _accounts(summary)
    raise typer.Exit(summary.exit_code)


def _accounts(summary: pipeline.Summary) -> None:
    """The row accounts of a run, as a table."""
    table = Table(title="行数账", title_justify="left")
    table.add_column("数据集", overflow="fold")
    table.add_column("交付", no_wrap=True)
    table.add_column("状态", no_wrap=True)
    keys = {
        "收到": "rows_in",
        "新增": "rows_new",
        "变更": "rows_changed",
        "未变": "rows_unchanged",
        "重复": "rows_duplicate",
        "隔离": "rows_quarantined",
        "消失": "rows_removed",
    }
    for name in keys:
        table.add_column(name, justify="right")
    for dataset, deliveries in summary.deliveries.items():
        for d in deliveries:
            state = {"loaded": "已装载", "held": "[yellow]挂起[/]", "rejected": "[red]拒收[/]"}[d["state"]]
            table.add_row(dataset, d["delivered_on"], state, *(str(d.get(k, "")) for k in keys.values()))
    if table.row_count:
        out.print(table)
    states = {"published": "已发布", "unchanged": "无变化", "held": "挂起"}
    out.print(
        "各库：" + "，".join(f"{spec.load().libraries[n].title} {states[x['state']]}" for n, x in summary.libraries.items()), soft_wrap=True
    )
    if summary.skipped:
        out.print(f"没有投递文件夹或连接而跳过：{'、'.join(summary.skipped)}", highlight=False, soft_wrap=True)
    if summary.waiting:
        out.print(f"[yellow]以前的仍待处理[/]：{'、'.join(summary.waiting)}；详见 jichu status", highlight=False)
    for name, error in summary.failures.items():
        out.print(f"[red]失败[/] {name}：{error}{HINTS.get(error, '')}", highlight=False)
    out.print(f"用时 {summary.seconds:.1f} 秒", highlight=False)


@app.command(rich_help_panel="装载")
def replay(dataset: Annotated[str, DATASET]) -> None:
    """规则或代码表改好以后，把还在隔离的行再试一遍。"""
    done = decisions.replay(dataset, say=say)
    print(
        f"{dataset}：试了 {done['rows_in']} 行"
        + (
            f"，装载 {done['rows_new'] + done['rows_changed']} 行，仍隔离 {done['rows_quarantined']} 行"
            if done["rows_in"]
            else "，没有在隔离的行"
        )
    )
    if gone := done["pruned"]:
        print(f"{len(gone)} 次交付的落地副本已按保存期限删除（最近的是 {gone[-1]}）：它们的行只能用隔离时留下的原样记录重试")
