"""The weights of a pair as a waterfall: from the prior, each comparison adds or takes bits, until the sum; thresholds as lines.

In the terminal as block characters, on a page as inline SVG. Weights are in bits: +1 doubles the odds, −1 halves them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from rich.table import Table

from etl.records import Weight

COLUMNS = 44  # characters of the terminal's chart
ROW, LABEL, PLOT, NUMBER = 24, 210, 440, 70  # pixels of the page's chart


@dataclass(frozen=True)
class Step:
    """One bar: where the sum stood before and after it."""

    title: str
    said: str
    start: float
    end: float
    total: bool = False

    @property
    def bits(self) -> float:
        """What it adds; of the total, the sum itself."""
        return self.end - self.start


def steps(weights: Sequence[Weight]) -> list[Step]:
    """The bars in their order (prior first, then from most for to most against), the sum last."""
    made, at = list[Step](), 0.0
    for w in weights:
        made.append(Step(w.title, w.said, at, at + w.bits))
        at += w.bits
    return [*made, Step("合计", f"概率 {chance(at):.4f}", 0.0, at, True)]


def chance(bits: float) -> float:
    """The probability of so many bits of evidence."""
    return float(1 / (1 + 2.0 ** -max(min(bits, 60.0), -60.0)))


def _range(bars: Sequence[Step], lines: Mapping[str, float]) -> tuple[float, float]:
    ends = [x for s in bars for x in (s.start, s.end)] + list(lines.values()) + [0.0]
    low, high = min(ends), max(ends)
    return low, high if high > low else low + 1


# ── terminal ─────────────────────────────────────────────────────────────────────────────────────────────────────


def terminal(title: str, weights: Sequence[Weight], lines: Mapping[str, float] | None = None) -> Table:
    """A table with one bar a row; `lines`: what stands at which bits (thresholds)."""
    bars, marks = steps(weights), dict(lines or {})
    low, high = _range(bars, marks)

    def place(x: float) -> int:
        return round((x - low) / (high - low) * (COLUMNS - 1))

    table = Table(title=title, title_justify="left")
    table.add_column("比较")
    table.add_column("结果")
    table.add_column("权重瀑布（比特）", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    standing = {place(x) for x in marks.values()}
    for s in bars:
        first, last = sorted((place(s.start), place(s.end)))
        colour = "bold" if s.total else "blue" if s.bits >= 0 else "red"
        drawn = "".join(
            f"[{colour}]█[/{colour}]" if first <= i <= last else "┊" if i in standing else "│" if i == place(0.0) else " "
            for i in range(COLUMNS)
        )
        table.add_row(s.title, s.said, drawn, f"{s.bits:+.1f}")
    if marks:
        table.add_row("", "", "，".join(f"┊ {name} {x:+.1f}" for name, x in marks.items()), "")
    return table


# ── page ─────────────────────────────────────────────────────────────────────────────────────────────────────────

STYLE = """
svg.waterfall{max-width:100%;height:auto;font:13px system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;fill:#1f2933}
svg.waterfall .for{fill:#2b6cb0}svg.waterfall .against{fill:#c05621}svg.waterfall .total{fill:#3e4c59}
svg.waterfall .axis{stroke:#9aa5b1}svg.waterfall .link{stroke:#cbd2d9}svg.waterfall .mark{stroke:#2f855a;stroke-dasharray:4 3}
svg.waterfall .note{fill:#52606d}svg.waterfall .number{text-anchor:end;font-variant-numeric:tabular-nums}
"""


def svg(title: str, weights: Sequence[Weight], lines: Mapping[str, float] | None = None) -> str:
    """The same as an inline SVG with Chinese labels, readable without colours: every bar bears its number."""
    bars, marks = steps(weights), dict(lines or {})
    low, high = _range(bars, marks)

    def x(bits: float) -> float:
        return LABEL + (bits - low) / (high - low) * PLOT

    height = ROW * (len(bars) + (1 if marks else 0)) + 8
    drawn = [f'<line class="axis" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="{ROW * len(bars)}"/>']
    for name, bits in marks.items():
        drawn.append(f'<line class="mark" x1="{x(bits):.1f}" x2="{x(bits):.1f}" y1="0" y2="{ROW * len(bars)}"/>')
        drawn.append(f'<text class="note" text-anchor="middle" x="{min(max(x(bits), LABEL + 30), LABEL + PLOT):.1f}" y="{ROW * (len(bars) + 1) - 7}">{escape(name)}</text>')  # fmt: skip
    drawn += [_bar(i, s, x(s.start), x(s.end), last=i == len(bars) - 1) for i, s in enumerate(bars)]
    size = f"0 0 {LABEL + PLOT + NUMBER} {height}"
    told = "；".join(f"{s.title} {s.bits:+.1f}" for s in bars)
    return f'<svg class="waterfall" viewBox="{size}" width="{LABEL + PLOT + NUMBER}" height="{height}" role="img"><title>{escape(title)}</title><desc>{escape(told)}</desc>{"".join(drawn)}</svg>'  # fmt: skip


def _bar(i: int, s: Step, one: float, other: float, *, last: bool) -> str:
    top, left, wide = i * ROW, min(one, other), max(abs(other - one), 1.0)
    kind = "total" if s.total else "for" if s.bits >= 0 else "against"
    link = "" if last else f'<line class="link" x1="{other:.1f}" x2="{other:.1f}" y1="{top + 4}" y2="{top + ROW + 4}"/>'
    return (
        f'<text x="0" y="{top + 17}">{escape(s.title)} <tspan class="note">{escape(s.said)}</tspan></text>{link}'
        f'<rect class="bar {kind}" x="{left:.1f}" y="{top + 4}" width="{wide:.1f}" height="{ROW - 8}"/>'
        f'<text class="number" x="{LABEL + PLOT + NUMBER}" y="{top + 17}">{s.bits:+.1f}</text>'
    )
