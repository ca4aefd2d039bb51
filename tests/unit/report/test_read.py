"""How values of the libraries are shown in a mail."""

from etl import spec
from etl.report.facts import Row
from etl.report.read import Reader


def test_a_birth_date_keeps_its_year_alone_for_beside_a_masked_number_it_would_complete_it() -> None:
    reader = Reader.__new__(Reader)
    reader.registry = spec.load()
    assert reader._value("population", "birth_date", "2000-06-09") == "2000-**-**"
    assert reader._value("population", "birth_date", None) == ""
    assert reader._value("legal_entity", "established_on", "2000-06-09") == "2000-06-09"


def test_a_row_without_a_key_to_show_is_found_by_the_day_of_its_delivery_and_its_number() -> None:
    row = Row("a/b", "甲", "G510522********3289", True, "20180301-686c3204", 47, "列", "值", "应为")
    assert row.place == "3月1日交付 20180301-686c3204 第 47 行"


def test_a_row_with_a_key_is_found_by_it_and_by_the_file_of_several_weeks_in_which_its_number_counts() -> None:
    row = Row("a/b", "甲", "9768535427", False, "20180301-686c3204", 35, "列", "值", "应为")
    assert row.place == "3月1日交付第 35 行 · 9768535427"
