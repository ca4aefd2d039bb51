"""Judgements of people: they merge, keep apart and are withdrawn, whatever the scores and the parameters say."""

import json
from pathlib import Path

import pytest
from pipeline_kit import City, citizen_id, credit_code, health_record, newcomer, plate, separated

from etl import pipeline, review
from etl import settings as settings_module
from etl.errors import UsageError
from etl.match.person import model

HEALTH, FLOATING = "health/health_records", "public_security/floating_population"
NAMES = [
    "赵明远",
    "钱思齐",
    "孙若兰",
    "李承恩",
    "周子墨",
    "吴静怡",
    "郑浩然",
    "王雨桐",
    "冯一鸣",
    "陈可欣",
    "褚云飞",
    "卫长青",
    "蒋文博",
    "沈佳宁",
    "韩春晓",
    "杨立新",
    "朱晓彤",
    "秦海涛",
    "尤美玲",
    "许志强",
]


def number(i: int) -> str:
    return citizen_id("510502", f"1970{i % 12 + 1:02d}{i + 1:02d}", 2 * i + 1)


def strangers() -> list[dict[str, object]]:
    """People who make names, phones and addresses rare enough to tell something."""
    plates = "ABCDEFGHIJKLMNOPQRST"
    return [
        dict(
            health_record(
                f"s{i}",
                n,
                number(i),
                f"1970-{i % 12 + 1:02d}-{i + 1:02d}",
                联系电话=f"139000{i:05d}",
                现住址=f"泸州市江阳区佳乐路{plates.index(plates[i]) * 2 + 20}号",
            )
        )
        for i, n in enumerate(NAMES)
    ]


ONE = health_record("h1", "武雨晴", citizen_id("510502", "19800115", 12), "1980-01-15", "女", 联系电话="13812340000")
LIKE = newcomer("f1", "武雨晴", "", "1980-01-15", "女", 联系电话="13812340000", 居住地址="泸州市江阳区佳乐路8号")  # as good as certain
GREY = newcomer("f2", "武雨晴", "", "1981-01-15", "女", 联系电话="13812340000", 居住地址="")  # another year, the same phone
TWIN = health_record("h2", "邓可欣", citizen_id("430112", "19900505", 22), "1990-05-05", "女", 联系电话="13700000001", 现住址="")
SHARED = newcomer("f3", "邓可欣", citizen_id("430112", "19900505", 22), "1990-05-05", "女", 联系电话="13700000002", 居住地址="")


@pytest.fixture
def town(city: City) -> City:
    """Twenty strangers; one person in two departments; a grey pair; one number in two departments."""
    city.plates(rows=[plate("A0", "佳乐路", "8号"), *(plate(f"A{i}", "佳乐路", f"{i * 2 + 20}号") for i in range(20))])
    city.health("20180301", [*strangers(), ONE, TWIN])
    city.floating("20180301", [LIKE, GREY, SHARED])
    begin(city, HEALTH, FLOATING)
    return city


def begin(city: City, *datasets: str) -> None:
    """Takes the deliveries and publishes the libraries that judgements bear on."""
    for dataset in ("land/regions", "public_security/door_plates", *datasets):
        city.ingest(dataset)
    for library in ("geospatial", "legal_entity", "population"):
        assert again(city, library) == "published"


def persons(city: City) -> dict[str, str]:
    """Person of each key."""
    return dict(city.query("select source_key, person_id from population.person_record where role = 'self'"))


def judge(city: City, pair: str, verdict: review.Verdict, **more: str) -> str:
    with city.inside():
        return review.judge(settings_module.load(), pair, verdict, "李主任", "电话核实", **more)


def withdraw(city: City, pair: str) -> str:
    with city.inside():
        return review.withdraw(settings_module.load(), pair, "李主任", "核实有误")


def again(city: City, library: str = "population", today: str | None = None) -> str:
    """Computes a library anew when anything it rests on changed; what became of it."""
    with city.inside(today):
        return str(pipeline.integrate(library)["state"])


def pair_of(city: City, left: str, right: str) -> str:
    found = city.query(f"select pair from match.review where left_record like '%|{left}|self' and right_record like '%|{right}|self'")
    return str(found[0][0])


def test_a_grey_pair_is_listed_with_what_agreed_and_is_merged_by_accepting_it(town: City) -> None:
    before = persons(town)
    assert before["h1"] == before["f1"] != before["f2"]
    (left, right, probability, state, weights), *_ = town.query(
        "select left_record, right_record, probability, state, weights from match.review where right_record like '%|f2|self'"
    )
    assert (left, right, state) == (f"{HEALTH}|h1|self", f"{FLOATING}|f2|self", "open")
    assert 0.5 < probability < 1
    assert weights["phone"][0] == "exact" and weights["birth"][0] == "one_part" and weights["prior"] < 0
    pair = pair_of(town, "h1", "f2")

    code, out, _ = town.command("review", COLUMNS="160")
    assert code == 0 and pair in out and "武*晴" in out and "138****0000" in out
    assert "武雨晴" not in out and "13812340000" not in out and "佳乐路" not in out

    assert again(town) == "unchanged"
    code, out, _ = town.command("review", "accept", pair, "--by", "李主任", "--why", "电话核实")
    assert code == 0 and pair in out
    assert again(town) == "published"
    after = persons(town)
    assert after["h1"] == after["f1"] == after["f2"] == before["h1"]
    assert town.query("select old_id, new_id from population.person_redirect") == [(before["f2"], before["h1"])]
    assert town.query("select rule, probability from population.person_record where source_key = 'f2'") == [("judged_same", 1.0)]
    assert town.query(f"select state from match.review where pair = '{pair}'") == [("accepted",)]
    assert again(town) == "unchanged"

    withdraw(town, pair)
    assert again(town) == "published"
    restored = persons(town)
    assert restored["h1"] == restored["f1"] == before["h1"] and restored["f2"] not in before.values()
    assert town.query(f"select state from match.review where pair = '{pair}'") == [("open",)]
    assert town.query("select verdict, by, withdrawn_by, withdrawn_why from match.judgement") == [("same", "李主任", "李主任", "核实有误")]


def test_a_rejected_pair_stays_apart_whatever_the_parameters_and_later_deliveries_say(
    town: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = persons(town)
    pair = f"{HEALTH}|h1|self ~ {FLOATING}|f1|self"
    short = judge(town, pair, "different").split()[0]
    assert again(town) == "published"
    assert persons(town)["h1"] == before["h1"] != persons(town)["f1"]

    softer = json.loads(model.FILE.read_text(encoding="utf-8"))
    softer["thresholds"] = {"accept": 0.6, "review": 0.5, "margin_bits": 1.0}
    (tmp_path / "person.json").write_text(json.dumps(softer), encoding="utf-8")
    monkeypatch.setattr(model, "FILE", tmp_path / "person.json")
    town.floating("20180308", [newcomer("f9", "武雨晴", "", "1980-01-15", "女", 联系电话="13812340000", 居住地址="泸州市江阳区佳乐路8号")])
    town.ingest(FLOATING)
    assert again(town) == "published"
    now = persons(town)
    assert now["f9"] in (now["h1"], now["f1"]), "a third record does not bring them together"
    assert now["h1"] != now["f1"]

    withdraw(town, short)
    again(town)
    assert persons(town)["h1"] == persons(town)["f1"] == persons(town)["f9"] == before["h1"]


def test_even_one_number_is_parted_by_a_judgement_and_joined_again_when_it_runs_out(town: City) -> None:
    before = persons(town)
    assert before["h2"] == before["f3"]
    judge(town, f"{FLOATING}|f3|self ~ {HEALTH}|h2|self", "different", until="2018-03-10")
    assert again(town, today="2018-03-06") == "published"
    parted = persons(town)
    assert parted["h2"] != parted["f3"] and before["h2"] in (parted["h2"], parted["f3"])
    assert again(town, today="2018-03-10") == "unchanged"
    assert again(town, today="2018-03-11") == "published"
    joined = persons(town)
    assert joined["h2"] == joined["f3"]


def test_judgements_that_contradict_each_other_are_refused_and_a_new_one_replaces_the_old(town: City) -> None:
    one, two, three = f"{HEALTH}|s1|self", f"{HEALTH}|s2|self", f"{HEALTH}|s3|self"
    judge(town, f"{one} ~ {two}", "same")
    judge(town, f"{two} ~ {three}", "same")
    with pytest.raises(UsageError, match="相矛盾"):
        judge(town, f"{one} ~ {three}", "different")
    judge(town, f"{one} ~ {two}", "different")
    with pytest.raises(UsageError, match="相矛盾"):
        judge(town, f"{one} ~ {three}", "same")
    judge(town, f"{one} ~ {two}", "undecided")
    judge(town, f"{one} ~ {three}", "different")
    standing = town.query("select verdict from match.judgement where withdrawn_at is null order by id")
    assert standing == [("same",), ("undecided",), ("different",)]
    assert again(town) == "published"
    now = persons(town)
    assert now["s2"] == now["s3"] != now["s1"], "two numbers are one person when somebody says so"


def test_what_is_asked_wrongly_is_refused_in_one_sentence(town: City) -> None:
    pair = pair_of(town, "h1", "f2")
    wrong = "0000" if not pair.startswith("0000") else "1111"
    code, _, err = town.command("review", "accept", pair[:6] + wrong, "--by", "李主任", "--why", "核实")
    assert code == 2 and pair in err and err.count("\n") == 1
    for text in (f"{HEALTH}|h1|self ~ {HEALTH}|nobody|self", f"{HEALTH}|h1|self ~ {HEALTH}|h1|self", "h1 ~ f2", "510502198001150000"):
        with pytest.raises(UsageError) as refused:
            judge(town, text, "same")
        assert "nobody" not in str(refused.value) and "5105021980" not in str(refused.value)
    for more in ({"until": "2018-03-01"}, {"until": "明天"}):
        with pytest.raises(UsageError, match="until"):
            judge(town, pair, "same", **more)
    with town.inside(), pytest.raises(UsageError, match="by"):
        review.judge(settings_module.load(), pair, "same", " ", "电话核实")
    with pytest.raises(UsageError, match="没有有效的裁决"):
        withdraw(town, pair)
    assert town.query("select count(*) from match.judgement") == [(0,)]


STATE_TAX, LOCAL_TAX = "state_tax/taxpayers", "local_tax/taxpayers"
OURS, THEIRS = credit_code("510502", "MA620001"), credit_code("510502", "MA620002")


def taxpayers(*rows: tuple[str, str], encoding: str = "gb18030") -> bytes:
    """A tax register of (credit code, name)."""
    columns = ["纳税人识别号", "纳税人名称", "法定代表人", "法人证件号码", "注册地址", "登记日期", "行业", "纳税人状态"]
    listed = [
        dict(zip(columns, [code, name, "", "", "泸州市江阳区佳乐路8号", "2016-01-01", "", "正常"], strict=True)) for code, name in rows
    ]
    return separated(columns, listed, encoding)


def entities(city: City) -> dict[str, str]:
    """Entity of each record."""
    return dict(city.query("select dataset || '|' || source_key, entity_id from legal_entity.entity_record where role = 'self'"))


def test_entities_are_merged_and_parted_by_judgements_too(city: City) -> None:
    city.plates()
    city.deliver(STATE_TAX, "20180301", taxpayers((OURS, "泸州云帆商贸有限公司"), (THEIRS, "泸州远航商贸有限公司")))
    city.deliver(LOCAL_TAX, "20180301", taxpayers((OURS, "泸州云帆商贸有限公司")))
    begin(city, STATE_TAX, LOCAL_TAX)
    state, theirs, local = f"{STATE_TAX}|{OURS}", f"{STATE_TAX}|{THEIRS}", f"{LOCAL_TAX}|{OURS}"
    before = entities(city)
    assert before[state] == before[local] != before[theirs]
    judge(city, f"{state}|self ~ {theirs}|self", "same")
    assert again(city, "legal_entity") == "published"
    assert len(set(entities(city).values())) == 1
    withdraw(city, f"{state}|self ~ {theirs}|self")
    judge(city, f"{state}|self ~ {local}|self", "different")
    assert again(city, "legal_entity") == "published"
    assert len(set(entities(city).values())) == 3
