"""What leaves the house is never whole, and still tells the clerk what is wrong."""

import re

import pytest

from etl import spec
from etl.report import mask
from etl.report.masker import Masker


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("510502199001011234", "510502********1234"),
        ("51050219900101123x", "510502********123x"),
        ("510502900101123", "510502******123"),
        ("51050219900101123", "510502*******1123"),  # a digit is missing: the length stays visible
        ("51050219900101123402", "510502**********3402"),
        ("５１０５０２１９９００１０１１２３４", "５１０５０２********１２３４"),
        ("510502 19900101 1234", "510502 ******** 1234"),
        ("'510502199001011234", "'510502********1234"),
        ("身份证510502199001011234", "身份证510502********1234"),
        ("5105**********123X", "5105**********123X"),
        ("E12345678", "E1*****78"),
        ("无", "无"),
        ("暂无", "暂无"),
    ],
)
def test_an_identity_number_keeps_six_and_four(text: str, shown: str) -> None:
    assert mask.identifier(text) == shown


def test_a_name_in_an_identity_column_is_hidden() -> None:
    assert mask.identifier("张三") == "**"
    assert mask.identifier("张三510502199001011234").endswith("*1234")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("13812345678", "138****5678"),
        ("138-1234-5678", "138-****-5678"),
        ("+8613812345678", "+861******5678"),
        ("13812345678/13912345679", "138****5678/139****5679"),
        ("1381234567", "138****567"),
        ("13812345678.0", "138****5678.0"),
        ("0830-2345678", "083*-***5678"),
        ("张三 13812345678", "张* 138****5678"),
        ("无", "无"),
    ],
)
def test_a_phone_number_keeps_three_and_four(text: str, shown: str) -> None:
    assert mask.phone(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("张三", "张*"),
        ("张小三", "张*三"),
        ("欧阳小明", "欧**明"),
        ("张 三", "张 *"),
        ("王?明", "王?*"),
        ("张三（户主）", "张*（户主）"),
        ("买买提·艾合买提", "买**·****"),
        ("𠮷田三", "𠮷*三"),
        ("葛\U000e0100小", "葛\U000e0100*"),
        ("张三510502199001011234", "张*******************"),
    ],
)
def test_a_name_keeps_its_first_character_and_from_three_on_its_last(text: str, shown: str) -> None:
    assert mask.person(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("四川省泸州市江阳区华阳街道酒城大道12号3栋2单元501", "四川省泸州市江阳区华阳街道****"),
        ("古蔺县古蔺镇迎宾路3号", "古蔺县古蔺镇****"),
        ("江阳区江阳南路12号", "江阳区****"),
        ("南光路3号", "****"),
        ("四川省泸州市合江县", "四川省泸州市合江县"),  # nothing follows: that is what is wrong
        ("不详", "不详"),
    ],
)
def test_an_address_ends_at_the_town(text: str, shown: str) -> None:
    assert mask.address(text) == shown


def test_a_code_is_shown_unless_it_is_a_citizen_id() -> None:
    assert mask.code("91510500MA6211111X") == "91510500MA6211111X"
    assert mask.code("915105007118066311") == "915105007118066311"
    assert mask.code("510500000012345") == "510500000012345"
    assert mask.code("510502199001011234") == "510502********1234"
    assert mask.code("51O502199001011234") == "51O502********1234"
    assert mask.code("51050219900101123400") == "510502**********3400"


def test_a_party_is_masked_when_it_could_be_a_person() -> None:
    assert mask.party("张三") == "张*"
    assert mask.party("欧阳小明") == "欧**明"
    assert mask.party("泸州某某有限公司") == "泸州某某有限公司"
    assert mask.party("江阳区陈小明水果店") == "江阳区陈**水果店"


def test_identifiers_in_free_text_are_found_by_their_looks() -> None:
    text = mask.free("请联系13812345678或0830-2345678，证件510502199001011234，邮箱abc@example.com，住酒城大道一段12号3栋2单元501")
    assert "13812345678" not in text
    assert "2345678" not in text
    assert "19900101" not in text
    assert "abc@" not in text
    assert "12号" not in text
    assert (
        mask.free("2017-02-30 08:00:00，批次20180301-12345678，91510500MA6211111X")
        == "2017-02-30 08:00:00，批次20180301-12345678，91510500MA6211111X"
    )


def test_a_date_column_shows_dates_and_hides_what_slipped_into_it() -> None:
    assert mask.figure("2017-02-30") == "2017-02-30"
    assert mask.figure("2016年") == "2016年"
    assert mask.figure("不详") == "不详"
    assert mask.figure("张三") == "张*"
    assert mask.figure("13812345678") == "138****5678"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1987-02-11", "1987-**-**"),
        ("19870211", "1987****"),
        ("1987年2月11日", "1987年*月**日"),
        ("1987-02-11 08:30:00", "1987-**-** **:**:**"),
        ("一九八七年二月十一日", "一九八七年*月**日"),
        ("1987-02-30", "1987-02-30"),
        ("00000000", "00000000"),
        ("1900-01-01", "1900-01-01"),
        ("不详", "不详"),
        ("", ""),
    ],
)
def test_a_birth_date_keeps_its_year_alone_unless_it_is_no_date(text: str, shown: str) -> None:
    assert mask.birthday(text) == shown
    assert Masker.of(spec.load(), "public_security/household_register").value("csrq", text) == shown


def test_who_is_named_beside_a_phone_number_is_masked() -> None:
    assert mask.phone("电话13900000001转张三") == "电话139****0001转张*"
    assert mask.phone("13900000001（转村口王大娘）") == "139****0001（转*****）"


def test_a_reason_calls_a_column_by_its_code_and_title() -> None:
    masker = Masker.of(spec.load(), "public_security/household_register")
    assert masker.sentence("列“csrq”的值“2016-01-32”不是日历上的日期") == "列“csrq（出生日期）”的值“2016-01-32”不是日历上的日期"
    assert masker.sentence("主键列“人口编号”为空") == "主键列“rkid（人口编号）”为空"


def test_a_long_text_is_cut_and_its_length_said() -> None:
    assert mask.prose("楼下的广场舞每天晚上十点以后还在跳，音响很大，希望有关部门尽快处理一下，谢谢") == "楼下的广场舞…（共 38 字，从略）"


def test_every_column_of_every_source_that_names_a_person_is_masked() -> None:
    """Whatever a department calls its columns: names, identity numbers, phones and addresses do not come out whole."""
    samples = {
        "person_name": "李桂芳",
        "citizen_id": "510502199001011234",
        "phone": "13812345678",
        "address": "四川省泸州市江阳区酒城大道12号3栋",
    }
    registry = spec.load()
    for name, source in registry.sources.items():
        masker = Masker.of(registry, name)
        for column, declared in source.columns.items():
            if declared.rule in samples and masker.kind(column) != "place":
                assert masker.value(column, samples[declared.rule]) != samples[declared.rule], f"{name} {column}"
            assert "19900101" not in masker.value(column, samples["citizen_id"]), f"{name} {column}"
            assert "13812345678" not in masker.value(column, samples["phone"]), f"{name} {column}"


def test_a_key_with_a_citizen_id_or_a_name_in_it_is_masked_and_said_to_be() -> None:
    registry = spec.load()
    assert Masker.of(registry, "education/students").key("G510502199001011234") == ("G510502********1234", True)
    shown, hidden = Masker.of(registry, "court/dishonest_debtors").key("（2018）川0502执12号|李桂芳")
    assert (shown, hidden) == ("（2018）川0502执12号|李*芳", True)
    assert Masker.of(registry, "health/health_records").key("DA000123") == ("DA000123", False)
    floating = Masker.of(registry, "public_security/floating_population")
    assert floating.key("LD0381236594") == ("LD0381236594", False)  # a running number, not a telephone
    assert floating.key("LD013812345678") == ("LD013*****5678", True)
    assert Masker.of(registry, "health/health_records").key(None) == ("", False)


def test_a_reason_in_words_shows_dates_and_codes_and_hides_persons() -> None:
    masker = Masker.of(spec.load(), "health/health_records")
    assert masker.sentence("建档日期“2017-02-30”不是真实日期") == "建档日期“2017-02-30”不是真实日期"
    assert masker.sentence("建档日期“李桂芳 510502199001011234”不是真实日期") == "建档日期“李*芳 510502********1234”不是真实日期"
    assert masker.sentence("列“姓名”为空") == "列“姓名”为空"


def test_masking_never_lengthens_or_shortens_an_identifier() -> None:
    for n in range(5, 25):
        text = ("510502199001011234567890")[:n]
        assert len(mask.identifier(text)) == n
        assert re.search(r"\*", mask.identifier(text))
