"""The words and pictures of the site."""

import re
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

import pytest

from etl.site import charts, graph, history, words
from etl.site.graph import Node

DAYS = [date(2018, 3, 1), date(2018, 3, 8), date(2018, 3, 15)]


@pytest.mark.parametrize(
    ("part", "whole", "said"), [(0, 0, "—"), (0, 9, "0%"), (9, 9, "100%"), (1, 5000, "<0.1%"), (4999, 5000, ">99.9%"), (1, 8, "12.5%")]
)
def test_a_share_is_never_rounded_to_nothing_or_everything(part: int, whole: int, said: str) -> None:
    assert words.share(part, whole) == said


@pytest.mark.parametrize(("value", "said"), [(None, "不适用"), (100.0, "100"), (99.99, "99.9"), (0.0, "0.0")])
def test_a_score_without_anything_to_judge_is_not_full(value: float | None, said: str) -> None:
    assert words.score(value) == said


def test_the_sentence_of_a_refusal_is_not_shown_only_what_its_code_means() -> None:
    assert words.reason("bad_date: 列“出生日期”的值“张三”") == "必填日期不是真实日期"
    assert words.reason("张三 13800000000") == "其他原因"
    assert (
        words.unnumbered("如 510502199001011234、13812345678，资源 307051510500002")
        == "如 5105**********1234、138****5678，资源 307051510500002"
    )
    assert words.scrubbed("列“姓名”为“张三”，号码 51050219700101001X") == "列…为…，号码 …"


def test_a_bar_fills_its_length_and_shows_whatever_is_there() -> None:
    drawn = charts.stacked([("rows_new", "新增", 1_000_000), ("rows_changed", "变更", 0), ("rows_quarantined", "隔离", 1)], 1_000_001)
    widths = [float(w) for w in re.findall(r'width="([\d.]+)%" height="100%"><title>', drawn)]
    assert len(widths) == 2 and min(widths) >= 0.8 and sum(widths) <= 100.01
    assert 'aria-label="新增 1,000,000，隔离 1"' in drawn
    assert 'aria-label="没有行"' in charts.stacked([("rows_new", "新增", 0)], 0)


def test_a_line_stands_within_its_picture_and_says_its_name_and_last_value() -> None:
    drawn = charts.lines([("甲", list(zip(DAYS, [98.0, 99.0, 97.5], strict=True))), ("乙<b>", [(DAYS[2], 97.4)])], "得分", 180)
    ys = [float(y) for y in re.findall(r'cy="([\d.]+)"', drawn)]
    assert len(ys) == 4 and all(0 <= y <= 180 for y in ys)
    assert "甲 97.5</text>" in drawn and "乙&lt;b&gt; 97.4" in drawn and "<b>" not in drawn
    labels = sorted(float(y) for y in re.findall(r'class="end s\d" x="[\d.]+%" y="([\d.]+)"', drawn))
    assert labels[1] - labels[0] >= 14
    assert charts.lines([("空", [])], "得分") == ""


def test_the_axis_of_scores_ends_at_100_and_of_counts_begins_at_0() -> None:
    assert ">100</text>" in charts.lines([("", [(DAYS[0], 99.9)])], "得分") and ">0</text>" in charts.lines(
        [("", [(DAYS[0], 4014.0)])], "数", whole=True
    )


def test_boxes_of_a_layer_never_lie_on_each_other() -> None:
    nodes = [Node(f"a{n}", 0, f"来源{n}") for n in range(9)] + [
        Node("b0", 1, "甲"),
        Node("b1", 1, "乙"),
        Node("b2", 1, "丙", "说明", "x.html#甲&乙"),
    ]
    drawn = graph.draw(("左", "右"), nodes, [(f"a{n}", f"b{n % 2}") for n in range(9)], "图")
    boxes = [(float(x), float(y)) for x, y in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"', drawn)]
    for layer in {x for x, _ in boxes}:
        ys = sorted(y for x, y in boxes if x == layer)
        assert all(b - a >= graph.BOX for a, b in pairwise(ys))
    height = float(re.search(r'<svg width="\d+" height="(\d+)"', drawn).group(1))  # type: ignore[union-attr]
    assert max(y for _, y in boxes) + graph.BOX <= height
    assert 'href="x.html#甲&amp;乙"' in drawn and drawn.count('class="link"') == 9


def test_a_long_text_is_cut_by_its_width_not_by_its_letters() -> None:
    assert (
        graph.cut("公民身份号码", 12) == "公民身份号码"
        and graph.cut("公民身份号码", 10) == "公民身份…"
        and graph.cut("citizen_id", 10) == "citizen_id"
    )


@dataclass
class Weights:
    """As expectations/weights.yml says them."""

    severities: dict[str, float] = field(default_factory=lambda: {"critical": 5.0, "warning": 2.0, "info": 1.0})
    dimensions: dict[str, float] = field(default_factory=lambda: {"completeness": 20.0, "accuracy": 25.0})


def test_a_score_of_the_past_is_weighed_as_todays_are() -> None:
    claims = [
        ("a/b", DAYS[0], "completeness", "critical", 0.9, 1),
        ("a/b", DAYS[0], "completeness", "info", 1.5, 2),
        ("a/b", DAYS[0], "accuracy", "warning", 1.0, 1),
        ("a/b", DAYS[1], "accuracy", "warning", 0.5, 1),
    ]
    lines = history.of_datasets(claims, Weights())
    assert lines == {"a/b": [(DAYS[0], round(100 * (20 * 6 / 7 + 25) / 45, 2)), (DAYS[1], 50.0)]}


def test_a_mean_takes_each_line_as_it_stood_that_day() -> None:
    assert history.means([[(DAYS[0], 90.0), (DAYS[2], 96.0)], [(DAYS[1], 80.0)], []]) == [(DAYS[0], 90.0), (DAYS[1], 85.0), (DAYS[2], 88.0)]
