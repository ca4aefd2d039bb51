"""Decisions on what is held: release, discard."""

from typing import Annotated, Any

import typer

from etl import decisions
from etl.cli.app import app, say

WHAT = typer.Argument(metavar="DATASET|LIBRARY", help="部门/数据集，或库（population、legal_entity…）")
WHICH = typer.Argument(metavar="[DELIVERY]", help="交付编号或日期 YYYYMMDD；库的发布记录编号。只有一件挂起时可不写")
BY, WHY = typer.Option(help="谁决定"), typer.Option(help="为何；与姓名一起记入 ops.decision")


def _decide(what: str, which: str, by: str, why: str, *, release: bool) -> None:
    outcome: dict[str, Any] = decisions.decide(what, which, release=release, by=by, why=why, say=say)
    words = {"loaded": "已放行装载", "published": "已放行发布", "discarded": "已弃用"}
    print(f"{what} {outcome.get('delivery_id', '')}".rstrip() + f"：{words[outcome['state']]}")


@app.command(rich_help_panel="装载")
def release(
    what: Annotated[str, WHAT],
    which: Annotated[str, WHICH] = "",
    *,
    by: Annotated[str, BY],
    why: Annotated[str, WHY],
) -> None:
    """放行挂起的交付（照样装载，坏行仍隔离），或挂起的库（照样发布，只此一次）。

    挂起的有哪些：jichu status。Airflow 页面“待决事项”里也可以决定，两处只认先到的。随后的交付由下一次运行接着装载。

    例：jichu release health/health_records 20180308 --by 王科 --why "部门来函说明撤并"；jichu release population --by 王科 --why 已核实
    """
    _decide(what, which, by, why, release=True)


@app.command(rich_help_panel="装载")
def discard(
    what: Annotated[str, WHAT],
    which: Annotated[str, WHICH] = "",
    *,
    by: Annotated[str, BY],
    why: Annotated[str, WHY],
) -> None:
    """弃用挂起的交付（当作没有来过），或挂起的库（仍用上一次发布的内容，直到输入变化）。"""
    _decide(what, which, by, why, release=False)
