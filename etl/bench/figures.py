"""From measurements to figures: ratios with their targets, and how each grows with the city."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Told = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """One ratio. target: at a million persons on two cores; below: whether it is to stay below it or above."""

    letter: str
    title: str
    target: float | None
    below: bool
    value: float
    detail: str

    @property
    def met(self) -> bool | None:
        """None where nothing is demanded."""
        return None if self.target is None else self.value <= self.target if self.below else self.value >= self.target


def figures(told: Told) -> list[Figure]:
    """Every figure for which the parts have been measured."""
    made: list[Figure] = []
    cold = told.get("cold")
    if cold and (least := told.get("floor")):
        detail = f"装载 {cold['seconds']:.0f} 秒；下限 {least['seconds']:.1f} 秒（读 {least['reading']:.1f}，写 {least['copying']:.1f}，索引 {least['indexing']:.1f}），{least['rows']} 行"
        made.append(Figure("a", "全新装载 ÷ 下限", 3, True, cold["seconds"] / least["seconds"], detail))
    if cold and (week := told.get("week")):
        made += _week(cold, week)
    if ways := told.get("bulk"):
        best = max(ways["adbc"]["rate"], ways["psycopg2_copy"]["rate"])
        rates = f"每秒行数：我们 {ways['ours']['rate']}，ADBC {ways['adbc']['rate']}，COPY（现成文件）{ways['psycopg2_copy']['rate']}"
        made.append(Figure("c", "写入速率 ÷ 最快的裸写", 0.8, False, ways["ours"]["rate"] / best, rates))
        for title, ours, other in (("pandas.to_sql", "ours", "pandas"), ("geopandas.to_postgis", "ours_points", "geopandas_points")):
            detail = f"每秒行数：我们 {ways[ours]['rate']}，{title} {ways[other]['rate']}（取 {ways[other]['rows']} 行）"
            made.append(Figure("c", f"写入速率 ÷ {title}", None, False, ways[ours]["rate"] / max(ways[other]["rate"], 1), detail))
    if linked := told.get("linkage"):
        made += _linkage(linked["ours"], linked["stock"])
    if checks := told.get("checks"):
        detail = f"我们 {checks['ours']:.1f} 秒，逐条 {checks['naive']:.1f} 秒；{checks['claims']} 条，{checks['rows']} 行；计数不同的 {len(checks['differing'])} 条"
        made.append(Figure("e", "检查 ÷ 逐条运行的 Great Expectations", 0.3, True, checks["ours"] / checks["naive"], detail))
    peaks = [told[p]["peak_mb"] for p in ("cold", "week") if p in told]
    if peaks:
        servers = max(told[p]["postgres_mb"] for p in ("cold", "week") if p in told)
        made.append(Figure("f", "内存峰值 ÷ 4 GB", 1, True, max(peaks) / 4096, f"我们的进程 {max(peaks)} MB；PostgreSQL 另占 {servers} MB"))
    return made


def _week(cold: Told, week: Told) -> list[Figure]:
    share = week["rows_touched"] / max(cold["rows_touched"], 1)
    detail = f"一周 {week['seconds']:.0f} 秒；再次送来的全量 {week['again_rows']} 行，读一遍并散列 {week['again']:.1f} 秒；变动的行是库存的 {share:.2%}"
    beyond = (week["seconds"] - week["again"]) / cold["seconds"]
    return [
        Figure("b", "一周（读与散列之外）÷ 全新装载", 0.05, True, beyond, detail),
        Figure(
            "b",
            "一周 ÷ 全新装载",
            None,
            True,
            week["seconds"] / cold["seconds"],
            f"收 {week['rows_in']} 行，变动 {week['rows_touched']} 行",
        ),
    ]


def _linkage(ours: Told, stock: Told) -> list[Figure]:
    detail = f"我们 {ours['link']:.0f} 秒、{ours['peak_mb']} MB；Splink {stock['seconds']:.0f} 秒、{stock['peak_mb']} MB；{ours['records']} 条记录"
    recall = f"我们 P {ours['precision']:.5f} R {ours['recall']:.5f}；Splink P {stock['precision']:.5f} R {stock['recall']:.5f}（阈值 {stock['threshold']}，看着真相挑的）"
    return [
        Figure("d", "关联用时 ÷ Splink 通用流程", 0.5, True, ours["link"] / stock["seconds"], detail),
        Figure("d", "关联召回率 ÷ Splink 通用流程", 1, False, ours["recall"] / max(stock["recall"], 1e-9), recall),
    ]


# What grows: part → (name, seconds or megabytes of its measurement).
GROWING = {
    "全新装载": ("cold", "seconds"),
    "下限": ("floor", "seconds"),
    "一周": ("week", "seconds"),
    "内存峰值": ("cold", "peak_mb"),
    "关联": ("linkage", "ours.link"),
    "关联的内存": ("linkage", "ours.peak_mb"),
    "Splink 通用流程": ("linkage", "stock.seconds"),
    "检查": ("checks", "ours"),
}


def value(told: Told, part: str, path: str) -> float | None:
    """A number out of a part's measurement; None when it was not measured."""
    found: Any = told.get(part)
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return None if found is None else float(found)


def growth(sizes: Mapping[int, Told]) -> dict[str, list[tuple[int, float, float | None]]]:
    """What → (persons, value, exponent since the size before): 1 = it grows as the city does, 0 = not at all."""
    grown: dict[str, list[tuple[int, float, float | None]]] = {}
    for name, (part, path) in GROWING.items():
        points = [(n, v) for n in sorted(sizes) if (v := value(sizes[n], part, path))]
        grown[name] = [(n, v, _exponent(points, i)) for i, (n, v) in enumerate(points)]
    return {k: v for k, v in grown.items() if v}


def _exponent(points: Sequence[tuple[int, float]], i: int) -> float | None:
    if not i:
        return None
    (n, a), (m, b) = points[i - 1], points[i]
    return math.log(b / a) / math.log(m / n)
