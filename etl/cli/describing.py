"""What is told to others, and what they answer: report, answers, catalog."""

from pathlib import Path
from typing import Annotated

import typer

from etl import pipeline
from etl import settings as settings_module
from etl.cli.app import a_folder, app
from etl.errors import UsageError

NAMED = 30  # rows that are named one by one
POSTED = {"sent": "发出", "queued": "在发件箱等候", "quiet": "近日刚通报过而不发", "already": "今天已发过而不发"}


@app.command(rich_help_panel="报告与目录")
def report(
    owner: Annotated[str | None, typer.Option(help="只出这个部门的（部门代码，如 health）")] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", callback=a_folder, help="放报告的文件夹；不写则在 JICHU_HOME/reports/日期")
    ] = None,
    send: Annotated[bool, typer.Option(help="发送邮件（AIRFLOW_CONN_SMTP_DEFAULT）；发不出的留在发件箱，下次再发")] = False,
    as_of: Annotated[str | None, typer.Option(help="业务日期")] = None,
    leaders: Annotated[bool, typer.Option("--leaders", help="改出领导页：一页 A4，本月各部门得分、接入与交换、问题办理")] = False,
) -> None:
    """数据质量报告：每个部门一封邮件（.html、.eml）和一本待改行的工作簿（.xlsx）；部门填好的工作簿用 jichu answers 读回。"""
    if owner and leaders:
        raise UsageError("领导页不分部门：--leaders 与 --owner 只能用一个")
    if owner and owner not in pipeline.departments():
        from etl.spec.registry import nearest

        raise UsageError(f"没有部门 {owner}；{nearest(owner, pipeline.departments())}")
    done = pipeline.report(owner, str(out_dir) if out_dir else None, send, as_of, leaders)
    made = "领导页" if leaders else f"{done['reports']} 份报告"
    posted = [f"{what} {done[state]} 封" for state, what in POSTED.items() if send and (done[state] or state == "sent")]
    print("，".join([f"{made}在 {done['folder']}", *posted]))


@app.command(rich_help_panel="报告与目录")
def answers(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="部门寄回的工作簿（.xlsx），“您的答复”栏已填")],
    by: Annotated[str | None, typer.Option(help="谁答复；不写则记为该部门")] = None,
    as_of: Annotated[str | None, typer.Option(help="业务日期")] = None,
) -> None:
    """读回部门填好的工作簿：逐行按单号记下答复。“原值无误”的不再问（值变了才再问）；其余等下次交付改好销号。重复读同一本不会重复记。"""
    from etl import migrate, spec
    from etl.report.answers import read

    settings = settings_module.load(as_of=as_of)
    migrate.migrate(settings)
    done = read(settings, spec.load(), file, by)
    taken = sum(done.taken.values())
    each = "、".join(f"{answer} {n}" for answer, n in done.taken.most_common())
    print(
        f"{done.title}：记下 {taken} 件答复"
        + (f"（{each}）" if taken else "")
        + (f"，其中 {done.accepted} 件不再问" if done.accepted else "")
    )
    print(f"与已有答复相同 {done.unchanged} 件，早已改好销号 {done.mended} 件，未答复 {done.blank} 件，不能采用 {len(done.refused)} 行")
    for line in done.refused[:NAMED]:
        print(f"  {line}")
    if len(done.refused) > NAMED:
        print(f"  等 {len(done.refused)} 行")
    if done.refused:
        raise typer.Exit(3)


@app.command(rich_help_panel="报告与目录")
def catalog(out_dir: Annotated[Path | None, typer.Option("--out", callback=a_folder, help="把目录工作簿与 DCAT 写到这里")] = None) -> None:
    """更新信息资源目录与主题视图；--out 另导出目录工作簿和 DCAT（JSON-LD）。"""
    done = pipeline.catalogue(str(out_dir) if out_dir else None)
    print(f"目录 {done['resources']} 项资源、{done['items']} 个信息项" + "".join(f"\n{f}" for f in done.get("files", [])))
