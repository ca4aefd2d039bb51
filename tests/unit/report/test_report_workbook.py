"""The workbook: nothing in it can run."""

import pytest

from etl.report import workbook


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1+1", "＠A1", "|cmd", "%0A=1"])
def test_text_that_a_spreadsheet_could_run_begins_with_an_apostrophe(text: str) -> None:
    assert workbook.plain(text) == "'" + text


def test_characters_that_a_workbook_cannot_hold_are_replaced() -> None:
    assert workbook.plain("张\x00三\x1f\ud800") == "张\ufffd三\ufffd\ufffd"


def test_sheet_names_are_unique_short_and_without_forbidden_characters() -> None:
    names = workbook._names(["姓名/性别[旧]:*?", "一" * 40, "一" * 40])
    assert len(set(names)) == 3
    assert all(len(n) <= 31 and not set("[]:*?/\\'") & set(n) for n in names)
