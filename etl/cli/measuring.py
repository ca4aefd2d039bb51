"""How quick it is: bench."""

import json
from pathlib import Path
from typing import Annotated

import typer

from etl import settings
from etl.cli.app import app, out, say
from etl.errors import UsageError
from etl.settings import ROOT

PARTS = "cold floor bulk linkage checks week"


@app.command(rich_help_panel="试与评判")
def bench(
    persons: Annotated[list[int] | None, typer.Option(metavar="N …", help="演示城市的人数，一个或多个（默认 20000）")] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="PART …", help=f"只测这些项，一个或多个：{PARTS}")] = None,
    others: Annotated[
        list[str] | None, typer.Argument(metavar=" ", hidden=True)
    ] = None,  # what follows the first of --persons A B, --only A B
    change: Annotated[float, typer.Option(help="第二周里遇到变动的人的比例")] = 0.01,
    keep: Annotated[bool, typer.Option("--keep", help="测完留下城市和库，以便再用 --only 单测某项")] = False,
    write: Annotated[bool, typer.Option("--write", help="把至今测得的全部数字写进 docs/performance.md")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出测得的全部数字（JSON），不画表")] = False,
    folder: Annotated[Path | None, typer.Option(help="在哪里测（默认 JICHU_HOME/bench；一百万人约需 60 GB）")] = None,
) -> None:
    """测速。每个数字都是同一次运行里两方之比：(a) 全新装载与其下限，(b) 一周的变动与全新装载，(c) 写库与裸写，(d) 人员关联与 Splink 通用流程，(e) 检查与逐条运行的 Great Expectations，(f) 内存。

    自带一个私有的 PostGIS 集群和一座演示城市，不碰你的库。中断以后再运行同一命令即接着测；测过的项要重测，用 --only。
    例：jichu bench --persons 20000 200000 1000000 --write
    """
    sizes, parts = _told_apart(persons or [], only or [], others or [])
    from etl import bench as benches
    from etl.bench import page

    home = (folder or settings.load().home / "bench").resolve()
    measured = {}
    for n in sizes or [20_000]:
        measured[n] = benches.measure_city(home, n, parts, keep=keep, change=change, say=(lambda text: None) if as_json else say)
        if not as_json:
            out.print(page.table(n, measured[n]))
        if write:
            page.write(ROOT / "docs" / "performance.md", benches.all_kept(home))
    if as_json:
        print(json.dumps(measured, ensure_ascii=False, indent=1))


def _told_apart(persons: list[int], only: list[str], others: list[str]) -> tuple[list[int], list[str]]:
    """Numbers are cities, words are parts: what follows the first of `--persons A B` and `--only A B`."""
    numbers = [int(x) for x in others if x.isdigit()]
    words = [x for x in others if not x.isdigit()]
    if numbers and not persons:
        raise UsageError(f"多出来的参数：{'、'.join(map(str, numbers))}；人数请写在 --persons 之后")
    if words and not only:
        raise UsageError(f"多出来的参数：{'、'.join(words)}；要测的项请写在 --only 之后")
    return [*persons, *numbers], [*only, *words]
