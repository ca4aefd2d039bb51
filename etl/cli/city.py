"""A city to try things on, and how well it was understood: demo, evaluate."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from etl import settings as settings_module
from etl.cli.app import a_folder, app, out, say
from etl.errors import UsageError


@app.command(rich_help_panel="试与评判")
def demo(
    persons: Annotated[int, typer.Option(help="人数")] = 20000,
    seed: Annotated[int, typer.Option(help="随机种子；同一种子得同样的城市")] = 1,
    out_dir: Annotated[Path, typer.Option("--out", callback=a_folder, help="写到哪里")] = Path("var/demo"),
    days: Annotated[int, typer.Option(help="几次交付（每周一次）")] = 1,
    harshness: Annotated[float, typer.Option(help="错误率的倍数")] = 1.0,
    change: Annotated[float, typer.Option(help="两次交付之间，遇到变动（迁居、换号、结婚、出生、死亡等）的人的比例")] = 0.01,
) -> None:
    """造一座虚构的城市：各部门的交付，外加真相（只供评判）。"""
    from etl.demo import generate

    generate(persons=persons, seed=seed, out=out_dir, days=days, harshness=harshness, progress=say, change=change)
    print(f"{persons} 人的城市在 {out_dir}")


@app.command(rich_help_panel="试与评判")
def evaluate(truth: Annotated[Path, typer.Argument(help="真相文件夹")]) -> None:
    """按已知真相评判已装载的库：账目、关联、取值。"""
    from etl.evaluate import evaluate as judge

    if not truth.is_dir():
        raise UsageError(f"没有文件夹 {truth}")
    table = Table(title="评判", title_justify="left")
    for name in ("方面", "指标", "数值"):
        table.add_column(name)
    for section, name, value in judge(truth, settings_module.load().database_url):
        table.add_row(section, name, f"{value:.5f}" if isinstance(value, float) else str(value))
    out.print(table)
