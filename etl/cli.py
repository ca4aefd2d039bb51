"""The command line: what an engineer types. Every error is one Chinese sentence; nothing shows a traceback."""

import json
import logging
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from etl import pipeline, spec
from etl import settings as settings_module
from etl.errors import JichuError, UsageError, where

app = typer.Typer(
    name="jichu",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="基础：从部门交付到人口、法人、地理、统计、信用、证照各库。",
)
out = Console()
DATASET = typer.Argument(metavar="DATASET", help="部门/数据集，如 public_security/household_register")


def main() -> None:
    """Runs the command line; known errors are said in one line with their exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("jichu").setLevel(os.environ.get("JICHU_LOG", "WARNING").upper())
    try:
        code = app(standalone_mode=False)  # click answers with the code of typer.Exit here, and does not raise it
        sys.exit(code if isinstance(code, int) else 0)
    except JichuError as e:
        print(f"jichu: {e}", file=sys.stderr)
        sys.exit(e.exit_code)
    except typer.Exit as e:
        sys.exit(e.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        print("jichu: 已中断；再运行一次即从断处继续", file=sys.stderr)
        sys.exit(130)
    except Exception as e:
        if hasattr(e, "format_message"):  # click's own usage errors
            print(f"jichu: {e.format_message()}；用 --help 看用法", file=sys.stderr)
            sys.exit(2)
        logging.getLogger("jichu").debug("%s", where(e))
        print(f"jichu: 内部错误 {type(e).__name__}（JICHU_LOG=debug 可看详情，其中不应有个人信息）", file=sys.stderr)
        sys.exit(1)


def _say(text: str) -> None:
    out.print(f"[dim]{settings_module.now():%H:%M:%S}[/dim] {escape(text)}", highlight=False, soft_wrap=True)


@app.command()
def run(
    drop: Annotated[Path | None, typer.Option(help="投递文件夹（默认 JICHU_DROP）")] = None,
    only: Annotated[list[str] | None, typer.Option(help="只处理这些数据集及其下游，可写多次")] = None,
    as_of: Annotated[str | None, typer.Option(help="业务日期 YYYY-MM-DD（默认 JICHU_TODAY，再默认今天）")] = None,
) -> None:
    """在本进程中按依赖次序运行整条管线（与 Airflow 的 DAG 调用相同的函数）。退出码：0 全部装载，3 有拒收、挂起或连不上的，1 失败，4 另一次运行占着锁。"""
    summary = pipeline.run(drop, only or (), as_of, _say)
    _accounts(summary)
    raise typer.Exit(summary.exit_code)


def _accounts(summary: pipeline.Summary) -> None:
    """The row accounts of a run, as a table."""
    table = Table(title="行数账", title_justify="left")
    for name in ("数据集", "交付", "状态"):
        table.add_column(name)
    keys = {
        "收到": "rows_in",
        "新增": "rows_new",
        "变更": "rows_changed",
        "未变": "rows_unchanged",
        "重复": "rows_duplicate",
        "隔离": "rows_quarantined",
        "消失": "rows_removed",
    }
    for name in keys:
        table.add_column(name, justify="right")
    for dataset, deliveries in summary.deliveries.items():
        for d in deliveries:
            state = {"loaded": "已装载", "held": "[yellow]挂起[/]", "rejected": "[red]拒收[/]"}[d["state"]]
            table.add_row(dataset, d["delivered_on"], state, *(str(d.get(k, "")) for k in keys.values()))
    if table.row_count:
        out.print(table)
    states = {"published": "已发布", "unchanged": "无变化", "held": "挂起"}
    out.print("各库：" + "，".join(f"{spec.load().libraries[n].title} {states[x['state']]}" for n, x in summary.libraries.items()))
    if summary.skipped:
        out.print(f"没有投递文件夹或连接而跳过：{'、'.join(summary.skipped)}", highlight=False)
    for name, error in summary.failures.items():
        out.print(f"[red]失败[/] {name}：{error}", highlight=False)
    out.print(f"用时 {summary.seconds:.1f} 秒", highlight=False)


@app.command()
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


@app.command()
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


@app.command()
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


def _decide(dataset: str, delivery: str, by: str, why: str, release: bool) -> None:
    outcome: dict[str, Any] = pipeline.decide(dataset, delivery, release=release, by=by, why=why, say=_say)
    print(f"{dataset} {outcome['delivery_id']}：{'已放行装载' if release else '已弃用'}")


@app.command()
def release(
    dataset: Annotated[str, DATASET],
    delivery: Annotated[str, typer.Argument(help="交付编号或日期 YYYYMMDD")],
    by: Annotated[str, typer.Option(help="谁决定")],
    why: Annotated[str, typer.Option(help="为何")],
) -> None:
    """放行一次挂起的交付。"""
    _decide(dataset, delivery, by, why, True)


@app.command()
def discard(
    dataset: Annotated[str, DATASET],
    delivery: Annotated[str, typer.Argument(help="交付编号或日期 YYYYMMDD")],
    by: Annotated[str, typer.Option(help="谁决定")],
    why: Annotated[str, typer.Option(help="为何")],
) -> None:
    """弃用一次挂起的交付。"""
    _decide(dataset, delivery, by, why, False)


review_app = typer.Typer(help="待裁决的两两对照：可能是同一人（单位）而没有把握的。", invoke_without_command=True, add_completion=False)
app.add_typer(review_app, name="review")
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


@app.command()
def explain(
    kind: Annotated[Kind, typer.Argument(metavar="person|entity", help="人或单位")],
    ident: Annotated[str, typer.Argument(metavar="ID", help="人口标识或单位标识（旧标识也可）；或一条记录“数据集|来源主键|角色”")],
    unmasked: Annotated[bool, typer.Option("--unmasked", help="不遮盖个人信息")] = False,
    html: Annotated[Path | None, typer.Option(help="另写成一个 HTML 文件")] = None,
) -> None:
    """为何如此：由哪些记录组成、凭什么规则和多大概率，各字段取自何处，谁的说法不同。"""
    from etl.explain import explain as why
    from etl.explain_page import page, terminal

    told = why(settings_module.load(), kind, ident)
    terminal(told, out, unmasked=unmasked)
    if html:
        html.write_text(page(told, unmasked=unmasked), encoding="utf-8")
        print(f"已写 {html}")


@app.command()
def replay(dataset: Annotated[str, DATASET]) -> None:
    """规则或代码表改好以后，把还在隔离的行再试一遍。"""
    done = pipeline.replay(dataset, say=_say)
    print(
        f"{dataset}：试了 {done['rows_in']} 行"
        + (
            f"，装载 {done['rows_new'] + done['rows_changed']} 行，仍隔离 {done['rows_quarantined']} 行"
            if done["rows_in"]
            else "，没有在隔离的行"
        )
    )


@app.command()
def demo(
    persons: Annotated[int, typer.Option(help="人数")] = 20000,
    seed: Annotated[int, typer.Option(help="随机种子；同一种子得同样的城市")] = 1,
    out_dir: Annotated[Path, typer.Option("--out", help="写到哪里")] = Path("var/demo"),
    days: Annotated[int, typer.Option(help="几次交付（每周一次）")] = 1,
    harshness: Annotated[float, typer.Option(help="错误率的倍数")] = 1.0,
) -> None:
    """造一座虚构的城市：各部门的交付，外加真相（只供评判）。"""
    from etl.demo import generate

    generate(persons=persons, seed=seed, out=out_dir, days=days, harshness=harshness, progress=_say)
    print(f"{persons} 人的城市在 {out_dir}")


@app.command()
def evaluate(truth: Annotated[Path, typer.Argument(help="真相文件夹")]) -> None:
    """按已知真相评判已装载的库：账目、关联、取值。"""
    from etl.evaluate import evaluate as judge

    if not truth.is_dir():
        raise UsageError(f"没有文件夹 {truth}")
    table = Table(title="评判", title_justify="left")
    for name in ("方面", "指标", "数值"):
        table.add_column(name)
    for section, name, value in judge(truth, settings_module.load().database_url):
        table.add_row(section, name, f"{value:.5f}" if isinstance(value, float) else str(value))
    out.print(table)


@app.command()
def catalog(out_dir: Annotated[Path | None, typer.Option("--out", help="把目录工作簿与 DCAT 写到这里")] = None) -> None:
    """更新信息资源目录与主题视图；--out 另导出目录工作簿和 DCAT（JSON-LD）。"""
    done = pipeline.catalogue(str(out_dir) if out_dir else None)
    print(f"目录 {done['resources']} 项资源、{done['items']} 个信息项" + "".join(f"\n{f}" for f in done.get("files", [])))


@app.command()
def up() -> None:
    """启动内嵌的 PostGIS 与 Airflow。"""
    from etl import platform

    platform.up(settings_module.load(), _say)


@app.command()
def down() -> None:
    """停掉内嵌的服务，不留进程。"""
    from etl import platform

    platform.down(settings_module.load(), _say)


@app.command()
def status() -> None:
    """内嵌服务的状态；等待中、挂起、拒收的交付。"""
    from etl import platform
    from etl.inspect import waiting

    settings = settings_module.load()
    for name, state in platform.status(settings):
        print(f"{name}：{state}")
    for line in waiting(settings):
        print(line)


if __name__ == "__main__":
    main()
