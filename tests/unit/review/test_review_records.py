"""A record by its name, its values as they may be shown, and the weights of a pair."""

from datetime import date

import pytest

from etl import spec
from etl.records import Record, Shown, Weight, weights


def test_a_key_may_hold_bars_itself() -> None:
    record = Record.of("health/health_records|a|b|self")
    assert record == Record("health/health_records", "a|b", "self")
    assert str(record) == "health/health_records|a|b|self"


def test_a_text_without_two_bars_names_no_record() -> None:
    with pytest.raises(ValueError):
        Record.of("health/health_records")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("citizen_id", "510502199001011234", "510502********1234"),
        ("phone", "13812345678", "138****5678"),
        ("name", "武晴", "武*"),
        ("residence_address", "泸州市江阳区南城街道佳乐路8号", "泸州市江阳区南城街道****"),
        ("birth_date", date(1990, 1, 1), "1990-01-01"),
        ("sex_code", "2", "女"),
        ("relation_to_head", None, ""),
    ],
)
def test_a_person_is_shown_masked(name: str, value: object, said: str) -> None:
    assert Shown(spec.load(), "person").value(name, value) == said


def test_unmasked_is_shown_as_it_is() -> None:
    assert Shown(spec.load(), "person", unmasked=True).value("phone", "13812345678") == "13812345678"


def test_a_key_that_is_an_identity_number_is_masked_too() -> None:
    record = Record("civil_affairs/subsistence_allowance", "510502199001011234", "self")
    assert "19900101" not in Shown(spec.load(), "person").record(record)


def test_an_entity_shows_its_code_and_hides_its_representative() -> None:
    shown = Shown(spec.load(), "entity")
    assert shown.value("uscc", "91510502MA6212345X") == "91510502MA6212345X"
    assert shown.value("legal_representative", "钱守信") == "钱*信"


def test_weights_come_the_prior_first_then_the_heaviest_and_nothing_where_there_was_nothing_to_compare() -> None:
    told = weights({"name": ["exact", 3.5], "birth": ["else", -6.1], "phone": None, "county": 0, "address": 4, "prior": -8})
    assert told == [Weight("prior", "", -8.0), Weight("address", "", 4.0), Weight("name", "exact", 3.5), Weight("birth", "else", -6.1)]


def test_no_field_of_the_libraries_wants_a_chinese_name() -> None:
    from etl.records import FIELDS
    from etl.review import ROWS

    assert {f for rows in ROWS.values() for f in rows} <= set(FIELDS)
