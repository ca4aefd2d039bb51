"""What is told to others: report, catalog."""

from pathlib import Path
from typing import Annotated

import typer

from etl import pipeline
from etl.cli.app import app
from etl.errors import UsageError


@app.command(rich_help_panel="报告与目录")
def report(
    owner: Annotated[str | None, typer.Option(help="只出这个部门的（部门代码，如 health）")] = None,
    out_dir: Annotated[Path | None, typer.Option("--out", help="放报告的文件夹")] = None,
    send: Annotated[bool, typer.Option(help="发送邮件（AIRFLOW_CONN_SMTP_DEFAULT）")] = False,
    as_of: Annotated[str | None, typer.Option(help="业务日期")] = None,
) -> None:
    """数据质量报告：每个部门一封邮件（.html、.eml）和一本待改行的工作簿（.xlsx）。"""
    if owner and owner not in pipeline.departments():
        from etl.spec.registry import nearest

        raise UsageError(f"没有部门 {owner}；{nearest(owner, pipeline.departments())}")
    done = pipeline.report(owner, str(out_dir) if out_dir else None, send, as_of)
    print(f"{done['reports']} 份报告在 {done['folder']}" + (f"，发出 {done['sent']} 封" if send else ""))


@app.command(rich_help_panel="报告与目录")
def catalog(out_dir: Annotated[Path | None, typer.Option("--out", help="把目录工作簿与 DCAT 写到这里")] = None) -> None:
    """更新信息资源目录与主题视图；--out 另导出目录工作簿和 DCAT（JSON-LD）。"""
    done = pipeline.catalogue(str(out_dir) if out_dir else None)
    print(f"目录 {done['resources']} 项资源、{done['items']} 个信息项" + "".join(f"\n{f}" for f in done.get("files", [])))
