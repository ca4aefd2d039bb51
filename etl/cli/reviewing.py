"""Human judgement: review, explain."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from etl import access
from etl import settings as settings_module
from etl.cli.app import app, out
from etl.errors import UsageError

review_app = typer.Typer(help="待裁决的两两对照：可能是同一人（单位）而没有把握的。", invoke_without_command=True, add_completion=False)
app.add_typer(review_app, name="review", rich_help_panel="人与单位")
KIND = typer.Option("--kind", help="person 人，entity 单位")
PAIR = typer.Argument(metavar="PAIR", help="短编号；或两条记录“数据集|来源主键|角色 ~ 数据集|来源主键|角色”")
BY, WHY = typer.Option(help="谁裁决"), typer.Option(help="为何")


class Kind(StrEnum):
    """What identities there are."""

    person = "person"
    entity = "entity"


@review_app.callback()
def review_default(context: typer.Context) -> None:
    """不写子命令时列出待裁决的。"""
    if context.invoked_subcommand is None:
        review_list()


@review_app.command("list")
def review_list(
    kind: Annotated[Kind | None, KIND] = None,
    limit: Annotated[int, typer.Option(min=1, help="最多几对")] = 20,
    judged: Annotated[bool, typer.Option("--judged", help="列已裁决的")] = False,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="不遮盖个人信息")] = False,
) -> None:
    """两条记录并排：各说什么，哪项相符、哪项不符、各占多少权重（比特）。"""
    from etl import review

    settings = settings_module.load()
    listed = review.pairs(settings, kind, limit, judged=judged)
    access.shown(settings, [str(r) for p in listed for r in (p.left, p.right)], "jichu review list", unmasked=unmasked)
    for pair, side in zip(listed, review.side_by_side(settings, listed, unmasked=unmasked), strict=True):
        chance = f"概率 {pair.probability:.3f}，" if pair.probability is not None else ""
        table = Table(title=f"{pair.pair}  {chance}{review.REASONS[pair.reason]}，{review.STATES[pair.state]}", title_justify="left")
        for name in ("", side.left, side.right, "比较与权重"):
            table.add_column(escape(name), overflow="fold")
        for row in side.rows:
            table.add_row(*map(escape, row))
        out.print(table)
    print(f"{len(listed)} 对" if listed else "没有已裁决的" if judged else "没有待裁决的")


@review_app.command("accept")
def review_accept(
    pair: Annotated[str, PAIR],
    by: Annotated[str, BY],
    why: Annotated[str, WHY],
    until: Annotated[str | None, typer.Option(help="有效至此业务日期 YYYY-MM-DD（含）")] = None,
    kind: Annotated[Kind | None, KIND] = None,
) -> None:
    """判为同一人（单位）；胜过任何分数。"""
    from etl import review

    print(review.judge(settings_module.load(), pair, "same", by, why, until=until, kind=kind))


@review_app.command("reject")
def review_reject(
    pair: Annotated[str, PAIR],
    by: Annotated[str, BY],
    why: Annotated[str, WHY],
    until: Annotated[str | None, typer.Option(help="有效至此业务日期 YYYY-MM-DD（含）")] = None,
    kind: Annotated[Kind | None, KIND] = None,
) -> None:
    """判为不是同一人（单位）；胜过任何分数，也胜过相同的号码。"""
    from etl import review

    print(review.judge(settings_module.load(), pair, "different", by, why, until=until, kind=kind))


@review_app.command("undecided")
def review_undecided(
    pair: Annotated[str, PAIR],
    by: Annotated[str, BY],
    why: Annotated[str, WHY],
    kind: Annotated[Kind | None, KIND] = None,
) -> None:
    """看过而未能决定：不影响关联，不再列为待裁决。"""
    from etl import review

    print(review.judge(settings_module.load(), pair, "undecided", by, why, kind=kind))


@review_app.command("withdraw")
def review_withdraw(
    pair: Annotated[str, PAIR],
    by: Annotated[str | None, typer.Option(help="谁撤回")] = None,
    why: Annotated[str | None, typer.Option(help="为何撤回")] = None,
    kind: Annotated[Kind | None, KIND] = None,
) -> None:
    """撤回裁决，重新按证据决定；裁决留作记录。"""
    from etl import review

    print(review.withdraw(settings_module.load(), pair, by, why, kind=kind))


class Asked(StrEnum):
    """What may be explained: `pair` is two records or identities, of whatever kind they are."""

    person = "person"
    entity = "entity"
    pair = "pair"


@app.command(rich_help_panel="人与单位")
def explain(
    kind: Annotated[Asked, typer.Argument(metavar="person|entity|pair", help="人、单位，或任意两条（是人是单位由它们自己说明）")],
    ident: Annotated[str, typer.Argument(metavar="ID", help="人口标识或单位标识（旧标识也可）；或一条记录“数据集|来源主键|角色”")],
    other: Annotated[str | None, typer.Argument(metavar="[ID]", help="另一个标识或记录：问两者为何是、为何不是同一个")] = None,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="不遮盖个人信息")] = False,
    html: Annotated[Path | None, typer.Option(help="另写成一个 HTML 文件")] = None,
) -> None:
    """为何如此：由哪些记录组成、凭什么规则和多大概率，各字段取自何处，谁的说法不同；写两个则比较两者。

    两个时列出两边各说什么、各项比较的权重（比特，瀑布图）、离阈值多远，裁决、号码、情理、次优各怎么说。
    """
    from etl import explain as why
    from etl.explain import page, pair, pair_page

    settings = settings_module.load()
    if other is not None:
        compared = pair.compare(settings, None if kind is Asked.pair else kind, ident, other)
        access.shown(settings, [str(compared.left), str(compared.right)], "jichu explain pair", unmasked=unmasked)
        pair_page.terminal(compared, out, unmasked=unmasked)
        text = pair_page.page(compared, unmasked=unmasked)
    elif kind is Asked.pair:
        raise UsageError("pair 要写两个标识或记录：jichu explain pair A B")
    else:
        told = why.explain(settings, kind, ident)
        access.shown(settings, [told.ident], f"jichu explain {kind}", unmasked=unmasked)
        page.terminal(told, out, unmasked=unmasked)
        text = page.page(told, unmasked=unmasked)
    if html:
        html.write_text(text, encoding="utf-8")
        print(f"已写 {html}")


@review_app.command("sample")
def review_sample(
    size: Annotated[int, typer.Option(min=10, max=20000, help="抽多少对；各层至少五对")] = 200,
    kind: Annotated[Kind, KIND] = Kind.person,
    seed: Annotated[int, typer.Option(help="随机种子；同一种子在同一库中抽得同样的对")] = 1,
) -> None:
    """分层随机抽出已关联的与差一点的，列入待裁决的；裁决后由下次运行估计准确率与召回率（match.quality_run）。"""
    from etl.review import sample as sampling

    print(sampling.draw(settings_module.load(), kind, size, seed))
