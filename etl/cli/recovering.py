"""Recovery and the state of a deployment: backup, restore, prune, doctor."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from etl import settings as settings_module
from etl import spec
from etl.cli.app import a_folder, app, out, say

JOBS = typer.Option(min=0, max=64, help="几个进程同时做；0 为按机器的核数（最多 4）")


@app.command(rich_help_panel="运维")
def backup(
    to: Annotated[Path, typer.Option("--to", callback=a_folder, help="放在哪个文件夹；每次备份在其下自成一个文件夹")],
    jobs: Annotated[int, JOBS] = 0,
) -> None:
    """备份数据库与落地副本等不能重算的状态，运行中也可以做；写完整才出现，附每个文件的 SHA-256 与 SM3、每张表的校验和。

    备份含个人信息，只有本用户可读：请像数据库一样保管，并存一份到别处。口令、私钥不在备份里，由运维单位另行保管。
    """
    from etl import recovery

    made = recovery.backup(settings_module.load(), to, say, jobs)
    out.print(f"备份：{escape(str(made.folder))}", soft_wrap=True, highlight=False)
    out.print(
        f"{made.tables} 张表 {made.rows:,} 行，{made.files} 个文件 {made.size / 1e6:,.1f} MB，用时 {made.seconds:.1f} 秒", highlight=False
    )


@app.command(rich_help_panel="运维")
def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="一次备份的文件夹（里面有 manifest.json）")],
    force: Annotated[bool, typer.Option("--force", help="覆盖：数据库与 JICHU_HOME 里原有的内容全部丢失")] = False,
    jobs: Annotated[int, JOBS] = 0,
) -> None:
    """把一次备份恢复到空的数据库与空的 JICHU_HOME，再逐表核对行数与校验和。备份有一个字节不对就不动手。"""
    from etl import recovery

    done = recovery.restore(settings_module.load(), folder, say, force=force, jobs=jobs)
    out.print(f"已恢复到 {done.made_at} 的状态：{done.tables} 张表 {done.rows:,} 行、{done.files} 个文件，逐表核对一致", highlight=False)
    out.print("接着：管理员再运行一次 sql/roles.sql；jichu doctor 检查；jichu run 接着装载", highlight=False)


@app.command(rich_help_panel="运维")
def prune(
    keep_days: Annotated[
        int | None, typer.Option("--keep-days", min=1, help="保存多少天（默认 JICHU_KEEP_DAYS；数据集自己写了的按它的）")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看会删哪些，不删")] = False,
) -> None:
    """删除过了保存期限、没有人还要用的落地副本，并记入 ops.pruned。挂起的、有隔离行未解决的、各数据集最近装载的一次，不论多旧都不删。"""
    from etl import recovery

    gone = recovery.prune(settings_module.load(), spec.load(), dry_run=dry_run, keep_days=keep_days)
    if gone:
        table = Table(title="会删除的落地副本" if dry_run else "已删除的落地副本", title_justify="left")
        for name in ("数据集", "交付", "日期"):
            table.add_column(name)
        for name in ("文件", "MB", "期限（天）"):
            table.add_column(name, justify="right")
        for x in gone:
            table.add_row(x.dataset, x.delivery_id, str(x.delivered_on), str(x.files), f"{x.size / 1e6:.1f}", str(x.keep_days))
        out.print(table)
    size = sum(x.size for x in gone) / 1e6
    out.print(
        f"{'会删除' if dry_run else '已删除'} {len(gone)} 次交付的落地副本，{size:,.1f} MB" if gone else "没有过期而不再需要的落地副本",
        highlight=False,
    )


@app.command(rich_help_panel="运维")
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="每项一个 JSON 对象，供监控读取")] = False,
) -> None:
    """检查这套部署：数据库、权限、加密、口令、设置、各来源连接、磁盘、时钟、邮件、Airflow、锁、遗留物、备份、各库新旧。

    ✓ 没问题，! 应当看看，✗ 必须处理，每项都说怎么办。退出码：0 没有 ✗，1 有 ✗。什么都不改。
    """
    from etl import doctor as doctors

    found = doctors.examine(settings_module.load())
    for line in found:
        if as_json:
            print(json.dumps(line.as_dict(), ensure_ascii=False))
        else:
            colour = {"ok": "green", "warning": "yellow", "bad": "red"}[line.level]
            out.print(f"[{colour}]{line.mark}[/] {escape(line.what)}：{escape(line.said)}", soft_wrap=True, highlight=False)
            if line.todo:
                out.print(f"    → {escape(line.todo)}", soft_wrap=True, highlight=False)
    if not as_json:
        counted = {level: sum(x.level == level for x in found) for level in ("ok", "warning", "bad")}
        out.print(f"共 {len(found)} 项：✓ {counted['ok']}，! {counted['warning']}，✗ {counted['bad']}", highlight=False)
    raise typer.Exit(1 if any(x.level == "bad" for x in found) else 0)
