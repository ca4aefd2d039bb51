"""Certificates and permits of the smaller departments."""

import numpy as np
import pyarrow as pa

from etl.demo import damage, spoken, text
from etl.demo.chance import Chance, Ints
from etl.demo.city import START, City
from etl.demo.datasets.common import firm, firm_codes, firm_names
from etl.demo.entities import COUNTY_NAMES, ENTERPRISE, SELF_EMPLOYED
from etl.demo.formats import plain, sheets
from etl.demo.rows import Dataset, Firm, Rows
from etl.demo.text import NO_DAY, Text


def certificate(
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
        certificate("食品经营许可证", key, issued, until, status, entity),
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
        certificate("道路运输经营许可证", key, issued, until, status, entity),
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
        facts=certificate("取水许可证", key, issued, until, _expired(city, until), entity),
        since=since,
    )


def high_tech_enterprises(city: City) -> Rows:
    chance = city.chance.sub("high tech")
    entity, since = _holders(city, chance, (ENTERPRISE,), 0.016, 12, 1)
    name, code, quality = _named(city, chance, entity)
    issued = _issued(city, chance, entity, since, 1800)
    year, month, _ = text.parts(issued)
    issued = np.where((since == 0) & (month < 4), issued - 100, issued)
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
        facts=certificate("高新技术企业证书", key, issued, until, _expired(city, until), entity),
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
        facts=certificate("危险化学品经营许可证", key, issued, until, _expired(city, until), entity),
        since=since,
    )


DATASETS = [
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
]
