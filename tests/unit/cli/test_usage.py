"""Wrong usage is said in Chinese."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from etl.cli import usage
from etl.errors import UsageError


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("No such option: --ownr (Possible options: --owner)", "没有选项 --ownr；是不是 --owner？"),
        ("No such option: --nope", "没有选项 --nope"),
        ("No such command 'staus'.", "没有命令 staus；是不是 status？"),
        ("No such command 'zzz'.", "没有命令 zzz"),
        ("Missing argument 'DATASET'.", "缺少参数 DATASET"),
        ("Option '--out' requires an argument.", "选项 --out 后面要写值"),
        ("Got unexpected extra argument(s) (a b)", "多出来的参数：a、b"),
        ("Invalid value for '--persons': 'x' is not a valid integer.", "--persons 的值不对：应为整数"),
        ("Invalid value for '--change': Input should be a valid number, unable to parse string as a number", "--change 的值不对：应为数字"),
        ("Something else", "Something else"),
    ],
)
def test_the_parsers_english_is_put_into_chinese(english: str, chinese: str) -> None:
    assert usage.in_chinese(english, ["run", "status"]) == chinese


@pytest.mark.parametrize("arguments", [["nosuch"], ["preview"], ["report", "--ownr", "x"], ["bench", "--change", "x"], ["up", "extra"]])
def test_what_the_parser_in_use_says_is_known(arguments: list[str]) -> None:
    from etl.cli import app

    with pytest.raises(Exception) as refused:  # click's own, which typer carries with it
        CliRunner().invoke(app, arguments, standalone_mode=False, catch_exceptions=False)
    said = usage.in_chinese(refused.value.format_message())  # type: ignore[attr-defined]
    assert not any(word in said for word in ("No such", "Missing", "Invalid", "Got", "requires", "should"))


def test_metrics_are_not_written_into_a_folder_that_is_mistyped(tmp_path: Path) -> None:
    from etl.cli import app

    for place, said in ((tmp_path / "typo" / "jichu.prom", "没有文件夹"), (tmp_path, "是文件夹")):
        with pytest.raises(UsageError, match=said):
            CliRunner().invoke(app, ["metrics", "--out", str(place)], standalone_mode=False, catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []
