"""The figures as a table on the screen and as a section of docs/performance.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from etl.bench.figures import figures, growth
from etl.errors import UsageError

BEGIN, END = "<!-- bench: begin (written by `jichu bench --write`) -->", "<!-- bench: end -->"
Sizes = Mapping[int, Mapping[str, Any]]
SIGNS = {True: "达标", False: "未达", None: ""}
SLOWEST = 12  # stages shown of the largest city


def ratio(value: float) -> str:
    """Two digits that say something, whatever the size."""
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _target(target: float | None, below: bool) -> str:
    return "" if target is None else f"{'≤' if below else '≥'} {target:g}"


def table(persons: int, told: Mapping[str, Any]) -> Table:
    """The figures of one city."""
    made = Table(title=f"{persons} 人", title_justify="left")
    for name in ("", "比值", "数值", "目标", "", "由来"):
        made.add_column(name, overflow="fold")
    for f in figures(told):
        sign = {True: "[green]达标[/]", False: "[yellow]未达[/]", None: ""}[f.met]
        made.add_row(f.letter, f.title, ratio(f.value), _target(f.target, f.below), sign, f.detail)
    return made


def section(sizes: Sizes) -> str:
    """The section as Markdown, between its marks."""
    lines = [BEGIN, "## `jichu bench`", ""]
    lines += [
        "Every figure is a ratio of two sides measured in one run, each in a process of its own, on the same data and server. Targets are for a million persons",
        "on 2 cores. `load` is the machine's load when the part began: above 0.5, other work ran beside it.",
        "",
    ]
    for persons, told in sorted(sizes.items()):
        lines += _city(persons, told)
    lines += _growth(sizes)
    if sizes:
        lines += _stages(max(sizes), sizes[max(sizes)])
    return "\n".join([*lines, END, ""])


def _city(persons: int, told: Mapping[str, Any]) -> list[str]:
    m = told.get("machine", {})
    loads = "，".join(f"{n} {p['load']}" for n, p in told.items() if isinstance(p, Mapping) and "load" in p)
    lines = [f"### {persons:,} persons", ""]
    lines += [
        f"{m.get('date')}, {m.get('cpu')}, {m.get('cores')} cores, {m.get('memory_gb')} GB, {m.get('system')}; code {m.get('code') or 'unknown'}; "
        + ", ".join(f"{k} {v}" for k, v in m.get("versions", {}).items())
        + f"; load: {loads.replace('，', ', ')}.",
        "",
        "| | 比值 | 数值 | 目标 | | 由来 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {f.letter} | {f.title} | {ratio(f.value)} | {_target(f.target, f.below)} | {SIGNS[f.met]} | {f.detail} |" for f in figures(told)
    ]
    return [*lines, ""]


def _growth(sizes: Sizes) -> list[str]:
    if len(sizes) < 2:
        return []
    columns = sorted(sizes)
    lines = [
        "### Growth",
        "",
        "Seconds or MB at each size; in brackets the exponent since the size before: 1 grows as the city does, 0 not at all.",
        "",
    ]
    lines += ["| | " + " | ".join(f"{n:,}" for n in columns) + " |", "| --- |" + " --- |" * len(columns)]
    for name, points in growth(sizes).items():
        cells = {n: f"{v:.0f}" + (f" ({e:.2f})" if e is not None else "") for n, v, e in points}
        lines.append(f"| {name} | " + " | ".join(cells.get(n, "") for n in columns) + " |")
    return [*lines, ""]


def _stages(persons: int, told: Mapping[str, Any]) -> list[str]:
    """Where the time of the largest city went."""
    lines: list[str] = []
    for part, title in (("cold", "cold load"), ("week", "week")):
        stages = told.get(part, {}).get("stages", [])
        if not stages:
            continue
        summed: dict[str, float] = {}
        for what, stage, _, seconds in stages:
            name = stage if "/" in what else f"{what}: {stage}"
            summed[name] = summed.get(name, 0.0) + seconds
        most = sorted(summed.items(), key=lambda x: -x[1])[:SLOWEST]
        lines += [f"Where the {title} of {persons:,} persons goes, in seconds: " + ", ".join(f"{n} {s:.0f}" for n, s in most) + ".", ""]
    return lines


def write(page: Path, sizes: Sizes) -> None:
    """Puts the section in its place in the page, or at its end. Raises UsageError when the marks are torn apart."""
    text = page.read_text(encoding="utf-8")
    if (BEGIN in text) != (END in text):
        raise UsageError(f"{page} 里的标记不成对：{BEGIN} … {END}")
    if BEGIN in text:
        before, after = text.split(BEGIN, 1)[0], text.split(END, 1)[1].lstrip("\n")
        text = before + section(sizes) + ("\n" + after if after else "")
    else:
        text = text.rstrip("\n") + "\n\n" + section(sizes)
    page.write_text(text, encoding="utf-8")
