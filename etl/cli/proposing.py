"""A new source from one delivered file: new-source."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from etl.cli.app import a_folder, app, out
from etl.errors import UsageError
from etl.settings import ROOT

if TYPE_CHECKING:
    from etl.propose import Proposal


@app.command("new-source", rich_help_panel="新来源与规则")
def new_source(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="新数据集的名字：部门/数据集，如 civil_affairs/elderly_cards")],
    file: Annotated[Path, typer.Argument(help="部门交来的一个文件：csv txt xlsx xls json xml dbf zip(Shapefile) geojson gpkg kml")],
    title: Annotated[str | None, typer.Option(help="数据集的中文名；不写则取标题行")] = None,
    write: Annotated[bool, typer.Option("--write", help="写进 schemas、expectations、tests/fixtures；已有的文件不覆盖")] = False,
    out_dir: Annotated[Path | None, typer.Option("--out", callback=a_folder, help="写到这个文件夹（同样的目录结构），不动本项目")] = None,
) -> None:
    """看一个交付文件，提议它的说明（编码、表头、主键、列规则）、检查与样例，试读一遍，并说出哪些没有把握。

    不带 --write 或 --out 只显示，不写任何文件。样例里的值全是虚构的。提议之后照注释里的“？”逐条核对，再 jichu check。
    """
    if write and out_dir:
        raise UsageError("--write 与 --out 只能用一个")
    from etl.propose import propose
    from etl.propose import write as write_files

    done = propose(dataset, file, title)
    under = ROOT if write else out_dir
    if under is None:
        for name, content in done.files.items():
            out.rule(name, align="left")
            try:
                out.print(escape(content.decode("utf-8")), highlight=False, soft_wrap=True)
            except UnicodeDecodeError:
                out.print(f"（{len(content)} 字节，不是 UTF-8 文本）")
    else:
        written = write_files(done.files, under)
    _summary(dataset, done)
    if under is None:
        out.print(f"以上没有写入。写进项目：jichu new-source {dataset} {escape(str(file))} --write", soft_wrap=True)
        return
    for path in written:
        out.print(f"已写 {path}", soft_wrap=True)
    if write:
        _check(dataset)


def _summary(dataset: str, done: "Proposal") -> None:
    """Facts, columns, the trial's account, doubts; the last are what a person has to read."""
    out.rule(f"提议：{dataset}（{done.source.title}）", align="left")
    for fact in done.facts:
        out.print(f"· {escape(fact)}", soft_wrap=True)
    table = Table(title=f"主键：{'、'.join(k.lstrip('@') for k in done.source.key)}", title_justify="left")
    for name in ("列", "清洗后", "规则", "读得出", "有值"):
        table.add_column(name, overflow="fold")
    for t in done.told:
        share = "" if t.choice.share is None else f"{t.choice.share:.0%}"
        table.add_row(
            escape(t.delivered), t.as_, f"{t.rule}{f' {t.choice.codes}' if t.choice.codes else ''}", share, f"{t.seen.filled:.0%}"
        )
    out.print(table)
    tried = done.trial
    refused = "、".join(f"{code} {n}" for code, n in tried.refused.items())
    account = f"试读：{tried.rows_in} 行，可装载 {tried.accepted}，重复 {tried.repeated}，隔离 {tried.rows_refused}"
    out.print(f"{account}（{refused}）" if refused else account, soft_wrap=True)
    if tried.findings:
        most = "、".join(f"{column} {problem} {n}" for (column, problem), n in list(tried.findings.items())[:8])
        out.print(f"发现：{escape(most)}", soft_wrap=True)
    out.print(f"[bold]没有把握的 {len(done.doubts)} 处：[/bold]")
    for number, doubt in enumerate(done.doubts, 1):
        out.print(f"{number:3}. {escape(doubt)}", soft_wrap=True, highlight=False)


def _check(dataset: str) -> None:
    """What `jichu check` says now that the files are there."""
    from etl import inspect, spec
    from etl.spec.suite import load_suite

    spec.load.cache_clear()
    load_suite.cache_clear()
    found = inspect.problems()
    for problem in found:
        out.print(escape(problem), soft_wrap=True)
    if found:
        raise typer.Exit(2)
    out.print(
        f"jichu check：没有问题。接着：核对“？”，再运行 jichu preview {dataset} 交付文件；pytest tests/house/test_sources.py",
        soft_wrap=True,
    )
