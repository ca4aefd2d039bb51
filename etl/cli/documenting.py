"""What explains itself: docs."""

from pathlib import Path
from typing import Annotated

import typer

from etl import pipeline
from etl.cli.app import app


@app.command(rich_help_panel="报告与目录")
def docs(
    out_dir: Annotated[Path | None, typer.Option("--out", help="放站点的文件夹：空的，或上次生成的；不写则为 JICHU_HOME/site")] = None,
    as_of: Annotated[str | None, typer.Option(help="业务日期")] = None,
) -> None:
    """质量站点与数据字典：用浏览器打开 index.html 即可看，不需要网络和服务器，不含任何个人信息。

    质量：全市一览、各部门、各数据集、每条检查、历次走势、血缘。字典：每张表、每一列、代码表、函数、指标，可搜索。
    """
    done = pipeline.site(str(out_dir) if out_dir else None, as_of)
    print(f"{done['pages']} 页，{done['bytes'] / 1e6:.1f} MB，用时 {done['seconds']:.1f} 秒\n打开 {done['index']}")
