"""The picture of the scores."""

from etl.report import chart


def test_the_picture_is_a_small_png_and_its_words_say_the_same() -> None:
    lines = chart.lines({"accuracy": (91.4, 93.0), "normativity": (98.6, 97.9), "accessibility": (None, None), "total": (96.0, None)})
    assert [line[0] for line in lines] == ["规范性", "准确性", "可访问性"]
    png = chart.scores(lines)
    assert png is not None
    assert png.startswith(b"\x89PNG")
    assert len(png) < 60_000
    assert chart.alt(lines) == "各维度得分：规范性 98.6（↑0.7），准确性 91.4（↓1.6），可访问性 不适用"


def test_without_scores_there_is_no_picture() -> None:
    assert chart.scores([]) is None
    assert chart.scores([("规范性", None, 90.0)]) is None
