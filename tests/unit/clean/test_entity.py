"""Codes and names of legal entities (standards.md §2), electronic certificates (§9.2)."""

from typing import Any

USCCS = [
    "91110000600037341L", "91330100799655058B", "91110000802100433B", "91500111MACM8P5450", "91330108793696828A",
    "11100000000013338W", "11100000000013661B", "11100000MB03271699", "913201063025641008",
]  # fmt: skip
CODES = [
    ("91110000600037341M", "91110000600037341M", "invalid", "code_check", "wrong check character"),
    ("91110108592317351H", "91110108592317351H", "invalid", "code_check", "fabricated: neither check holds"),
    ("91510500MA6AAAAA0X", "91510500MA6AAAAA0X", "invalid", "code_check", "the embedded organisation code does not hold"),
    ("91510500MA6AAAAA4A", "91510500MA6AAAAA4A", "ok_uscc", None, "both checks hold"),
    ("91110000600037341l", "91110000600037341L", "ok_uscc", "code_format", "small letters"),
    ("9111OOOO600037341L", "91110000600037341L", "ok_uscc", "code_repaired", "O for 0, and the checks hold with 0"),
    ("统一社会信用代码：91510500MA6AAAAA4A(1-1)", "91510500MA6AAAAA4A", "ok_uscc", "code_format", "words around it"),
    ("60003734-1", "600037341", "ok_orgcode", "code_other_kind", "an organisation code"),
    ("110108000673293", "110108000673293", "ok_regno", "code_other_kind", "a registration number"),
    ("110108014664790", "110108014664790", "invalid", "code_check", "its check digit should be 7 less"),
    ("510502MACM8P545", "510502MACM8P545", "ok_taxno", "code_other_kind", "region and organisation code"),
    ("510502190001010017", "510502190001010017", "citizen_id", None, "an owner's own number"),
    ("51050219000101001700", "51050219000101001700", "citizen_id", None, "an owner's tax number"),
    ("5105**********123X", "5105**********123X", "masked", None, "masked by the court"),
    ("000000000000000000", None, "missing", "code_missing", "zeros"),
    ("-", None, "missing", "code_missing", "a stroke"),
    ("无", None, "missing", "code_missing", "a word for nothing"),
    ("12345", "12345", "invalid", "code_length", "no code at all"),
    (None, None, "missing", None, "empty"),
]


def test_credit_codes_that_are_valid_are_known_as_such(by_rule: Any) -> None:
    for code, g in zip(USCCS, by_rule("entity_code", list(USCCS)), strict=True):
        assert (g["_state"], g["_uscc"], g["_organization_code"], g["problem"]) == ("ok_uscc", code, code[8:17], None)


def test_a_credit_code_may_begin_with_a_letter(by_rule: Any) -> None:
    (g,) = by_rule("entity_code", ["N2510502MACM8P545" + "G"])
    assert g["_organization_code"] == "MACM8P545", "the organisation code inside holds whatever the last character"


def test_entity_codes_are_told_apart_by_form_and_check(by_rule: Any) -> None:
    got = by_rule("entity_code", [c[0] for c in CODES])
    for (_, text, state, problem, why), g in zip(CODES, got, strict=True):
        assert (g[""], g["_state"], g["problem"]) == (text, state, problem), why


def test_the_organisation_code_survives_a_wrong_last_character_of_the_credit_code(by_rule: Any) -> None:
    got = by_rule("entity_code", ["91110000600037341M", "510502MACM8P545", "60003734-1"])
    assert [g["_organization_code"] for g in got] == ["600037341", "MACM8P545", "600037341"]


def test_a_partys_code_is_an_entitys_or_a_persons(by_rule: Any) -> None:
    entity, person, masked, typo = by_rule(
        "party_code", ["91110000600037341L", "510502190001010017", "5105**********123X", "510502190001010018"]
    )
    assert (entity["_uscc"], entity["_citizen_id"], entity["_citizen_id_state"]) == ("91110000600037341L", None, None)
    assert (person["_uscc"], person["_citizen_id"], person["_citizen_id_state"]) == (None, "510502190001010017", "ok")
    assert (masked["_citizen_id"], masked["_citizen_id_text"], masked["_citizen_id_state"]) == (None, "5105**********123X", "masked")
    assert (typo["_citizen_id"], typo["_citizen_id_text"], typo["_citizen_id_state"]) == (None, "510502190001010018", "invalid")


def test_organisation_codes_lose_their_hyphen(by_rule: Any) -> None:
    got = by_rule("organization_code", ["60003734-1", "MACM8P545", "600037342", None])
    assert [(g[""], g["_state"]) for g in got] == [("600037341", "ok"), ("MACM8P545", "ok"), (None, "invalid"), (None, "missing")]


def test_registration_numbers_are_checked_by_mod_11_10(by_rule: Any) -> None:
    good = ["110108000673293", "500225017019686", "330108000000965", "320106000260887"]
    got = by_rule("registration_number", [*good, "110000012345678", "5105022001234", "abc"])
    assert [g["_state"] for g in got] == ["ok"] * 4 + ["invalid", "legacy13", "invalid"]


def test_names_of_entities_have_one_kind_of_bracket_and_no_blanks(by_rule: Any) -> None:
    delivered = ["泸州 天立(集团)有限公司", "泸州天立﻿有限公司", "@江阳区苏记美容店", "<b>泸州</b>", "无"]
    got = by_rule("entity_name", list(delivered))
    assert [g[""] for g in got] == ["泸州天立（集团）有限公司", "泸州天立有限公司", "江阳区苏记美容店", "<b>泸州</b>", None]
    assert [g["problem"] for g in got] == ["name_decorated", "name_decorated", "name_hazard", "name_hazard", "name_missing"]


CERTIFICATES = [
    ("1.2.156.3005.2.11100000000013338W032.11220000013544541J.2430599.001.F", "ok"),
    ("1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U", "ok"),
    ("1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.002.S", "ok"),
    ("1.2.156.3005.2.11100000MB03271699022.340100.000000016.001.9", "ok"),
    ("1.2.156.3005.2.11100000000013338W009.11330105002500287C.2025052201.002.0", "ok"),
    ("1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.V", "invalid"),
    ("2430599", "invalid"),
    (None, "missing"),
]


def test_certificate_identifiers_are_checked_by_mod_37_36_without_dots_and_root(by_rule: Any) -> None:
    assert [g["_state"] for g in by_rule("certificate_id", [c[0] for c in CERTIFICATES])] == [c[1] for c in CERTIFICATES]
