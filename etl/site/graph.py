"""Layered graphs as SVG: columns of boxes, links from left to right, every box a link to its page."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

ROW, BOX, GAP, HEAD = 44, 36, 50, 30  # pixels: distance of boxes, their height, space between layers, the layers' titles


@dataclass(frozen=True)
class Node:
    """A box in a layer: two lines of text, where it leads, how it is drawn (a CSS class)."""

    id: str
    layer: int
    text: str
    more: str = ""
    href: str = ""
    css: str = ""


def draw(titles: Sequence[str], nodes: Sequence[Node], links: Sequence[tuple[str, str]], said: str, widths: Sequence[int] = ()) -> Markup:
    """The graph. Nodes stand in the order given in their layer, later layers as near to what leads to them as room allows."""
    layers: dict[int, list[Node]] = defaultdict(list)
    for node in nodes:
        layers[node.layer].append(node)
    wide = list(widths) or [190] * len(titles)
    tallest = max(len(v) for v in layers.values())
    height = HEAD + tallest * ROW + 6
    y = _heights(layers, links, tallest)
    x = [sum(wide[:i]) + GAP * i for i in range(len(wide))]
    place = {n.id: (x[n.layer], y[n.id], wide[n.layer]) for n in nodes}
    number = {n.id: i for i, n in enumerate(nodes)}
    out = [f'<text class="layer" x="{x[i] + 4}" y="16">{escape(t)}</text>' for i, t in enumerate(titles)]
    for a, b in links:
        (ax, ay, aw), (bx, by, _) = place[a], place[b]
        x1, y1, y2 = ax + aw, ay + BOX / 2, by + BOX / 2
        bend = (bx - x1) / 2
        way = f"H{bx}" if round(y1) == round(y2) else f"C{x1 + bend:.0f} {y1:.0f} {bx - bend:.0f} {y2:.0f} {bx} {y2:.0f}"
        out.append(f'<path class="link" data-a="{number[a]}" data-b="{number[b]}" d="M{x1} {y1:.0f}{way}"/>')
    out += [_box(n, number[n.id], *place[n.id]) for n in nodes]
    total = x[-1] + wide[-1] + 2
    return Markup(  # noqa: S704 – every text is escaped
        f'<div class="graph" tabindex="0" role="group" aria-label="{escape(said)}"><svg width="{total}" height="{height}" viewBox="0 0 {total} {height}">{"".join(out)}</svg></div>'
    )


def _heights(layers: dict[int, list[Node]], links: Sequence[tuple[str, str]], tallest: int) -> dict[str, float]:
    """Where each box begins: the fullest layer evenly, others beside their neighbours, none on another."""
    near: dict[str, list[str]] = defaultdict(list)
    for a, b in links:
        near[a].append(b)
        near[b].append(a)
    y: dict[str, float] = {}
    first = next(i for i in sorted(layers) if len(layers[i]) == tallest)
    y |= {n.id: HEAD + i * ROW for i, n in enumerate(layers[first])}
    for i in [*range(first - 1, -1, -1), *(j for j in sorted(layers) if j > first)]:
        wanted = [(_mean([y[m] for m in near[n.id] if m in y]), n) for n in layers.get(i, [])]
        last: float | None = None
        for want, n in sorted(wanted, key=lambda w: w[0] if w[0] is not None else float("inf")):  # what leads nowhere near stands last
            y[n.id] = max(want if want is not None else HEAD, HEAD if last is None else last + ROW)
            last = y[n.id]
        over = (last or 0) - (HEAD + (tallest - 1) * ROW)
        if over > 0:  # pushed below the edge: close up from the bottom
            _close_up([n.id for _, n in wanted], y, HEAD + (tallest - 1) * ROW)
    return y


def _close_up(ids: list[str], y: dict[str, float], bottom: float) -> None:
    limit = bottom
    for n in sorted(ids, key=lambda n: -y[n]):
        y[n] = min(y[n], limit)
        limit = y[n] - ROW


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _box(node: Node, number: int, x: float, y: float, width: int) -> str:
    room = (width - 16) / 6.6  # half-width characters at 12 px
    text = f'<text x="{x + 8}" y="{y + (15 if node.more else 22):.0f}">{escape(cut(node.text, room))}</text>'
    more = f'<text class="more" x="{x + 8}" y="{y + 30:.0f}">{escape(cut(node.more, room * 1.09))}</text>' if node.more else ""
    shortened = cut(node.text, room) != node.text or cut(node.more, room * 1.09) != node.more
    whole = f"<title>{escape(node.text)}{escape('：' + node.more) if node.more else ''}</title>" if shortened else ""
    body = f'<rect x="{x}" y="{y:.0f}" width="{width}" height="{BOX}" rx="5"/>{text}{more}{whole}'
    inner = f'<a href="{escape(node.href)}">{body}</a>' if node.href else body
    return f'<g class="node {node.css}" data-n="{number}">{inner}</g>'


def cut(text: str, room: float) -> str:
    """The text, cut to so many half-width characters."""
    used = 0.0
    out: list[str] = []
    for ch in text:
        used += 2 if unicodedata.east_asian_width(ch) in "WF" else 1
        if used > room:
            return "".join(out[:-1]) + "…"
        out.append(ch)
    return text
