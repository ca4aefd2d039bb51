"""Dates, numbers, coordinates, codes, addresses, periods: every form that fates.md names."""

import random
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

DAY = date(2018, 3, 1)
DATES = [
    ("20180301", DAY, None, "eight digits"),
    ("2018-03-01", DAY, None, "ISO"),
    ("2018/3/1", DAY, None, "slashes"),
    ("2018/03/01", DAY, None, "slashes"),
    ("2018.03.01", DAY, None, "stops"),
    ("2018年03月01日", DAY, None, "Chinese"),
    ("2018年3月1日", DAY, None, "Chinese without zeros"),
    ("２０１８－０３－０１", DAY, None, "full width"),
    ("二〇一八年三月一日", DAY, None, "Chinese numerals"),
    ("2018-03-01 08:30:00", DAY, None, "with a time"),
    ("2018-02-28T20:30:00Z", DAY, None, "with a time in London"),
    ("2018 03 01", DAY, None, "blanks"),
    ("20180301 08:30", DAY, None, "eight digits and a time"),
    ("2018-03-01（补录）", DAY, None, "a remark behind"),
    ("43160", DAY, None, "a spreadsheet's day number"),
    ("2017-02-30", None, "not_a_date", "no such day"),
    ("20171345", None, "not_a_date", "no such month"),
    ("2016-01-32", None, "not_a_date", "no such day"),
    ("00000000", None, "not_a_date", "zeros"),
    ("2016年", None, "not_a_date", "only a year"),
    ("1900-01-01", None, "filler_date", "a filler"),
    ("9999-12-31", None, "filler_date", "a filler"),
    ("2099-12-31", None, "filler_date", "a filler"),
    ("长期", None, "filler_date", "a filler"),
    (None, None, None, "empty"),
]


def test_dates_are_read_in_every_delivered_form(by_rule: Any) -> None:
    for (_, day, problem, why), g in zip(DATES, by_rule("date", [d[0] for d in DATES]), strict=True):
        assert (g[""], g["problem"]) == (day, problem), why


def test_a_required_date_that_cannot_be_read_refuses_the_row_and_a_filler_does_not(by_rule: Any) -> None:
    got = by_rule("date", ["2017-02-30", "不详", "2016年", None, "9999-12-31", "20180301"], required=True)
    assert [g["reasons"] for g in got] == [
        ["bad_date: 列“值”的值“2017-02-30”不是日历上的日期"],
        ["bad_date: 列“值”的值“不详”不是日历上的日期"],
        ["bad_date: 列“值”的值“2016年”不是日历上的日期"],
        ["bad_date: 列“值”为空"],
        [],
        [],
    ]


def test_an_end_without_end_is_nothing_to_report(by_rule: Any) -> None:
    got = by_rule("end_date", ["长期", "9999-12-31", "2099/12/31", "2020-12-06", "2020-13-06"], required=True)
    assert [g[""] for g in got] == [None, None, None, date(2020, 12, 6), None]
    assert [g["problem"] for g in got] == [None, None, None, None, "not_a_date"]


def test_nobody_is_born_after_the_business_date(by_rule: Any) -> None:
    got = by_rule("date", ["2018-03-15", "2018-03-16"], name="birth_date")
    assert [(g[""], g["problem"]) for g in got] == [(date(2018, 3, 15), None), (None, "future_date")]


def test_times_are_local_to_shanghai(by_rule: Any) -> None:
    delivered = [
        "2018-03-01 08:30:00",
        "2018-03-01T00:30:00Z",
        "2018-03-01T08:30:00+08:00",
        "2018/3/1 8:30",
        "20180301083000",
        "2018-03-01",
    ]
    moments = [g[""] for g in by_rule("datetime", delivered)]
    assert moments == [datetime(2018, 3, 1, 8, 30)] * 5 + [datetime(2018, 3, 1)]
    (wrong,) = by_rule("datetime", ["2018-03-01 25:30:00"], required=True)
    assert wrong["reasons"][0].startswith("bad_date: ")


def test_months_and_years_are_read_from_what_names_them(by_rule: Any) -> None:
    months = by_rule("year_month", ["201509", "2015-09", "2015年9月", "2015-09-17", "201513"])
    assert [g[""] for g in months] == [date(2015, 9, 1)] * 4 + [None]
    assert [g[""] for g in by_rule("year", ["2017", "2017年", "2017年度", "2017.0", "2017-05-01", "去年"])] == ["2017"] * 5 + [None]


AMOUNTS = [
    ("100", "万元", 1_000_000, "the column's unit"),
    ("100万元", "万元", 1_000_000, "the unit in the text is the column's"),
    ("5000元", "万元", 5_000, "the unit in the text is another"),
    ("1,234.5", "元", Decimal("1234.5"), "thousands"),
    ("¥1,234", None, 1234, "a sign in front"),
    ("30户", None, 30, "households"),
    ("约500人", None, 500, "about"),
    ("约8万", "元", 80_000, "ten thousands in the text"),
    ("1072514万美元", "万元", 10_725_140_000, "ten thousands of dollars"),
    ("无", "元", None, "a word for nothing"),
    ("见附件", "元", None, "no number in it"),
    ("见附件一", "元", None, "a numeral that is no amount"),
    ("一般", "元", None, "a word that begins like one"),
    ("第3项", "元", 3, "the only number there is"),
    ("壹佰贰拾万元整", "元", 1_200_000, "numerals of accounts"),
    ("壹佰贰拾万元整", "万元", 1_200_000, "their 元 outranks the column's unit"),
    ("人民币壹仟零壹拾元伍角叁分", "元", Decimal("1010.53"), "with 角 and 分"),
    ("一百二十万", "元", 1_200_000, "everyday numerals"),
    ("一百二十", "万元", 1_200_000, "everyday numerals in the column's unit"),
    ("一万二", "元", 12_000, "the short form"),
    ("一万零二", "元", 10_002, "not the short form"),
    ("两千", "元", 2_000, "as spoken"),
    ("十五", "元", 15, "a ten without a one"),
    ("二〇一八", None, 2018, "digits one by one"),
    ("三点五亿元", "元", 350_000_000, "a decimal point in words"),
    ("12万3千元", "元", 123_000, "digits and words"),
    ("1.2亿", "元", 120_000_000, "a scale in the text"),
    ("１２，３４５.６０", "元", Decimal("12345.6"), "full width"),
    ("(1,234.50)", "元", Decimal("-1234.5"), "accountants' minus"),
    ("（12.5万元）", "元", -125_000, "accountants' minus with a unit"),
    ("负3.5", "元", Decimal("-3.5"), "a minus in words"),
    ("−3.5", "元", Decimal("-3.5"), "a typographer's minus"),
    ("9" * 60 + "亿", "元", None, "beyond any amount"),
    ("亿" * 60, "元", None, "units without a number"),
]


@pytest.mark.parametrize(("text", "unit", "value", "why"), AMOUNTS)
def test_amounts_have_the_number_that_the_text_has(by_rule: Any, text: str, unit: str | None, value: Any, why: str) -> None:
    (g,) = by_rule("amount", [text], unit=unit)
    assert g[""] == value, why


QUANTITIES = [
    ("0.2", Decimal("0.2")),
    ("2000元", Decimal("0.2")),
    ("0.2万元", Decimal("0.2")),
    ("贰仟元整", Decimal("0.2")),
    ("1.5亿", 15_000),
    ("一百二十", 120),
]


@pytest.mark.parametrize(("text", "value"), QUANTITIES)
def test_a_quantity_stays_in_the_columns_unit_whatever_unit_the_text_says(by_rule: Any, text: str, value: Any) -> None:
    (g,) = by_rule("number", [text], unit="万元")
    assert g[""] == value


EVERYDAY, ACCOUNTS = ("零一二三四五六七八九", "十百千"), ("零壹贰叁肆伍陆柒捌玖", "拾佰仟")


def in_words(number: int, digits: str, units: str) -> str:
    """A number below 10¹⁶ in words, group by group of four digits: the conversion that the macros are held against."""
    groups, words = [number // 10**p % 10_000 for p in (12, 8, 4, 0)], ""
    for group, name in zip(groups, ("万亿" if groups[1] == 0 else "万", "亿", "万", ""), strict=True):
        if group == 0:
            continue
        figures, said = f"{group:04d}", ""
        for at, figure in enumerate(figures):
            if figure != "0":
                gap = at > 0 and figures[at - 1] == "0" and (said or words)
                said += (digits[0] if gap else "") + digits[int(figure)] + (units[2 - at] if at < 3 else "")
        words += (digits[0] if words and group >= 1000 and words[-1] not in "万亿" else "") + said + name
    return words or digits[0]


NUMBERS = [n for e in range(1, 13) for n in (10**e - 1, 10**e, 10**e + 1, 3 * 10**e + 20, 12 * 10**e + 305, 987_654_321_012 % 10**e)]


@pytest.mark.parametrize("written", [EVERYDAY, ACCOUNTS], ids=["everyday", "accounts"])
def test_numbers_in_words_are_read_as_they_are_written(by_rule: Any, written: tuple[str, str]) -> None:
    chance = random.Random(2018)
    numbers = NUMBERS + [chance.randrange(10 ** chance.randrange(1, 13)) for _ in range(400)]
    got = by_rule("number", [in_words(n, *written) for n in numbers] + [in_words(n, *written) + "元整" for n in numbers])
    assert [g[""] for g in got] == [Decimal(n) for n in numbers * 2]


def test_a_required_number_without_a_number_refuses_the_row(by_rule: Any) -> None:
    got = by_rule("number", ["见附件", None, "1,234.50", "-3"], required=True)
    assert [g["reasons"] for g in got] == [["bad_number: 列“值”的值“见附件”不是数字"], ["bad_number: 列“值”为空"], [], []]
    assert [g[""] for g in got] == [None, None, Decimal("1234.5"), Decimal(-3)]


def test_a_required_code_is_good_only_when_its_table_lists_it(by_rule: Any) -> None:
    got = by_rule("code", ["结婚", "离婚登记", "再议", None], codes="marriage_event", required=True)
    assert [g[""] for g in got] == ["marriage", "divorce", None, None]
    assert [g["reasons"] for g in got] == [[], [], ["bad_code: 列“值”的值“再议”不在代码表中"], ["bad_code: 列“值”为空"]]
    assert [g[""] for g in by_rule("code", ["0", "1", "2", "7", "1.0", "-1"], codes="register_status", required=True)] == [
        "living", "dead", "moved_out", None, "dead", None,
    ]  # fmt: skip
    assert [g[""] for g in by_rule("code", ["A", "Ａ", "E"], codes="tax_grade")] == ["A", "A", None]


def test_a_long_value_is_cut_in_a_reason(by_rule: Any) -> None:
    (g,) = by_rule("number", ["见" * 60], required=True)
    assert g["reasons"] == [f"bad_number: 列“值”的值“{'见' * 40}…”不是数字"]


def test_choices_are_read_from_free_words(by_rule: Any) -> None:
    assert [g[""] for g in by_rule("yes_no", ["是", "否", "部分", "√", "已接入", "未接入", "无"])] == [
        "yes", "no", "partly", "yes", "yes", "no", "no",
    ]  # fmt: skip
    kinds = by_rule("party_kind", ["法人及非法人组织", "自然人", "个体工商户", "其他"])
    assert [g[""] for g in kinds] == ["entity", "person", "self_employed", None]


def test_addresses_keep_their_words_and_lose_blanks_and_wide_digits(by_rule: Any) -> None:
    got = by_rule("address", ["四川省泸州市 江阳区１２５号", '"江阳区酒城大道1号"', "=江阳区1号", "不详", "#3-2-501"])
    assert [g[""] for g in got] == ["四川省泸州市江阳区125号", "江阳区酒城大道1号", "江阳区1号", None, "#3-2-501"]


def test_region_codes_have_six_or_twelve_digits(by_rule: Any) -> None:
    got = by_rule("region_code", ["510502", "510502001", "510502001001", "510502001001003", "51", "泸县", "510502.0"])
    assert [g[""] for g in got] == ["510502", "510502001000", "510502001001", "510502001001", "510000", None, "510502"]


PERIODS = [
    ("2018年1-2月泸州市主要经济指标", "2018-02"),
    ("2018年1－2月", "2018-02"),
    ("运输月报_201801.xlsx", "2018-01"),
    ("2017年2月", "2017-02"),
    ("2016年泸州市分县主要农作物生产情况", "2016"),
    ("泸州市分县（区）主要经济指标（2015年）", "2015"),
    ("2018年第一季度", "2018-Q1"),
    ("2018Q3", "2018-Q3"),
    ("2018年上半年", "2018-06"),
    ("二〇一七年十二月", "2017-12"),
    ("Sheet1", None),
]


def test_periods_are_read_from_titles_sheets_and_file_names(by_rule: Any) -> None:
    assert [g[""] for g in by_rule("period_in_text", [p[0] for p in PERIODS])] == [p[1] for p in PERIODS]


def test_indicator_names_lose_indent_marks_and_footnotes(by_rule: Any) -> None:
    got = by_rule("indicator_name", ["  #白酒产业增加值", "规模以上工业增加值①", "进出口总额*", "其中：房地产 开发投资"])
    assert [g[""] for g in got] == ["白酒产业增加值", "规模以上工业增加值", "进出口总额", "房地产开发投资"]


def test_figures_stay_as_they_were_delivered(by_rule: Any) -> None:
    assert [g[""] for g in by_rule("figure", [" 1,234 ", "…", "123①", "—"])] == ["1,234", "…", "123①", "—"]
