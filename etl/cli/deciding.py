"""Decisions on held deliveries: release, discard."""

from typing import Annotated, Any

import typer

from etl import pipeline
from etl.cli.app import DATASET, app, say


def _decide(dataset: str, delivery: str, by: str, why: str, release: bool) -> None:
    outcome: dict[str, Any] = pipeline.decide(dataset, delivery, release=release, by=by, why=why, say=say)
    print(f"{dataset} {outcome['delivery_id']}：{'已放行装载' if release else '已弃用'}")


@app.command(rich_help_panel="装载")
def release(
    dataset: Annotated[str, DATASET],
    delivery: Annotated[str, typer.Argument(help="交付编号或日期 YYYYMMDD")],
    by: Annotated[str, typer.Option(help="谁决定")],
    why: Annotated[str, typer.Option(help="为何")],
) -> None:
    """放行一次挂起的交付。"""
    _decide(dataset, delivery, by, why, True)


@app.command(rich_help_panel="装载")
def discard(
    dataset: Annotated[str, DATASET],
    delivery: Annotated[str, typer.Argument(help="交付编号或日期 YYYYMMDD")],
    by: Annotated[str, typer.Option(help="谁决定")],
    why: Annotated[str, typer.Option(help="为何")],
) -> None:
    """弃用一次挂起的交付。"""
    _decide(dataset, delivery, by, why, False)
