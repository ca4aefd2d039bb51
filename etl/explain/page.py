"""An explanation for the eye: tables and a bar chart of the match weights, in the terminal and as one HTML file."""

from html import escape

from rich.console import Console
from rich.markup import escape as plain
from rich.table import Table

from etl.explain import Edge, Explanation, Field, chart
from etl.records import FIELDS, NOUN, ROLES, Shown

VERDICTS = {"same": "同一个", "different": "不是同一个", "undecided": "看过未决"}
STYLE = """
body{font:15px/1.6 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;color:#1f2933;max-width:72rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}h3{font-size:1rem;margin:1.2rem 0 .3rem;font-weight:600}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d9dee3;vertical-align:top}
th{background:#f3f5f7}.note{color:#52606d}
"""


def _summary(e: Explanation) -> list[str]:
    """What is said first: redirects, whether it still stands, judgements."""
    said = [f"{old} 已并入 {new}（{at:%Y-%m-%d}，{why}）" for old, new, at, why in e.redirects]
    if not e.current:
        said.append("现已没有在册的记录，库中不再列出")
    for pair, verdict, left, right, by, at, until in e.judgements:
        lasting = f"，至 {until} 止" if until else ""
        said.append(f"裁决 {pair}：{by} 于 {at:%Y-%m-%d} 判 {left.dataset} 与 {right.dataset} 的两条记录{VERDICTS[verdict]}{lasting}")
    return said


def _others(shown: Shown, f: Field) -> str:
    return "；".join(f"{shown.value(f.name, value)}（{'、'.join(map(shown.source, datasets))}）" for value, datasets in f.others)


def _from(shown: Shown, f: Field) -> str:
    return f"{shown.record(f.source)}（{f.reason}）" if f.source else f.reason


# ── terminal ─────────────────────────────────────────────────────────────────────────────────────────────────────


def terminal(e: Explanation, console: Console, *, unmasked: bool = False) -> None:
    """Prints the whole explanation."""
    shown = Shown(e.registry, e.kind, unmasked)
    console.print(f"[bold]{NOUN[e.kind]} {e.ident}[/bold]：{len(e.members)} 条记录", highlight=False)
    for line in _summary(e):
        console.print(plain(line), highlight=False)
    console.print(_records(e, shown))
    if e.fields:
        console.print(_fields(e, shown))
    for edge in e.edges:
        if edge.weights:
            console.print(chart.terminal(plain(_title(edge, shown)), edge.weights))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _records(e: Explanation, shown: Shown) -> Table:
    table = _table("由哪些记录组成", "数据集", "主键", "角色", "规则", "概率")
    for m in e.members:
        rule = "已从全量交付中消失" if m.former else m.rule_title
        chance = "" if m.former else f"{m.probability:.4f}"
        table.add_row(
            *map(plain, (shown.source(m.record.dataset), shown.key(m.record), ROLES.get(m.record.role, m.record.role), rule, chance))
        )
    return table


def _fields(e: Explanation, shown: Shown) -> Table:
    table = _table("各字段取自何处", "字段", "取值", "取自", "不同的说法")
    for f in e.fields:
        if f.value is not None:
            table.add_row(*map(plain, (FIELDS.get(f.name, f.name), shown.value(f.name, f.value), _from(shown, f), _others(shown, f))))
    return table


def _title(edge: Edge, shown: Shown) -> str:
    return f"{shown.record(edge.left)} ↔ {shown.record(edge.right)}：{edge.rule_title}，概率 {edge.probability:.4f}"


# ── HTML ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def page(e: Explanation, *, unmasked: bool = False) -> str:
    """The same as one HTML file that needs nothing else."""
    shown = Shown(e.registry, e.kind, unmasked)
    records = _html_table(
        ("数据集", "主键", "角色", "规则", "概率"),
        [
            (shown.source(m.record.dataset), shown.key(m.record), ROLES.get(m.record.role, m.record.role))
            + (("已从全量交付中消失", "") if m.former else (m.rule_title, f"{m.probability:.4f}"))
            for m in e.members
        ],
    )
    fields = _html_table(
        ("字段", "取值", "取自", "不同的说法"),
        [
            (FIELDS.get(f.name, f.name), shown.value(f.name, f.value), _from(shown, f), _others(shown, f))
            for f in e.fields
            if f.value is not None
        ],
    )
    charts = "".join(_html_chart(edge, shown) for edge in e.edges if edge.weights)
    heading = f"{NOUN[e.kind]} {escape(e.ident)}：为何如此"
    notes = "".join(f'<p class="note">{escape(line)}</p>' for line in _summary(e))
    return (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{heading}</title>'
        f"<style>{STYLE}{chart.STYLE}</style></head><body><h1>{heading}</h1>{notes}<h2>由哪些记录组成</h2>{records}<h2>各字段取自何处</h2>{fields}"
        + (
            f'<h2>打分关联的权重</h2><p class="note">单位比特：多一比特，可能性加倍。从先验（随便两条记录碰巧同一个的可能）起，逐项加减，直到合计。</p>{charts}'
            if charts
            else ""
        )
        + "</body></html>\n"
    )


def _html_table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{''.join(f'<th>{h}</th>' for h in heads)}</tr></thead><tbody>{body}</tbody></table>"


def _html_chart(edge: Edge, shown: Shown) -> str:
    title = _title(edge, shown)
    return f"<h3>{escape(title)}</h3>{chart.svg(title, edge.weights)}"
