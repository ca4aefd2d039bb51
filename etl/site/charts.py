"""Charts as inline SVG: positions in per cent and text in its own size, so that they read on a phone and on a desk. Colours are CSS classes."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from markupsafe import Markup, escape

from etl.site import words

Point = tuple[date, float]
LEFT, RIGHT, TOP = 8.0, 22.0, 14  # per cent, per cent, pixels


def stacked(parts: Sequence[tuple[str, str, int]], whole: int) -> Markup:
    """One bar: (class, label, n) beside each other as parts of `whole` (the length of the longest bar). Whatever is there is at least visible."""
    shown = [(c, label, n) for c, label, n in parts if n]
    said = "，".join(f"{label} {words.count(n)}" for _, label, n in shown) or "没有行"
    widths = [max(0.8, 100 * n / max(whole, 1)) for _, _, n in shown]
    over = sum(widths) - 100
    if over > 0:
        widths[widths.index(max(widths))] -= over
    x, rects = 0.0, []
    for (css, label, n), width in zip(shown, widths, strict=True):
        rects.append(
            f'<rect class="{css}" x="{x:.2f}%" width="{width:.2f}%" height="100%"><title>{escape(label)} {words.count(n)}</title></rect>'
        )
        x += width
    return Markup(f'<svg class="bar" role="img" aria-label="{escape(said)}" height="16" width="100%">{"".join(rects)}</svg>')  # noqa: S704 – every text is escaped


def score_meter(value: float | None, floor: float) -> Markup:
    """A score as a bar that begins at `floor`."""
    return meter(None if value is None else max(0.0, value - floor) / (100 - floor))


def floor_of(values: Sequence[float | None]) -> int:
    """Where bars of these scores begin: 90 when none is lower, so that they can be told apart; else 0."""
    return 90 if min((v for v in values if v is not None), default=0) >= 90 else 0


def meter(value: float | None, css: str = "fill") -> Markup:
    """A share (0–1) as a short bar."""
    width = 100 * (value or 0)
    return Markup(  # noqa: S704
        f'<svg class="meter" aria-hidden="true" height="8" width="100%"><rect class="track" width="100%" height="8"/>'
        f'<rect class="{css}" width="{width:.1f}%" height="8"/></svg>'
    )


def spark(points: Sequence[Point], label: str) -> Markup:
    """The way of a score, small: no axis; the last point marked."""
    if len(points) < 2:
        return Markup('<span class="muted" aria-hidden="true">—</span>')
    low, high = min(v for _, v in points), max(v for _, v in points)
    spread = max(high - low, 0.5)
    middle = (low + high) / 2
    xs = [4 + 72 * i / (len(points) - 1) for i in range(len(points))]
    ys = [12 - 14 * (v - middle) / spread for _, v in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    said = f"{label}：{_short(points[0][0], [])} {words.score(points[0][1])}，{_short(points[-1][0], [])} {words.score(points[-1][1])}"
    return Markup(  # noqa: S704
        f'<svg class="spark" role="img" width="80" height="24"><title>{escape(said)}</title>'
        f'<polyline points="{line}"/><circle cx="{xs[-1]:.1f}" cy="{ys[-1]:.1f}" r="2.6"/></svg>'
    )


def lines(
    series: Sequence[tuple[str, Sequence[Point]]], label: str, height: int = 180, whole: bool = False, floor: float | None = None
) -> Markup:
    """Lines over days with the name and last value of each at its end. `whole`: counts, from zero; else scores. Empty when there is nothing to draw."""
    known = [(name, list(points)) for name, points in series if points]
    if not known:
        return Markup("")
    right = RIGHT if any(name for name, _ in known) else 3.0
    days = sorted({d for _, points in known for d, _ in points})
    values = [v for _, points in known for _, v in points]
    low, high = _range(values, whole, floor)
    bottom = height - 24
    x = {d: LEFT + (100 - LEFT - right) * (i / (len(days) - 1) if len(days) > 1 else 0.5) for i, d in enumerate(days)}

    def y(v: float) -> float:
        return TOP + (bottom - TOP) * (1 - (v - low) / (high - low))

    out = []
    for tick in (low, (low + high) / 2, high):
        text = words.count(round(tick)) if whole else f"{tick:g}"
        out.append(f'<line class="grid" x1="{LEFT}%" x2="{100 - right}%" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        out.append(f'<text class="axis" x="{LEFT - 1}%" y="{y(tick) + 4:.1f}" text-anchor="end">{text}</text>')
    for d in _ticks(days):
        anchor = "middle" if len(days) == 1 else "start" if d == days[0] else "end" if d == days[-1] else "middle"
        out.append(f'<text class="axis" x="{x[d]:.2f}%" y="{height - 6}" text-anchor="{anchor}">{_short(d, days)}</text>')
    ends = _apart([y(points[-1][1]) for _, points in known], 15, TOP, bottom)
    for n, ((name, points), end) in enumerate(zip(known, ends, strict=True)):
        out += _series(n, name, points, x, y, end, whole)
    said = f"{label}：" + "；".join(f"{name} {_value(points[-1][1], whole)}" for name, points in known)
    legend = "".join(
        f'<span><i class="s{n % 6}"></i>{escape(name)} {_value(points[-1][1], whole)}</span>'
        for n, (name, points) in enumerate(known)
        if name
    )
    below = f'<div class="legend phone" aria-hidden="true">{legend}</div>' if len(known) > 1 else ""  # no room for labels there
    many = " many" if len(known) > 1 else ""
    return Markup(  # noqa: S704
        f'<svg class="lines{many}" role="img" aria-label="{escape(said)}" width="100%" height="{height}">{"".join(out)}</svg>{below}'
    )


def _series(n: int, name: str, points: list[Point], x: dict[date, float], y: object, end: float, whole: bool) -> list[str]:
    assert callable(y)
    css, out = f"s{n % 6}", []
    for (d0, v0), (d1, v1) in pairwise(points):
        out.append(f'<line class="{css}" x1="{x[d0]:.2f}%" y1="{y(v0):.1f}" x2="{x[d1]:.2f}%" y2="{y(v1):.1f}"/>')
    for d, v in points:
        out.append(
            f'<circle class="{css}" cx="{x[d]:.2f}%" cy="{y(v):.1f}" r="3"><title>{d} {escape(name)} {_value(v, whole)}</title></circle>'
        )
    if name:
        text = f"{escape(name)} {_value(points[-1][1], whole)}"
        out.append(f'<text class="end {css}" x="{100 - RIGHT + 1.5}%" y="{end + 4:.1f}">{text}</text>')
    return out


def _range(values: list[float], whole: bool, floor: float | None) -> tuple[float, float]:
    """The span of the axis: round numbers around the values; counts from zero; scores never beyond 100."""
    if whole:
        step = 10 ** max(0, len(str(int(max(values)))) - 1)
        return 0.0, float(max(2, -(-int(max(values)) // step) * step))
    low = min(values) if floor is None else min(floor, min(values))
    for step in (1.0, 2.0, 5.0, 10.0, 20.0):
        bottom = (low // step) * step
        if 100 - bottom <= 5 * step:
            return max(0.0, bottom if bottom < 100 else 99.0), 100.0
    return 0.0, 100.0


def _value(v: float, whole: bool) -> str:
    return words.count(round(v)) if whole else words.score(v)


def _short(d: date, days: list[date]) -> str:
    """3月1日; with the year on the first."""
    return f"{d.year}年{d.month}月{d.day}日" if days and d == days[0] and d.year != days[-1].year else f"{d.month}月{d.day}日"


def _ticks(days: list[date]) -> list[date]:
    """At most three days that are written under the axis."""
    return sorted({days[0], days[len(days) // 2], days[-1]} if len(days) > 2 else set(days))


def _apart(ys: list[float], gap: float, low: float, high: float) -> list[float]:
    """The same heights, moved so that labels do not lie on each other."""
    order = sorted(range(len(ys)), key=lambda i: ys[i])
    out, last = list(ys), low - gap
    for i in order:
        out[i] = max(ys[i], last + gap)
        last = out[i]
    over = last - high
    if over > 0:
        out = [v - over for v in out] if len(ys) > 1 else [min(v, high) for v in out]
    return out
