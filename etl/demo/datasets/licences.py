"""Certificates and permits of the smaller departments, organisation codes, and citizens' appeals."""

import numpy as np
import pyarrow as pa

from etl.demo import damage, identifiers, spoken, text
from etl.demo.chance import Chance, Ints
from etl.demo.city import START, City
from etl.demo.datasets.common import firm, firm_codes, firm_names, scrambled
from etl.demo.datasets.organs import organs
from etl.demo.entities import COUNTY_NAMES, ENTERPRISE, SELF_EMPLOYED
from etl.demo.formats import plain, sheets, spatial
from etl.demo.people import LIVING
from etl.demo.rows import Dataset, Firm, Rows
from etl.demo.text import NO_DAY, Text


def _certificate(
    name: str, number: Text, issued: Ints, until: Ints, status: Text, entity: Ints | None = None, person: Ints | None = None
) -> dict[str, dict[str, pa.Array]]:
    n = len(number)
    facts: dict[str, pa.Array] = {
        "type_name": text.same(name, n),
        "number": number,
        "issued_on": text.dates(issued),
        "valid_to": text.dates(until),
        "status": status,
    }
    if entity is not None:
        facts["true_entity_id"] = pa.array(entity)
    if person is not None:
        facts["true_person_id"] = pa.array(person)
    return {"certificate": facts}


def _expired(city: City, until: Ints, word: Text | None = None) -> Text:
    """valid or expired as of the delivery, unless another word is given."""
    plain_word = text.where((until != NO_DAY) & (until < city.today), "expired", "valid")
    return plain_word if word is None else text.where(word.is_valid().to_numpy(zero_copy_only=False), word, plain_word)


def _holders(city: City, chance: Chance, kinds: tuple[int, ...], share: float, least: int, weekly: int) -> tuple[Ints, Ints]:
    """Entities with a permit and the delivery day on which each came; `weekly` new ones each week."""
    e = city.entities
    first = city.before or city
    every = np.flatnonzero(np.isin(first.entities.kind, kinds) & (first.entities.status == 0) & (first.entities.established < START - 400))
    order = every[np.argsort(chance.uniform("member", every), kind="stable")]
    base = min(max(int(len(first.entities) * share), least), len(order))
    count = min(base + weekly * city.day, len(order))
    chosen = order[:count]
    since = np.maximum((np.arange(count) - base) // max(weekly, 1) + 1, 0) * (np.arange(count) >= base)
    assert len(e) >= len(every)
    return chosen, since


def _issued(city: City, chance: Chance, entity: Ints, since: Ints, oldest: int) -> Ints:
    low = np.maximum(city.entities.established[entity] + 20, START - oldest)
    old = low + (np.maximum(START - 10 - low, 1) * chance.uniform("issued", entity)).astype(np.int64)
    return np.where(since > 0, START + 7 * since - 1 - chance.integers("issued lately", entity, 0, 6), old)


def _named(city: City, chance: Chance, entity: Ints) -> tuple[Text, Text, Firm]:
    name, name_quality = firm_names(city, chance, entity, entity, 1.2)
    code, code_quality = firm_codes(city, chance, entity, entity, (0.78, 0.13, 0.06, 0.03))
    return name, code, firm(entity, code_quality, name_quality)


def organization_codes(city: City) -> Rows:
    chance, e = city.chance.sub("organisation codes"), city.entities
    every = np.arange(len(e))
    ids = every[(e.kind != SELF_EMPLOYED) & (e.established < text.day("2016-06-01")) & chance.happens("member", every, 0.93)]
    at = pa.array(ids)
    code = e.organization_code.take(at)
    key = text.where(chance.happens("hyphen", ids, 0.5), identifiers.with_hyphen(code), code)
    name, name_quality = firm_names(city, chance, ids, ids, 0.7)
    said = damage.say(city, chance, e.representative[ids], ids, damage.CAREFUL, numbered=False)
    place = spoken.write(city, chance, e.plate[ids], 0 * ids, ids, rooms=False)
    converted = chance.happens("converted", ids, 0.5)
    checked = np.where(converted, START, np.minimum(e.established[ids] + 1460, START))
    columns = {
        "JGDM": key,
        "JGMC": name,
        "FDDBR": said.name,
        "JGLX": e.type_code.take(at),
        "JGDZ": place.value,
        "ZCRQ": text.days(e.established[ids]),
        "NJRQ": text.days(checked),
        "XYDM": text.where(converted, e.uscc.take(at), None),
    }
    quality = firm(ids, text.same("orgcode", len(ids)), name_quality)
    return Rows(ids, columns, {}, {"self": quality}, {"address": place})


def food_licences(city: City) -> Rows:
    chance, e = city.chance.sub("food"), city.entities
    entity, since = _holders(city, chance, (SELF_EMPLOYED, ENTERPRISE), 0.2, 20, 3)
    name, code, quality = _named(city, chance, entity)
    said = damage.say(city, chance, e.representative[entity], entity, damage.CAREFUL, numbered=False)
    place = spoken.write(city, chance, e.plate[entity], 0 * entity, entity, rooms=False)
    issued = _issued(city, chance, entity, since, 2000)
    until = issued + 1824
    taken = chance.happens("revoked", entity, 0.1) & (since == 0)
    key = text.join("JY1510502", text.of(text.parts(issued)[0]), text.padded(entity, 7))
    office = text.pick([f"{c}食品药品监督管理局" for c in ("泸州市", *COUNTY_NAMES)], chance.integers("office", entity, 0, 8))
    columns = {
        "xkzbh": key,
        "jyzmc": name,
        "shxydm": code,
        "fddbr": said.name,
        "jycs": place.value,
        "ztyt": text.pick(["单位食堂", "餐饮服务经营者", "食品销售经营者"], chance.integers("kind", entity, 0, 3)),
        "fzrq": text.days(issued, "%Y-%m-%d"),
        "yxqz": text.days(until, "%Y-%m-%d"),
        "fzjg": office,
        "zt": text.where(taken, text.where(entity % 2 == 0, "吊销", "注销"), "有效"),
    }
    status = _expired(city, until, text.where(taken, "revoked", None))
    return Rows(
        entity,
        columns,
        {},
        {"holder": quality},
        {"address": place},
        _certificate("食品经营许可证", key, issued, until, status, entity),
        since,
    )


def road_permits(city: City) -> Rows:
    chance, e = city.chance.sub("road"), city.entities
    entity, since = _holders(city, chance, (SELF_EMPLOYED, ENTERPRISE), 0.04, 12, 1)
    name, code, quality = _named(city, chance, entity)
    place = spoken.write(city, chance, e.plate[entity], 0 * entity, entity, rooms=False)
    issued = _issued(city, chance, entity, since, 1800)
    until = issued + 1459
    word = chance.choose("state", entity, [0.85, 0.07, 0.08])
    key = text.join("川交运管许可泸字5105", text.of(text.parts(issued)[0]), text.padded(entity, 6), "号")
    columns = {
        "许可证号": key,
        "业户名称": name,
        "统一社会信用代码": code,
        "地址": place.value,
        "经营范围": text.pick(["道路普通货物运输", "危险货物运输", "县际班车客运"], chance.integers("scope", entity, 0, 3)),
        "有效期起": text.days(issued, "%Y-%m-%d"),
        "有效期止": text.days(until, "%Y-%m-%d"),
        "状态": text.pick(["营业", "注销", "停业"], word),
    }
    status = _expired(city, until, text.where(word == 1, "revoked", text.where(word == 2, "suspended", None)))
    return Rows(
        entity,
        columns,
        {},
        {"holder": quality},
        {"address": place},
        _certificate("道路运输经营许可证", key, issued, until, status, entity),
        since,
    )


def intake_permits(city: City) -> Rows:
    chance = city.chance.sub("intake")
    entity, since = _holders(city, chance, (ENTERPRISE,), 0.016, 12, 1)
    name, code, quality = _named(city, chance, entity)
    issued = _issued(city, chance, entity, since, 1500)
    until = issued + 1824
    key = text.join("取水(川泸)字[", text.of(text.parts(issued)[0]), "]第", text.padded(entity, 6), "号")
    columns = {
        "取水许可证编号": key,
        "取水权人名称": name,
        "统一社会信用代码": code,
        "取水地点": text.pick(["沱江胡市镇段", "长江泸州段", "赤水河二郎镇段", "永宁河护国镇段"], chance.integers("river", entity, 0, 4)),
        "许可水量(万立方米/年)": text.of(chance.integers("volume", entity, 20, 900)),
        "有效期起": text.days(issued, "%Y-%m-%d"),
        "有效期止": text.days(until, "%Y-%m-%d"),
    }
    return Rows(
        entity,
        columns,
        {},
        {"holder": quality},
        facts=_certificate("取水许可证", key, issued, until, _expired(city, until), entity),
        since=since,
    )


def high_tech_enterprises(city: City) -> Rows:
    chance = city.chance.sub("high tech")
    entity, since = _holders(city, chance, (ENTERPRISE,), 0.016, 12, 1)
    name, code, quality = _named(city, chance, entity)
    issued = _issued(city, chance, entity, since, 1800)
    year = text.parts(issued)[0]
    until = issued + 1094
    key = text.join("GR", text.of(year), "51", text.padded(entity, 7))
    columns = {
        "证书编号": key,
        "企业名称": name,
        "统一社会信用代码": code,
        "发证年度": text.of(year),
        "有效期": text.same("三年", len(entity)),
    }
    return Rows(
        entity,
        columns,
        {},
        {"holder": quality},
        facts=_certificate("高新技术企业证书", key, issued, until, _expired(city, until), entity),
        since=since,
    )


def construction_permits(city: City) -> Rows:
    chance, e = city.chance.sub("construction"), city.entities
    entity, since = _holders(city, chance, (ENTERPRISE,), 0.017, 12, 1)
    name, code, quality = _named(city, chance, entity)
    issued = _issued(city, chance, entity, since, 1200)
    place = spoken.write(city, chance, e.plate[entity], 0 * entity, entity, rooms=False)
    key = text.join("5105", text.days(issued), text.padded(entity, 7))
    amount = np.round(50 + 3000 * chance.uniform("amount", entity), 2)
    works = text.pick(["滨江路改造工程", "商住楼工程", "厂房建设项目", "学校迁建项目"], chance.integers("works", entity, 0, 4))
    columns = {
        "施工许可证编号": key,
        "建设单位": name,
        "建设单位代码": code,
        "项目名称": text.join(works, text.padded(entity % 1000, 3)),
        "建设地址": place.value,
        "合同价格(万元)": text.pool([f"{v:.2f}" for v in amount]),
        "发证日期": text.days(issued, "%Y-%m-%d"),
    }
    facts = {
        "credit": {
            "kind": text.same("permit", len(entity)),
            "true_entity_id": pa.array(entity),
            "subject_name": name,
            "reason": text.same("施工许可", len(entity)),
            "decided_on": text.dates(issued),
            "status": text.same("valid", len(entity)),
        }
    }
    return Rows(entity, columns, {}, {"holder": quality}, {"address": place}, facts, since)


def hazardous_permits(city: City) -> Rows:
    chance = city.chance.sub("hazardous")
    entity, since = _holders(city, chance, (ENTERPRISE,), 0.016, 12, 1)
    name, code, quality = _named(city, chance, entity)
    issued = _issued(city, chance, entity, since, 1500)
    until = issued + 1094
    key = text.join("川泸危化经字[", text.of(text.parts(issued)[0]), "]", text.padded(entity, 6), "号")
    columns = {
        "证书编号": key,
        "企业名称": name,
        "统一社会信用代码": code,
        "许可范围": text.pick(["氧[压缩的],氮[压缩的]", "乙醇[无水]", "汽油,柴油"], chance.integers("scope", entity, 0, 3)),
        "有效期至": text.days(until, "%Y-%m-%d"),
        "状态": text.where(until < START, "过期", "有效"),
    }
    return Rows(
        entity,
        columns,
        {},
        {"holder": quality},
        facts=_certificate("危险化学品经营许可证", key, issued, until, _expired(city, until), entity),
        since=since,
    )


def lawyers(city: City) -> Rows:
    chance, p = city.chance.sub("lawyers"), city.people
    first = city.before or city
    able = np.flatnonzero(
        (first.people.status == LIVING)
        & (city.age[: len(first.people)] > 26)
        & (city.age[: len(first.people)] < 62)
        & first.people.registered
    )
    order = able[np.argsort(chance.uniform("member", able), kind="stable")]
    base = max(int(len(first.people) * 0.0012), 6)
    ids = order[: base + city.day]
    since = np.maximum(np.arange(len(ids)) - base + 1, 0)
    said = damage.say(city, chance, ids, ids, damage.Rates(missing=0, typo=0.01, legacy15=0, homophone=0.002))
    began = np.where(
        since > 0, START + 7 * since - 2, np.maximum(p.birth[ids] + 26 * 365, START - 4500 + chance.integers("began", ids, 0, 4300))
    )
    began = np.minimum(began, city.today - 1)
    key = text.join("1510520", text.of(text.parts(began)[0]), text.padded(scrambled(ids, 6), 6))
    offices = _law_offices()
    at = chance.integers("office", ids, 0, len(offices))
    columns = {
        "执业证号": key,
        "姓名": said.name,
        "身份证号": said.number,
        "执业机构": text.pick([n for n, _ in offices], at),
        "机构信用代码": text.pick([c for _, c in offices], at),
        "首次执业日期": text.days(began, "%Y-%m-%d"),
        "状态": text.where(chance.happens("struck", ids, 0.03), "注销", "执业"),
    }
    status = text.where(chance.happens("struck", ids, 0.03), "revoked", "valid")
    facts = _certificate("律师执业证", key, began, np.full(len(ids), NO_DAY), status, person=ids)
    return Rows(ids, columns, {"self": said}, facts=facts, since=since)


def _law_offices() -> list[tuple[str, str]]:
    names = [f"四川{n}律师事务所" for n in ("酒城", "江阳", "龙马", "忠山", "合江", "永宁", "沱江")]
    serial = 20_000_011 + np.arange(len(names)) * 104_729
    _, values = identifiers.organization_codes(serial, np.zeros(len(names), dtype=bool))
    codes = identifiers.credit_codes(np.full(len(names), 31), np.full(len(names), 510500), values).to_pylist()
    return list(zip(names, codes, strict=True))


def appeals(city: City) -> Rows:
    chance, p = city.chance.sub("appeals"), city.people
    first = city.before or city
    n = len(first.people)
    count = max(int(n * 0.0168), 10)
    weekly = max(int(n * 0.0007), 2)
    ids = np.arange(count + weekly * city.day)
    since = np.maximum((ids - count) // weekly + 1, 0) * (ids >= count)
    adults = np.flatnonzero((first.people.status == LIVING) & (city.age[:n] > 18))
    person = adults[chance.integers("who", ids, 0, len(adults))]
    said = damage.say(city, chance, person, ids, damage.Rates(homophone=0.05, variant=0.02, name_missing=0.05), numbered=False)
    day = np.where(
        since > 0, START + 7 * since - 1 - chance.integers("lately", ids, 0, 6), START - 14 - chance.integers("day", ids, 0, 420)
    )
    place = spoken.write(city, chance, first.people.plate[person], first.people.room[person], ids)
    minute = chance.integers("minute", ids, 540, 600)
    content = text.pick(
        [
            "@社区 反映垃圾清运不及时",
            "小区噪音扰民，晚上10点后仍施工",
            "楼道堆放杂物",
            "=SUM(A1:A2)",
            "路灯不亮,影响出行",
            '反映"黑车"载客\n雨天积水',
            "停水三天无人处理",
        ],
        chance.integers("text", ids, 0, 7),
    )
    columns = {
        "工单号": text.join("12345", text.days(day), text.padded(ids, 7)),
        "诉求人": said.name,
        "联系电话": damage.phone_texts(city, chance, p.phone[person], ids, 0.05),
        "诉求类型": text.pick(["城市管理", "供水供电", "环境保护", "交通出行", "社会保障"], chance.integers("kind", ids, 0, 5)),
        "内容": content,
        "发生地址": place.value,
        "受理时间": text.join(text.days(day, "%Y-%m-%d"), " ", text.padded(minute // 60, 2), ":", text.padded(minute % 60, 2), ":00"),
        "承办单位": text.pick([o.name for o in organs()], chance.integers("organ", ids, 0, len(organs()))),
        "办结时间": text.days(np.where(since > 0, NO_DAY, day + chance.integers("done", ids, 1, 14)), "%Y-%m-%d"),
    }
    return Rows(ids, columns, {"self": said}, places={"place": place}, since=since)


_DBF = (
    ("JGDM", "C", 10, 0),
    ("JGMC", "C", 80, 0),
    ("FDDBR", "C", 20, 0),
    ("JGLX", "C", 10, 0),
    ("JGDZ", "C", 120, 0),
    ("ZCRQ", "C", 8, 0),
    ("NJRQ", "C", 8, 0),
    ("XYDM", "C", 18, 0),
)
DATASETS = [
    Dataset("quality_supervision/organization_codes", ("JGDM",), "full", organization_codes, spatial.dbf(_DBF), "JGLX", ("ZCRQ",)),
    Dataset("food_drug/food_licences", ("xkzbh",), "full", food_licences, plain.xml("licences", "licence"), "ztyt", ("fzrq",), ("zt",)),
    Dataset("transport/road_permits", ("许可证号",), "full", road_permits, plain.csv("gb18030", "\r\n"), "经营范围", ("有效期起",)),
    Dataset(
        "water/intake_permits",
        ("取水许可证编号",),
        "full",
        intake_permits,
        sheets.workbook(numbers=("许可水量(万立方米/年)",), days=("有效期起", "有效期止")),
        "取水地点",
        ("有效期起",),
    ),
    Dataset("science/high_tech_enterprises", ("证书编号",), "full", high_tech_enterprises, sheets.workbook(), "有效期"),
    Dataset(
        "housing/construction_permits",
        ("施工许可证编号",),
        "increment",
        construction_permits,
        sheets.workbook(numbers=("合同价格(万元)",), days=("发证日期",)),
        "项目名称",
        ("发证日期",),
    ),
    Dataset("safety/hazardous_permits", ("证书编号",), "full", hazardous_permits, plain.csv(), "许可范围", ("有效期至",)),
    Dataset("justice/lawyers", ("执业证号",), "full", lawyers, sheets.workbook("泸州市律师执业情况表", days=("首次执业日期",)), "执业机构"),
    Dataset("mass_work/appeals", ("工单号",), "increment", appeals, plain.csv("gb18030", "\r\n"), "诉求类型", ("受理时间",)),
]
