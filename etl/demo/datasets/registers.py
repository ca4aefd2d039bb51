"""质监局, 司法局, 群众工作局: organisation codes, lawyers, citizens' appeals."""

import numpy as np
import pyarrow as pa

from etl.demo import damage, identifiers, spoken, text
from etl.demo.city import START, City
from etl.demo.datasets.common import firm, firm_names, scrambled
from etl.demo.datasets.licences import certificate
from etl.demo.datasets.organs import organs
from etl.demo.entities import SELF_EMPLOYED
from etl.demo.formats import plain, sheets, spatial
from etl.demo.people import LIVING
from etl.demo.rows import Dataset, Rows
from etl.demo.text import NO_DAY


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
    facts = certificate("律师执业证", key, began, np.full(len(ids), NO_DAY), status, person=ids)
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
    Dataset("justice/lawyers", ("执业证号",), "full", lawyers, sheets.workbook("泸州市律师执业情况表", days=("首次执业日期",)), "执业机构"),
    Dataset("mass_work/appeals", ("工单号",), "increment", appeals, plain.csv("gb18030", "\r\n"), "诉求类型", ("受理时间",)),
]
