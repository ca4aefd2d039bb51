"""Maps: the QGIS project, and a picture of it."""

from pathlib import Path
from typing import Annotated

import typer

from etl import settings
from etl.cli.app import a_folder, app, out
from etl.errors import DatabaseError


@app.command(rich_help_panel="报告与目录")
def maps(
    to: Annotated[Path, typer.Option("--out", callback=a_folder, help="写到哪个文件夹")],
    service: Annotated[str, typer.Option(help="pg_service.conf 里的服务名：主机、库、账号写在那里，工程里没有口令")] = "jichu",
    picture: Annotated[bool, typer.Option("--picture", help="另画一张 PNG（读数据库）")] = False,
) -> None:
    """写出 QGIS 工程（图层与样式都已配好）；--picture 把同样的图层画成一张图。怎样连接见 docs/qgis.md。"""
    from etl import maps as drawn

    try:
        path = drawn.write(to, service, drawn.extent(settings.load()))
    except DatabaseError:  # whoever makes a map for another server need not reach it from here
        path = drawn.write(to, service)
        out.print("连不上数据库，不知道城市在哪里：工程打开时看到全国，用“缩放到图层”即可", soft_wrap=True)
    out.print(f"QGIS 工程：{path}", soft_wrap=True)
    if picture:
        out.print(f"图：{drawn.draw(settings.load(), to / '基础库.png')}", soft_wrap=True)
