"""A delivery beside its past, its deadline and its shape: what no rule forbids and somebody should know."""

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pipeline_kit import HEALTH as HEALTH_COLUMNS
from pipeline_kit import City, Row, citizen_id, full_name, health_record, newcomer, separated

from etl import check, decisions, inspect, spec
from etl import settings as settings_module
from etl.check.past import Look, Profile

HEALTH, FLOATING, LISTS = "health/health_records", "public_security/floating_population", "development_reform/red_black_lists"
PEOPLE = [
    health_record(f"h{i:02d}", full_name(i), citizen_id("510502", f"1980{i % 12 + 1:02d}15", 2 * i + 1), f"1980-{i % 12 + 1:02d}-15")
    for i in range(40)
]
WEEKS = [f"{date(2018, 3, 1) + timedelta(weeks=n):%Y%m%d}" for n in range(6)]
SOURCE = spec.load().sources[HEALTH]


def profile(rows: int, empty: int = 0, men: int | None = None, newest: int = 2, day: date = date(2018, 3, 1)) -> Profile:
    """A delivery of health records: `empty` without a phone, `men` of sex 1, its newest record `newest` days old."""
    men = rows // 2 if men is None else men
    looks = [
        Look("", rows, 0),
        Look("phone", rows - empty, empty),
        Look("sex_code", rows, 0, {"1": men, "2": rows - men}),
        Look("told_at", rows, 0, None, day - timedelta(days=newest)),
    ]
    return Profile(day, {x.column: x for x in looks})


def odd(now: Profile, past: list[Profile], source: spec.Source = SOURCE) -> list[str]:
    return [o.expectation.removeprefix("past_") for o in check.unlike(source, now, past) if not o.success]


def test_a_first_delivery_has_nothing_to_be_unlike() -> None:
    assert check.unlike(SOURCE, profile(1000), []) == []


def test_a_second_delivery_is_warned_about_only_when_it_is_gross() -> None:
    first = [profile(1000)]
    assert odd(profile(300, empty=120, men=90, newest=20), first) == []
    assert odd(profile(90, empty=90), first) == ["volume", "nulls"]
    assert odd(profile(1000, men=1000), [profile(1000, men=100)]) == ["codes"]
    assert odd(profile(1000, newest=400), first) == ["freshness"]


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        (profile(1050, empty=12, men=530), []),
        (profile(450), ["volume"]),
        (profile(2500), ["volume"]),
        (profile(0), ["volume"]),
        (profile(1000, empty=120), ["nulls"]),
        (profile(1000, men=800), ["codes"]),
        (profile(1000, newest=90), ["freshness"]),
        (profile(20, empty=20, men=20), ["volume"]),
    ],
)
def test_later_ones_are_compared_with_the_median_of_the_last_eight(now: Profile, wanted: list[str]) -> None:
    past = [profile(1000 + 10 * n, empty=8 + n, men=500 + n) for n in range(6)]
    assert odd(now, past) == wanted
    assert odd(now, [*past, profile(1, empty=1)]) == wanted, "one odd past delivery changes nothing"


def test_increments_that_always_differed_are_let_differ() -> None:
    past = [profile(n) for n in (40, 400, 90, 800, 35)]
    assert odd(profile(1100), past) == []
    assert odd(profile(99000), past) == ["volume"]


def test_an_increment_may_be_short_but_not_a_whole_register() -> None:
    increment = SOURCE.model_copy(update={"delivery": SOURCE.delivery.model_copy(update={"kind": "increment"})})
    assert odd(profile(3), [profile(1000)], increment) == []
    assert odd(profile(3), [profile(1000), profile(900), profile(1100)], increment) == []
    assert odd(profile(20000), [profile(1000)], increment) == ["volume"], "a whole register, sent as an increment"
    (said,) = [o.because for o in check.unlike(SOURCE, profile(90), [profile(1000)]) if o.expectation == "past_volume"]
    assert said == "行数比以往少得多：本次 90 行，上一次为 1000 行；请确认交付的是完整、正确的文件"


def test_chance_alone_never_warns() -> None:
    """Small increments of one and the same stream, two hundred times over."""
    dice = random.Random(7)

    def drawn() -> Profile:
        rows = dice.randint(40, 70)
        return profile(
            rows, sum(dice.random() < 0.1 for _ in range(rows)), sum(dice.random() < 0.5 for _ in range(rows)), dice.randint(0, 5)
        )

    warned = sum(bool(odd(drawn(), [drawn() for _ in range(dice.randint(1, 8))])) for _ in range(200))
    assert warned <= 2


def test_a_drift_within_the_rules_is_warned_about_and_loads(city: City) -> None:
    for n, week in enumerate(WEEKS[:4]):
        city.health(week, [{**r, "联系电话": f"138000000{n}{i:02d}"[:11]} for i, r in enumerate(PEOPLE)])
    city.health(WEEKS[4], [{**r, "联系电话": ""} if i % 2 else {**r, "性别": "男"} for i, r in enumerate(PEOPLE)])
    assert [o["state"] for o in city.ingest(HEALTH, today="2018-04-01")] == ["loaded"] * 5
    found = city.query("select expectation, because from quality.result where expectation like 'past%' and not success and checked = 0")
    assert [e for e, _ in found] == ["past_nulls"]
    assert "联系电话" in found[0][1]
    assert "50%" in found[0][1]
    columns = city.query("select count(distinct delivery_id), count(*) filter (where codes is not null) > 0 from ops.profile")
    assert columns == [(5, True)]
    with city.inside("2018-04-01"):
        assert any(x.startswith(f"异常：{HEALTH} {WEEKS[4]}") for x in inspect.unusual(settings_module.load()))


def test_profiles_hold_codes_of_code_tables_and_no_other_value(city: City) -> None:
    city.health(WEEKS[0], PEOPLE)
    city.ingest(HEALTH)
    kept = city.query("select column_name, codes from ops.profile where codes is not null")
    assert {c for c, _ in kept} <= {"sex_code", "record_state", "state", "status"}
    text = str(city.query("select row(p)::text from ops.profile p"))
    assert not [v for r in PEOPLE for v in (r["姓名"], r["身份证号"], r["联系电话"]) if v in text]


def punctual(city: City, dataset: str, today: str) -> dict[str, Any]:
    names = "state, days_late, last_delivered_on::text, next_due_on::text, is_short, is_empty, is_repeated, last_attempt_state"
    (row,) = city.query(f"select {names} from ops.punctual('{today}') where dataset = '{dataset}'")
    return dict(zip(["state", "late", "last", "next", "short", "empty", "repeated", "attempt"], row, strict=True))


def test_a_delivery_is_late_when_the_next_period_has_ended_without_one(city: City) -> None:
    city.health(WEEKS[0], PEOPLE)
    city.ingest(HEALTH)
    due = spec.load().sources[HEALTH].delivery.due
    latest = {"weekly": "2018-03-11", "monthly": "2018-04-30"}[due]
    after = (date.fromisoformat(latest) + timedelta(days=3)).isoformat()
    seen = punctual(city, HEALTH, latest)
    assert (seen["state"], seen["late"], seen["last"], seen["next"]) == ("on_time", 0, "2018-03-01", latest)
    assert not (seen["short"] or seen["empty"] or seen["repeated"])
    assert (punctual(city, HEALTH, after)["state"], punctual(city, HEALTH, after)["late"]) == ("late", 3)
    assert punctual(city, FLOATING, after)["state"] == "never"
    with city.inside(after):
        assert [x for x in inspect.unusual(settings_module.load()) if x.startswith("期限")] == [
            f"期限：{HEALTH} 逾期 3 天（{'每周' if due == 'weekly' else '每月'}，上次 2018-03-01，最迟应在 {latest}）"
        ]


def test_short_empty_and_repeated_deliveries_are_seen_and_refused_ones_do_not_count_as_come(city: City) -> None:
    def increment(rows: list[Row]) -> None:
        city.floating(next(days), rows)
        city.ingest(FLOATING, today="2018-04-10")

    days = iter(WEEKS)
    people = [newcomer(f"f{i:02d}", full_name(i), "", "1980-01-01") for i in range(40)]
    increment(people)  # everything, to begin with
    increment(people[:20])
    assert not punctual(city, FLOATING, "2018-03-10")["short"]
    increment(people[20:])
    increment(people[:5])
    seen = punctual(city, FLOATING, "2018-03-25")
    assert (seen["short"], seen["empty"], seen["repeated"]) == (True, False, True)
    increment([])
    seen = punctual(city, FLOATING, "2018-03-30")
    assert (seen["short"], seen["empty"], seen["last"]) == (False, True, "2018-03-29")
    city.floating(WEEKS[5], people, done=b"nonsense")
    city.ingest(FLOATING, today="2018-04-10")
    seen = punctual(city, FLOATING, "2018-04-10")
    assert (seen["last"], seen["attempt"]) == ("2018-03-29", "rejected")
    with city.inside("2018-04-10"):
        assert "是空的" in str(inspect.unusual(settings_module.load()))


def drift(city: City) -> list[tuple[Any, ...]]:
    return city.query("select kind, column_name, detail, rows, is_open from ops.drift order by 1, 2, 3")


def test_extra_and_renamed_columns_are_kept_in_the_landing_and_told(city: City) -> None:
    columns = [*reversed(HEALTH_COLUMNS), "备注", "网格员"]
    data = separated(columns, [{**r, "备注": "新列"} for r in PEOPLE]).replace("联系电话".encode(), " 联系 电话".encode(), 1)
    city.deliver(HEALTH, WEEKS[0], data)
    assert [o["state"] for o in city.ingest(HEALTH)] == ["loaded"]
    assert drift(city) == [
        ("extra_column", "备注", None, 40, True),
        ("extra_column", "网格员", None, 40, True),
        ("renamed_column", "联系电话", "联系 电话", 40, True),
    ]
    (landed,) = Path(city.home).glob("landing/**/rows.parquet")
    assert "备注".encode() in landed.read_bytes()
    city.health(WEEKS[1], PEOPLE)
    city.ingest(HEALTH)
    assert {x[-1] for x in drift(city)} == {False}, "it is history when the next delivery is as agreed"


def test_a_missing_column_refuses_the_delivery_with_the_nearest_name(city: City) -> None:
    city.deliver(HEALTH, WEEKS[0], separated(HEALTH_COLUMNS, PEOPLE).replace("建档日期".encode(), "建档时间".encode(), 1))
    city.ingest(HEALTH)
    assert city.states(HEALTH) == [("2018-03-01", "rejected", "missing_column")]
    ((kind, column, told, _, is_open),) = drift(city)
    assert (kind, column, is_open) == ("missing_column", "建档日期", True)
    assert "建档时间" in told
    city.health(WEEKS[1], PEOPLE)
    city.ingest(HEALTH)
    assert [x[-1] for x in drift(city)] == [False]


def test_new_codes_are_named_refused_where_required_and_emptied_elsewhere(city: City) -> None:
    lines = ["名单类型,主体名称,主体代码,认定依据,认定单位,列入日期,有效期至"]
    lines += [f"{'黑榜' if i < 2 else '红名单'},测试公司{i},,依据,市发展改革委,2017-01-01,2020-01-01" for i in range(40)]
    city.deliver(LISTS, WEEKS[0], "\n".join(lines).encode())
    city.floating(WEEKS[0], [newcomer(f"f{i}", "测试", "", "1980-01-01", 民族="火星族" if i else "汉族") for i in range(20)])
    city.ingest(LISTS)
    city.ingest(FLOATING)
    assert drift(city) == [("refused_code", "名单类型", "黑榜", 2, True), ("unknown_code", "民族", "火星族", 19, True)]
    with city.inside():
        told = "\n".join(inspect.unusual(settings_module.load()))
    assert "列“名单类型”有代码表里没有的“黑榜”，隔离 2 行；补别名后 jichu replay" in told
    assert "民族" in told


def test_a_value_in_a_code_column_that_may_be_personal_is_not_shown(city: City) -> None:
    people = [newcomer(f"f{i}", "测试", "", "1980-01-01", 民族="13812345678" if i < 3 else "汉族") for i in range(20)]
    city.floating(WEEKS[0], people)
    city.ingest(FLOATING)
    assert [d for _, c, d, _, _ in drift(city) if c == "民族"] == ["（11个字符）"]


def test_every_code_table_has_code_label_aliases_and_edition() -> None:
    registry = spec.load()
    for name in registry.codes:
        header = (settings_module.ROOT / "schemas" / "codes" / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0]
        assert header.split(",")[:3] == ["code", "label", "aliases"], name
        assert registry.codes[name].edition and registry.codes[name].title != name, name


def test_an_increment_that_comes_late_settles_nothing_that_was_refused_after_it(city: City) -> None:
    people = [newcomer(f"f{i:02d}", "测试", "", "1980-01-01") for i in range(20)]
    city.floating(WEEKS[1], [{**people[0], "登记日期": "不详"}, *people[1:]])
    city.ingest(FLOATING, today="2018-03-15")
    city.floating(WEEKS[0], [{**people[0], "居住地址": "旧址"}])
    city.ingest(FLOATING, today="2018-03-15")
    assert city.query("select delivery_id like '20180308%', status from quality.quarantine") == [(True, "open")]
    city.floating(WEEKS[2], [people[0]])
    city.ingest(FLOATING, today="2018-03-15")
    assert city.query("select status from quality.quarantine") == [("fixed",)]


def test_a_refusal_that_comes_late_is_overtaken_by_what_came_after_it(city: City) -> None:
    """Or a retry, once the rule is mended, would bring back the older version."""
    people = [newcomer(f"f{i:02d}", "测试", "", "1980-01-01") for i in range(20)]
    city.floating(WEEKS[1], [{**people[0], "登记日期": "0000"}, *people[1:]])
    city.ingest(FLOATING, today="2018-03-15")
    late = [{**p, "居住地址": "旧址"} for p in people]
    city.floating(WEEKS[0], [{**late[0], "登记日期": "不详"}, {**late[1], "登记日期": "不详"}, *late[2:]])
    city.ingest(FLOATING, today="2018-03-15")
    told = city.query("select left(delivery_id, 8), source_key, status, left(closed_by, 8) from quality.quarantine order by 1, 2")
    assert told == [("20180301", "f00", "fixed", "20180308"), ("20180301", "f01", "fixed", "20180308"), ("20180308", "f00", "open", None)]
    with city.inside("2018-03-15"):
        assert decisions.replay(FLOATING)["rows_in"] == 1
