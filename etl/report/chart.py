"""The picture of the scores: where each dimension stands and where it stood last time."""

from collections.abc import Sequence
from io import BytesIO

from etl.report import words

FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei", "Microsoft YaHei", "SimHei")
WIDTH = 340  # CSS pixels; drawn at twice that, so that text stays sharp on a phone
ROW, LEFT, TOP = 34, 72, 26
INK, MUTED, LINE, NOW, BETTER, WORSE = "#1f2933", "#66727f", "#dde4ea", "#17406d", "#1f7a45", "#b42318"

Line = tuple[str, float | None, float | None]  # label, now, before


def lines(scores: dict[str, tuple[float | None, float | None]]) -> list[Line]:
    """The six dimensions in the standard's order, those that were scored."""
    return [(label, *scores[name]) for name, label in words.DIMENSIONS.items() if name in scores]


def alt(scored: Sequence[Line]) -> str:
    """The picture in words."""
    each = [f"{label} {words.score(now)}{f'（{moved}）' if (moved := words.change(now, before)) else ''}" for label, now, before in scored]
    return "各维度得分：" + "，".join(each)


def scores(scored: Sequence[Line]) -> bytes | None:
    """PNG: one line a dimension, a hollow mark for last time, a full one for now. None when there is nothing to draw."""
    known = [v for _, now, before in scored for v in (now, before) if v is not None]
    if not any(now is not None for _, now, _ in scored):
        return None
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager

    have = {f.name for f in fontManager.ttflist}
    family = [n for n in FONTS if n in have] or ["sans-serif"]
    low = max(0.0, min(90.0, min(known) // 10 * 10))
    height = ROW * len(scored) + TOP + 30
    with matplotlib.rc_context({"font.family": family, "axes.unicode_minus": False}):
        figure = Figure(figsize=(WIDTH / 96, height / 96), dpi=192, facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((LEFT / WIDTH, 30 / height, (WIDTH - LEFT - 56) / WIDTH, ROW * len(scored) / height))
        axes.set_xlim(low, 100)
        axes.set_ylim(len(scored) - 0.5, -0.5)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.set_xticks([low, (low + 100) / 2, 100])
        axes.set_xticklabels([f"{x:g}" for x in (low, (low + 100) / 2, 100)], fontsize=8.5, color=MUTED)
        axes.set_yticks(range(len(scored)))
        axes.set_yticklabels([label for label, _, _ in scored], fontsize=9.5, color=INK)
        axes.tick_params(length=0, pad=6)
        axes.grid(axis="x", color=LINE, linewidth=0.8)
        axes.set_axisbelow(True)
        if any(before is not None for _, _, before in scored):
            figure.text(LEFT / WIDTH, 1 - TOP / 2 / height, "○ 上次　● 本次（绿升红降）", fontsize=8, color=MUTED, va="center")
        for y, (_, now, before) in enumerate(scored):
            _mark(axes, y, now, before, low)
        out = BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _mark(axes: object, y: int, now: float | None, before: float | None, low: float) -> None:
    """One dimension: the way from last time to now, the value at the right edge."""
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    axes.hlines(y, low, 100, color=LINE, linewidth=1, zorder=1)
    colour = NOW
    if now is not None and before is not None and abs(now - before) >= 0.05:
        colour = BETTER if now > before else WORSE
        axes.hlines(y, before, now, color=colour, linewidth=3, alpha=0.45, zorder=2)
    if before is not None:
        axes.plot(
            [before], [y], "o", markersize=6, markerfacecolor="white", markeredgecolor=MUTED, markeredgewidth=1.3, zorder=3, clip_on=False
        )
    if now is not None:
        axes.plot([now], [y], "o", markersize=7.5, color=colour, zorder=4, clip_on=False)
    axes.annotate(
        words.score(now), (1, y), xycoords=("axes fraction", "data"), xytext=(10, 0), textcoords="offset points", va="center", fontsize=9.5,
        color=INK if now is not None else MUTED, fontweight="bold" if now is not None else "normal",
    )  # fmt: skip
