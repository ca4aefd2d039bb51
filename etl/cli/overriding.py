"""Documented overrides: override."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from etl import settings as settings_module
from etl.cli.app import app, out

override_app = typer.Typer(
    help="更正：平台不改部门的值，只在合并时以有据可查的更正为准。", invoke_without_command=True, add_completion=False
)
app.add_typer(override_app, name="override", rich_help_panel="人与单位")
BY = typer.Option(help="谁")


@override_app.callback()
def override_default(context: typer.Context) -> None:
    """不写子命令时列出有效的。"""
    if context.invoked_subcommand is None:
        override_list()


@override_app.command("list")
def override_list(every: Annotated[bool, typer.Option("--all", help="也列已撤回、已到期的")] = False) -> None:
    """有效的更正：哪个人（单位）的哪个字段，谁更正、依据什么、至何时。值经遮盖。"""
    from etl import overrides

    found = overrides.listed(settings_module.load(), every=every)
    if not found:
        print("没有更正")
        return
    table = Table("编号", "库", "标识", "字段", "更正为", "谁", "依据", "至", "撤回")
    for o in found:
        row = (str(o.id), o.library, o.record_id, o.field, o.value, o.by, o.why, str(o.until or "长期"), o.withdrawn)
        table.add_row(*(escape(x) for x in row))
    out.print(table)


@override_app.command("add")
def override_add(
    library: Annotated[str, typer.Argument(metavar="LIBRARY", help="population 或 legal_entity")],
    record: Annotated[str, typer.Argument(metavar="ID", help="人口标识 P…、单位标识 E…，或“数据集|来源主键|角色”")],
    field: Annotated[str, typer.Argument(metavar="FIELD", help="库的字段，如 birth_date")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="更正为何值")],
    *,
    by: Annotated[str, BY],
    why: Annotated[str, typer.Option(help="依据，如“区公安分局户籍证明〔2018〕12号”")],
    until: Annotated[str | None, typer.Option(help="有效至此业务日期 YYYY-MM-DD（含）；不写为长期")] = None,
) -> None:
    """登记一条更正，下次运行起生效。

    部门的值不动：说法不同的部门会在通报里看到“现采信平台更正（谁：依据）”，改好后即一致。标识以后合并、拆分，更正跟着那条来源记录走。
    看采信了谁：jichu explain person ID；撤回：jichu override withdraw 编号。

    例：jichu override add population P0123456789ABCDEF birth_date 1980-02-01 --by 王科 --why "户籍证明〔2018〕12号" --until 2018-12-31
    """
    from etl import overrides

    number = overrides.add(settings_module.load(), library, record, field, value, by, why, until=until)
    print(f"已登记第 {number} 号更正，下次运行起生效")


@override_app.command("withdraw")
def override_withdraw(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="编号，见 jichu override list --all")],
    *,
    by: Annotated[str, BY],
    why: Annotated[str, typer.Option(help="为何撤回")],
) -> None:
    """撤回一条更正：下次运行起仍以各部门的说法为准；更正留作记录。"""
    from etl import overrides

    overrides.withdraw(settings_module.load(), number, by, why)
    print(f"已撤回第 {number} 号更正，下次运行起生效")
