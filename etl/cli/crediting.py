"""Credit repair: record, withdraw, list."""

from datetime import date, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from etl import repair
from etl import settings as settings_module
from etl.cli.app import DATASET, app, out

repair_app = typer.Typer(
    help="信用修复：登记后该处罚或名单自修复之日起不再对外公示，记录本身留存。", no_args_is_help=True, add_completion=False
)
app.add_typer(repair_app, name="repair", rich_help_panel="信用")
KEY = typer.Argument(metavar="KEY", help="来源主键，各列以 | 相连，如 '泸工商处〔2018〕2号|某某公司'")
BY, WHY = typer.Option(help="谁登记"), typer.Option(help="依据（修复决定文号等）")


@repair_app.command("record")
def repair_record(
    dataset: Annotated[str, DATASET],
    key: Annotated[str, KEY],
    *,
    by: Annotated[str, BY],
    why: Annotated[str, WHY],
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="修复之日；不写为业务日期")] = None,
) -> None:
    """登记一条信用修复。最短公示期未满的、规定不予修复的不能登记。

    例：jichu repair record development_reform/penalties '泸工商处〔2018〕2号|某某公司' --by 李科 --why 泸信修〔2018〕9号
    """
    settings = settings_module.load()
    day: date = on.date() if on else settings.today
    repair.record(settings, repair.Repair(dataset, key, day, by, why))
    print(f"已登记：自 {day} 起不再出现在对外视图中；记录与登记都留存")


@repair_app.command("withdraw")
def repair_withdraw(
    dataset: Annotated[str, DATASET], key: Annotated[str, KEY], *, by: Annotated[str, BY], why: Annotated[str, WHY]
) -> None:
    """撤回误登的修复：公示期未满的恢复公示；原登记留存，注明谁、为何撤回。"""
    repair.withdraw(settings_module.load(), dataset, key, by, why)
    print("已撤回")


@repair_app.command("list")
def repair_list() -> None:
    """列出有效的修复登记（不显示主体）。"""
    table = Table("数据集", "文号", "修复之日", "登记人", "依据")
    for r in repair.standing(settings_module.load()):
        table.add_row(r.dataset, escape(r.source_key.split("|")[0]), str(r.repaired_on), escape(r.by), escape(r.why))
    out.print(table)
