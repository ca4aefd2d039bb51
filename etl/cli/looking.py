"""Looking without loading: check, preview."""

import json
from pathlib import Path
from typing import Annotated

import typer

from etl import spec
from etl.cli.app import DATASET, app, out


@app.command(rich_help_panel="新来源与规则")
def check() -> None:
    """不连数据库，检查 schemas、expectations、sql 里的每一处写法；每个错误都说明文件、键和可用的写法。"""
    from etl.inspect import problems

    found = problems()
    for problem in found:
        print(problem)
    if found:
        raise typer.Exit(2)
    registry = spec.load()
    print(
        f"没有问题：{len(registry.sources)} 个数据集，{len(registry.libraries)} 个库，{len(registry.codes)} 张代码表，{len(registry.rules)} 条列规则"
    )


@app.command(rich_help_panel="新来源与规则")
def preview(
    dataset: Annotated[str, DATASET],
    file: Annotated[Path, typer.Argument(help="一个交付文件")],
    as_json: Annotated[bool, typer.Option("--json", help="每行一个 JSON 对象")] = False,
) -> None:
    """看一次交付会变成什么，不装载：清洗后的行、被隔离的行及原因、发现的问题。"""
    from etl.preview import preview as look

    shown = 0
    for item in look(dataset, file):
        if as_json:
            print(json.dumps(item, ensure_ascii=False, default=str))
        elif shown < 20:
            out.print_json(json.dumps(item, ensure_ascii=False, default=str))
        shown += 1
    if not as_json:
        out.print(f"共 {shown} 行{'，只显示前 20 行；--json 看全部' if shown > 20 else ''}")
