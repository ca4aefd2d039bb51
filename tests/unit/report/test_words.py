"""The words of the mail: scores, changes, deadlines, reasons."""

from datetime import date

from etl.report import words


def test_a_score_is_never_rounded_up_to_a_hundred() -> None:
    assert words.score(99.96) == "99.9"
    assert words.score(100) == "100"
    assert words.score(96.23) == "96.2"
    assert words.score(None) == "不适用"


def test_a_change_needs_something_to_compare_with() -> None:
    assert words.change(96.2, 95.4) == "↑0.8"
    assert words.change(95.0, 96.2) == "↓1.2"
    assert words.change(95.0, 95.01) == "持平"
    assert words.change(95.0, None) == ""


def test_ten_working_days_leave_out_weekends() -> None:
    assert words.working_days_after(date(2018, 3, 8), 10) == date(2018, 3, 22)


def test_a_reason_is_a_code_and_a_sentence() -> None:
    assert words.reason("missing_column: 缺少列“死亡日期”。") == ("missing_column", "缺少列“死亡日期”")
    assert words.reason("说明：没有代码") == ("", "说明：没有代码")
    assert words.reason(None) == ("", "")


def test_a_column_is_named_as_the_department_names_it() -> None:
    assert words.column("身份证号", None) == "身份证号"
    assert words.column("aac002", "身份证号") == "aac002（身份证号）"
    assert words.column("@geometry", None) == "图形"
