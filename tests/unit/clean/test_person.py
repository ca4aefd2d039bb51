"""公民身份号码 (standards.md §1), names of persons, sex and the other person codes, telephones."""

from typing import Any

import pytest

# Delivered, usable number, state, problem, why. Born 1900–1904: no living holder is plausible.
CITIZEN_IDS = [
    ("11010519491231002X", "11010519491231002X", "ok", None, "the specimen of the standard"),
    ("440524188001010014", "440524188001010014", "ok", None, "born in 1880: the year alone refuses nobody"),
    ("11010519491231002x", "11010519491231002X", "ok", "id_format", "a small x"),
    ("５１０５０２１９０００１０１００１７", "510502190001010017", "ok", "id_format", "full-width digits"),
    (" 510502 19000101 0017 ", "510502190001010017", "ok", "id_format", "blanks"),
    ("'510502190001010017", "510502190001010017", "ok", "id_format", "a spreadsheet's text mark"),
    ("身份证510502190001010017", "510502190001010017", "ok", "id_format", "the word in front"),
    ("510502190001010017(身份证)", "510502190001010017", "ok", "id_format", "the word behind"),
    ("510502-19000101-0017", "510502190001010017", "ok", "id_format", "hyphens"),
    ("NO.510502190001010017（补）", "510502190001010017", "ok", "id_format", "other words around the one number"),
    ("11010519491231002×", "11010519491231002X", "ok", "id_format", "a multiplication sign for X"),
    ("512524190001010025", "512524190001010025", "ok", None, "a county code retired since is valid for life"),
    ("510599190001010016", "510599190001010016", "ok", None, "a county nobody knows is no reason to refuse"),
    ("810000190001010018", "810000190001010018", "ok", None, "residence permit of Hong Kong"),
    ("510502190402290013", "510502190402290013", "ok", None, "1904 was a leap year"),
    ("510521190002290013", None, "invalid", "id_date", "1900 was not"),
    ("510502210001010012", None, "invalid", "id_date", "nobody is born in the future"),
    ("110105194912310021", None, "invalid", "id_check", "wrong check digit"),
    ("11010519491231020X", None, "invalid", "id_check", "two digits exchanged"),
    ("51O502190001010017", None, "invalid", "id_length", "the letter O for zero is kept as text"),
    ("51050219000101001", None, "invalid", "id_length", "seventeen digits"),
    ("110105491231002", "11010519491231002X", "legacy15", "id_legacy15", "fifteen digits: century 19"),
    ("510502000101001", "510502190001010017", "legacy15", "id_legacy15", "born in 1900"),
    ("510502991231996", "510502189912319965", "legacy15", "id_legacy15", "sequence 996–999 was kept for centenarians: 18"),
    ("510502991331996", None, "invalid", "id_date", "fifteen digits without a date inside"),
    ("51050219000101001744", "510502190001010017", "extended", "id_extended", "disability card: number, kind, grade"),
    ("5105**********123X", None, "masked", "id_masked", "masked in the middle"),
    ("510502XXXXXXXX123X", None, "masked", "id_masked", "masked with X"),
    ("E12345678", None, "other_document", None, "a passport"),
    ("H12345678", None, "other_document", None, "a mainland travel permit"),
    (None, None, "missing", None, "empty"),
    ("　", None, "missing", None, "an ideographic blank is empty"),
    ("无", None, "missing", "id_missing", "a word for nothing"),
    ("暂无", None, "missing", "id_missing", "a word for nothing"),
    ("正在办理", None, "missing", "id_missing", "words without any digit"),
    ("000000000000000000", None, "missing", "id_missing", "eighteen zeros"),
]


def test_citizen_ids_are_read_by_the_standard(by_rule: Any) -> None:
    got = by_rule("citizen_id", [c[0] for c in CITIZEN_IDS])
    for (_, number, state, problem, why), g in zip(CITIZEN_IDS, got, strict=True):
        assert (g[""], g["_state"], g["problem"]) == (number, state, problem), why


def test_the_text_of_an_unusable_number_is_kept_normalised(by_rule: Any) -> None:
    got = by_rule("citizen_id", ["51O502190001010017", "510502XXXXXXXX123X", "（军字第1234567号）"])
    assert [g["_text"] for g in got] == ["51O502190001010017", "510502********123X", "(军字第1234567号)"]


NAMES = [
    ("张三", "张三", "ok", None, "as it should be"),
    ("张 三", "张三", "ok", "name_decorated", "a blank inside"),
    ("张　三", "张三", "ok", "name_decorated", "an ideographic blank inside"),
    ("买买提•阿不都", "买买提·阿不都", "ok", "name_decorated", "another middle dot"),
    ("买买提．阿不都", "买买提·阿不都", "ok", "name_decorated", "a full-width stop for a middle dot"),
    ("阿.木.提", "阿·木·提", "ok", "name_decorated", "stops between single characters"),
    ("李四（户主）", "李四", "ok", "name_decorated", "what he is stands behind"),
    ("王五2", "王五", "ok", "name_decorated", "a number behind"),
    ("王?", "王?", "rare", "name_rare", "a question mark for a rare character"),
    ("李美□", "李美□", "rare", "name_rare", "a box for a rare character"),
    ("陈燕miao", "陈燕miao", "rare", "name_rare", "pinyin for a rare character"),
    ("张某", "张某", "partial", "name_partial", "part of the name withheld"),
    ("李春雨之子", "李春雨之子", "unnamed", None, "a newborn without a name"),
    ("+傅国志", "傅国志", "ok", "name_hazard", "a formula's sign in front of a name"),
    ("<script>alert(1)</script>", "<script>alert(1)</script>", "hazard", "name_hazard", "markup is text"),
    ("'; DROP TABLE person;--", "'; DROP TABLE person;--", "hazard", "name_hazard", "SQL is text"),
    ("=cmd|'/C calc'!A0", "=cmd|'/C calc'!A0", "hazard", "name_hazard", "a formula is text"),
    ("无", None, "missing", "name_missing", "a word for nothing"),
    (None, None, "missing", None, "empty"),
]


def test_names_of_persons_are_normalised_and_hazards_kept_as_text(by_rule: Any) -> None:
    got = by_rule("person_name", [n[0] for n in NAMES])
    for (_, name, state, problem, why), g in zip(NAMES, got, strict=True):
        assert (g[""], g["_state"], g["problem"]) == (name, state, problem), why


def test_a_former_name_in_brackets_is_kept_apart(by_rule: Any) -> None:
    got = by_rule("person_name", ["李小四(曾用名：李四)", "李小四（原名 李四）", "李四（户主）"])
    assert [(g[""], g["_former"]) for g in got] == [("李小四", "李四"), ("李小四", "李四"), ("李四", None)]


CODES = [
    ("sex", "1", "1", "the code"),
    ("sex", "男", "1", "the label"),
    ("sex", "F", "2", "a letter"),
    ("sex", "1 男", "1", "code and label"),
    ("sex", "男性", "1", "another word"),
    ("sex", "男(1)", "1", "label and code"),
    ("sex", "9", None, "not stated stays unknown"),
    ("sex", "未说明", None, "not stated stays unknown"),
    ("ethnicity", "1", "01", "the leading zero is lost"),
    ("ethnicity", "汉族", "01", "the name"),
    ("ethnicity", "苗", "06", "the name without 族"),
    ("ethnicity", "毛难族", "36", "an old name"),
    ("ethnicity", "57", "97", "an old system's number for 其他"),
    ("ethnicity", "99", None, "not stated stays unknown"),
    ("ethnicity", "77", None, "in no table"),
    ("education", "60", "60", "the code"),
    ("education", "高中", "60", "the name"),
    ("education", "50", "40", "the 1984 edition's technical school"),
    ("education", "88", None, "in no table"),
    ("marital_status", "2", "20", "an old one-digit code"),
    ("marital_status", "离异", "40", "another word"),
    ("kin_relation", "2", "02", "the leading zero is lost"),
    ("kin_relation", "之母", "52", "as poverty relief writes it"),
    ("kin_relation", "户主", "02", "the label"),
]


@pytest.mark.parametrize("rule", sorted({c[0] for c in CODES}))
def test_person_codes_are_read_from_code_name_or_old_code(by_rule: Any, rule: str) -> None:
    cases = [c for c in CODES if c[0] == rule]
    for (_, _, code, why), g in zip(cases, by_rule(rule, [c[1] for c in cases]), strict=True):
        assert g[""] == code, why


PHONES = [
    ("13812345679", "13812345679", None, "as it should be"),
    ("+8613812345679", "13812345679", "phone_format", "the country in front"),
    ("86-18898458857", "18898458857", "phone_format", "the country in front"),
    ("181-4828-9027", "18148289027", "phone_format", "dashes"),
    ("13812345679.0", "13812345679", "phone_format", "a spreadsheet's number"),
    ("13812345679/13912345670", "13812345679", "phone_format", "two numbers: the first"),
    ("0830-7281579", "08307281579", None, "a land line"),
    ("11111111111", None, "phone_filler", "a filler"),
    ("13800000000", None, "phone_filler", "a filler"),
    ("1234567", None, "phone_filler", "a filler"),
    ("1381234567", None, "phone_invalid", "too short"),
    ("(+86)13812345679", "13812345679", "phone_format", "the country in brackets"),
    ("8308281579", "08308281579", "phone_format", "the area code lost its zero"),
    ("无", None, None, "a word for nothing"),
]


def test_phones_are_reduced_to_digits_and_fillers_emptied(by_rule: Any) -> None:
    got = by_rule("phone", [p[0] for p in PHONES])
    for (_, number, problem, why), g in zip(PHONES, got, strict=True):
        assert (g[""], g["problem"]) == (number, problem), why
