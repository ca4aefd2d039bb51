"""A pair's explanation for the eye: both records side by side, the waterfall of weights, what each rule said; terminal and HTML."""

from collections.abc import Sequence
from html import escape

from rich.console import Console
from rich.markup import escape as plain
from rich.table import Table

from etl.explain import chart
from etl.explain.page import STYLE
from etl.explain.pair import PairExplanation
from etl.records import NOUN, Shown

MARKS = {True: "✓", False: "✗", None: "·"}


def _headline(e: PairExplanation) -> str:
    noun = NOUN[e.kind]
    if e.one:
        return f"两条记录是同一个{noun} {e.ids[0]}"
    return f"两条记录不是同一个{noun}：{e.ids[0]} 与 {e.ids[1]}"


def _chart_title(e: PairExplanation) -> str:
    return f"证据：{e.compared}，合计 {e.bits:+.1f} 比特，概率 {chart.chance(e.bits):.4f}"


def _rows(e: PairExplanation, *, unmasked: bool) -> list[tuple[str, str, str, str]]:
    """What the two say, field by field: (field, left, right, comparison)."""
    return [row for row in e.sides[unmasked].rows if row[1] or row[2]]


def _path(e: PairExplanation, shown: Shown) -> list[str]:
    return [f"{shown.record(x.left)} ↔ {shown.record(x.right)}：{x.rule_title}，概率 {x.probability:.4f}" for x in e.path]


def terminal(e: PairExplanation, console: Console, *, unmasked: bool = False) -> None:
    """Prints it."""
    shown = Shown(e.registry, e.kind, unmasked)
    console.print(f"[bold]{_headline(e)}[/bold]", highlight=False)
    table = Table(title="两条记录", title_justify="left")
    for head in ("", shown.record(e.left), shown.record(e.right), "比较与权重"):
        table.add_column(plain(head), overflow="fold")
    for row in _rows(e, unmasked=unmasked):
        table.add_row(*map(plain, row))
    console.print(table)
    if e.weights:
        console.print(chart.terminal(_chart_title(e), e.weights, e.lines))
    verdicts = Table(title="各项规则怎么说", title_justify="left")
    for head in ("规则", "", "说明"):
        verdicts.add_column(head, overflow="fold")
    for v in e.verdicts:
        verdicts.add_row(v.rule, MARKS[v.passed], plain(v.said))
    console.print(verdicts)
    for line in _path(e, shown):
        console.print(plain(line), highlight=False)


def page(e: PairExplanation, *, unmasked: bool = False) -> str:
    """The same as one HTML file that needs nothing else."""
    shown = Shown(e.registry, e.kind, unmasked)
    heading, picture = escape(_headline(e)), chart.svg(_chart_title(e), e.weights, e.lines) if e.weights else ""
    said = _table(("规则", "", "说明"), [(v.rule, MARKS[v.passed], v.said) for v in e.verdicts])
    links = "".join(f"<li>{escape(line)}</li>" for line in _path(e, shown))
    return (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{heading}</title>'
        f"<style>{STYLE}{chart.STYLE}</style></head><body><h1>{heading}</h1><h2>两条记录</h2>"
        f"{_table(('', shown.record(e.left), shown.record(e.right), '比较与权重'), _rows(e, unmasked=unmasked))}"
        + (
            f'<h2>权重瀑布</h2><p class="note">{escape(_chart_title(e))}。多一比特，可能性加倍。</p>{picture}'
            if picture
            else f'<p class="note">{escape(e.compared)}</p>'
        )
        + f"<h2>各项规则怎么说</h2>{said}{f'<h2>经由</h2><ol>{links}</ol>' if links else ''}</body></html>\n"
    )


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{''.join(f'<th>{escape(h)}</th>' for h in heads)}</tr></thead><tbody>{body}</tbody></table>"
