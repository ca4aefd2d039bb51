"""Credit, certificates and statistics in a real PostGIS: what is shown outward on which day, and what stays."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pipeline_kit import City, execute, separated

PENALTIES, LISTS, DEBTORS = "development_reform/penalties", "development_reform/red_black_lists", "court/dishonest_debtors"
OLD = [
    "行政处罚决定书文号", "处罚类别1", "处罚事由", "处罚依据", "行政相对人名称", "行政相对人代码_1(统一社会信用代码)", "行政相对人代码_2(组织机构代码)",
    "行政相对人代码_3(工商登记码)", "行政相对人代码_4(税务登记号)", "行政相对人代码_5(居民身份证号)", "法定代表人姓名", "处罚结果", "处罚决定日期", "处罚机关", "当前状态",
]  # fmt: skip


def book(*sheets: tuple[str, Sequence[Sequence[Any]]]) -> bytes:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets:
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    held = io.BytesIO()
    made.save(held)
    return held.getvalue()


def old_penalty(number: str, decided: str, state: str = "0") -> list[Any]:
    return [
        number,
        "罚款",
        "未按期公示",
        "条例",
        "甲公司",
        "91510502MA00000001",
        None,
        None,
        None,
        None,
        "某",
        "罚款0.2万元",
        decided,
        "市工商局",
        state,
    ]


def listed(kind: str, name: str, since: str, until: str) -> dict[str, str]:
    return dict(
        zip(
            ["名单类型", "主体名称", "主体代码", "认定依据", "认定单位", "列入日期", "有效期至"],
            [kind, name, "", "依据", "市局", since, until],
            strict=True,
        )
    )


@pytest.fixture(scope="module")
def told(shared_city: City) -> City:
    """A city with credit records, certificates and figures, run on 2018-03-05."""
    city = shared_city
    city.plates()
    old = [
        OLD,
        old_penalty("A1", "2017-12-01"),
        old_penalty("A2", "2017-02-01"),
        old_penalty("A3", "2017-12-01", "1"),
        old_penalty("A4", "2018-03-01"),
    ]
    city.deliver(PENALTIES, "20180301", book(("处罚", old)), "penalties.xlsx")
    lists = [
        listed("黑名单", "乙公司", "2017-01-01", "2018-03-10"),
        listed("红名单", "丙公司", "2017-01-01", "2017-12-31"),
        listed("红名单", "丁公司", "2017-01-01", "2020-01-01"),
    ]
    city.deliver(LISTS, "20180301", separated(list(lists[0]), lists))
    permits = [
        ["P1", "甲公司", "", "甲", "2018-03-10", "有效"],
        ["P2", "乙公司", "", "甲", "2018-03-01", "有效"],
        ["P3", "丙公司", "", "甲", "2020-01-01", "暂扣"],
    ]
    names = ["证书编号", "企业名称", "统一社会信用代码", "许可范围", "有效期至", "状态"]
    city.deliver("safety/hazardous_permits", "20180301", separated(names, [dict(zip(names, p, strict=True)) for p in permits]))
    head = [["分县主要指标"], ["县区", "地区生产总值", None, "常住人口", None], [None, "总量(亿元)", "增速(%)", "总量(万人)", "增速(%)"]]
    annual = [*head, ["泸州市", 100, 8, "10.05", 1], ["江阳区", 80, 8, 10, 1]]
    city.deliver("statistics_bureau/county_annual", "20180301", book(("2016年", annual)), "county_annual.xlsx")
    city.run()
    return city


@pytest.fixture(scope="module")
def shared_city(new_database: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder: Path = tmp_path_factory.mktemp("facts")
    (folder / "drop").mkdir()
    yield City(folder / "drop", folder / "home", new_database())


def shown(city: City, view: str, column: str = "source_key") -> list[str]:
    return [r[0] for r in city.query(f"select split_part({column}, '|', 1) from credit.{view} order by 1")]


def test_penalties_of_the_2016_form_stand_beside_those_of_2018_with_their_terms(told: City) -> None:
    assert told.query(
        "select cf_wsh, cf_xdr_lb, cf_nr, severity, displayed_until::text, repairable_from::text, cf_zt from credit.penalty where cf_wsh in ('A1', 'A3') order by 1"
    ) == [
        ("A1", "entity", "罚款0.2万元", "general", "2018-12-01", "2018-03-01", "0"),
        ("A3", "entity", "罚款0.2万元", "general", "2018-12-01", "2018-03-01", "1"),
    ]


def test_what_is_over_or_revoked_is_in_no_outward_view_and_stays_in_the_archive(told: City) -> None:
    assert shown(told, "public_penalty") == ["A1", "A4"]
    assert [r[0] for r in told.query("select cf_wsh from credit.penalty order by 1")] == ["A1", "A2", "A3", "A4"]
    assert [r[0] for r in told.query("select subject_name from credit.public_list_entry order by 1")] == ["丁公司", "乙公司"]


def test_the_terms_that_applied_are_a_table_with_its_sources(told: City) -> None:
    found = told.query(
        "select t.document_number, t.maximum_months from credit.penalty p join credit.display_term t on t.term = p.display_term where p.cf_wsh = 'A1'"
    )
    assert found == [("发改办财金〔2018〕424号", 12)]


def test_a_county_that_does_not_add_up_is_named_with_indicator_and_period(told: City) -> None:
    found = told.query("select indicator_name, period, agrees, said from statistics.county_sum order by 1")
    assert [r[:3] for r in found] == [("地区生产总值", "2016", False), ("常住人口", "2016", True)]
    assert found[0][3] == "2016 地区生产总值（亿元）：全市 100，1 个区县之和 80，相差 -20.00%"
    failed = told.query(
        "select success, failed from quality.result where target = 'statistics.observation' and expectation = 'city_is_the_sum_of_its_counties'"
    )
    assert failed == [(False, 1)]


def test_certificates_have_their_status_on_any_day(told: City) -> None:
    ask = "select number, status from certificate.status_on(date '{}') order by 1"
    assert told.query(ask.format("2018-03-01")) == [("P1", "valid"), ("P2", "valid"), ("P3", "suspended")]
    assert told.query(ask.format("2018-03-05")) == [("P1", "valid"), ("P2", "expired"), ("P3", "suspended")]
    assert told.query(ask.format("2018-03-11")) == [("P1", "expired"), ("P2", "expired"), ("P3", "suspended")]
    assert [r[0] for r in told.query("select number from certificate.current")] == ["P1"]


def test_a_repair_is_recorded_with_who_and_why_and_takes_effect_at_once(told: City) -> None:
    record = ["repair", "record", PENALTIES]
    by = ["--by", "李科", "--why", "泸信修〔2018〕9号"]
    assert told.command(*record, "A1|甲公司", *by)[0] == 0
    try:
        assert shown(told, "public_penalty") == ["A4"]
        assert told.query("select count(*) from credit.penalty where cf_wsh = 'A1'") == [(1,)]
        code, out, _ = told.command("repair", "list")
        assert code == 0 and "泸信修〔2018〕9号" in out and "甲公司" not in out
        assert told.command(*record, "A1|甲公司", *by)[0] == 2
    finally:
        assert told.command("repair", "withdraw", PENALTIES, "A1|甲公司", "--by", "李科", "--why", "误登")[0] == 0
    assert shown(told, "public_penalty") == ["A1", "A4"]


@pytest.mark.parametrize(
    ("key", "said"), [("A4|甲公司", "最短公示期未满：2018-06-01 起方可修复"), ("没有", "没有 development_reform/penalties 的这一条")]
)
def test_a_repair_that_the_rule_forbids_is_refused_in_a_sentence(told: City, key: str, said: str) -> None:
    code, _, error = told.command("repair", "record", PENALTIES, key, "--by", "李科", "--why", "文")
    assert code == 2 and said in error and "Traceback" not in error


def test_the_day_moves_with_the_business_date_without_a_new_delivery(told: City) -> None:
    told.run(today="2018-12-02")
    assert shown(told, "public_penalty") == ["A4"]
    assert [r[0] for r in told.query("select subject_name from credit.public_list_entry")] == ["丁公司"]
    assert execute(told.url, "select count(*) from credit.penalty_as_of('2018-03-05')") == [(4,)]
    assert told.query("select number, status from certificate.status_on(date '2018-03-05') order by 1")[0] == ("P1", "valid")
