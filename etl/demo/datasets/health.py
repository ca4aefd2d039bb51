"""卫生计生委: health records, birth and death certificates."""

import numpy as np
import pyarrow as pa

from etl.demo import damage, spoken, text
from etl.demo.chance import Chance, Ints
from etl.demo.city import START, City
from etl.demo.datasets.common import aware_of, members, scrambled
from etl.demo.formats import plain
from etl.demo.people import DEAD
from etl.demo.rows import Dataset, Rows
from etl.demo.words import words


def health_records(city: City) -> Rows:
    chance, p = city.chance.sub("health"), city.people
    recent = (p.status != 0) & chance.happens("closed file", p.ids, 0.8)
    person, ids = members(city, chance, ~recent & (p.birth < START - 60), 0.745, 0.005)
    aware = aware_of(city, chance, ids, 0.35)
    said = damage.say(
        city, chance, person, ids, damage.Rates(missing=0.048, format=0.027, typo=0.0135, legacy15=0.015, other_person=0.0016)
    )
    place = spoken.write(city, chance, city.seen("plate", person, aware), city.seen("room", person, aware), ids)
    status = city.seen("status", person, aware)
    opened = np.maximum(
        text.day("2009-01-01") + chance.integers("opened", ids, 0, START - 60 - text.day("2009-01-01")), p.birth[person] + 20
    )
    columns = {
        "档案号": text.join("5105", text.padded(scrambled(ids, 13), 13)),
        "姓名": said.name,
        "身份证号": said.number,
        "性别": damage.sexes(city, chance, person, ids, ("1 男", "2 女")),
        "出生日期": damage.birth_texts(city, chance, person, ids, "%Y-%m-%d"),
        "现住址": place.value,
        "联系电话": damage.phone_texts(city, chance, city.seen("phone", person, aware), ids, 0.04),
        "建档日期": text.days(np.minimum(opened, START - 1), "%Y-%m-%d"),
        "档案状态": text.pick(["活动", "死亡", "迁出"], status),
    }
    return Rows(ids, columns, {"self": said}, places={"residence": place}, since=p.joined[person])


def _child_name(city: City, chance: Chance, child: Ints, mother_name: pa.Array, ids: Ints) -> tuple[pa.Array, Ints]:
    """The child's name, or 某某之子 while it has none yet."""
    name, quality = damage.names(city, chance.sub("child"), child, ids, damage.CAREFUL)
    unnamed = chance.happens("unnamed", ids, 0.1) & mother_name.is_valid().to_numpy(zero_copy_only=False)
    made = text.join(mother_name, text.where(city.people.sex[child] == 1, "之子", "之女"))
    return text.where(unnamed, made, name), np.where(unnamed, damage.NAME_QUALITIES.index("missing"), quality)


def birth_certificates(city: City) -> Rows:
    chance, p = city.chance.sub("births"), city.people
    child = np.flatnonzero((p.birth >= text.day("2016-01-01")) & (p.mother >= 0) & chance.happens("member", p.ids, 0.96))
    ids = child * 2
    mother = damage.say(city, chance.sub("mother"), p.mother[child], ids, damage.Rates(missing=0.035))
    father = damage.say(city, chance.sub("father"), p.father[child], ids, damage.Rates(missing=0.035))
    name, quality = _child_name(city, chance, child, mother.name, ids)
    nothing = np.full(len(ids), damage.ID_QUALITIES.index("missing"))
    said = damage.Said(child, name, text.same(None, len(ids)), quality, nothing)
    minute = chance.integers("minute", ids, 0, 1440)
    clock = text.join(text.padded(minute // 60, 2), ":", text.padded(minute % 60, 2))
    issued = np.minimum(p.birth[child] + chance.integers("issued", ids, 1, 25), START + 7 * p.joined[child] - 1)
    number = text.join("R51", text.padded(scrambled(ids, 7), 7))
    columns = {
        "出生证编号": number,
        "新生儿姓名": said.name,
        "性别": damage.sexes(city, chance, child, ids, ("男", "女")),
        "出生时间": text.join(text.days(p.birth[child], "%Y-%m-%d"), " ", clock),
        "母亲姓名": mother.name,
        "母亲证件号码": mother.number,
        "父亲姓名": father.name,
        "父亲证件号码": father.number,
        "接生机构": text.pick(words()["hospitals"], chance.integers("hospital", ids, 0, len(words()["hospitals"]))),
        "签发日期": text.days(issued, "%Y-%m-%d"),
    }
    facts = {
        "certificate": {
            "type_name": text.same("出生医学证明", len(ids)),
            "number": number,
            "true_person_id": pa.array(child),
            "issued_on": text.dates(issued),
            "status": text.same("valid", len(ids)),
        }
    }
    return Rows(ids, columns, {"child": said, "mother": mother, "father": father}, facts=facts, since=p.joined[child])


def death_certificates(city: City) -> Rows:
    chance, p = city.chance.sub("deaths"), city.people
    dead = np.flatnonzero((p.status == DEAD) & chance.happens("member", p.ids, 0.72))
    died = p.status_day[dead]
    since = np.maximum((died - START) // 7 + 1, 0)
    twice = dead[chance.happens("twice", dead, 0.005)]
    person, ids = np.concatenate([dead, twice]), np.concatenate([dead * 2, twice * 2 + 1])
    since = np.maximum((p.status_day[person] - START) // 7 + 1, 0)
    said = damage.say(city, chance, person, ids, damage.Rates(missing=0.032))
    here = spoken.write(city, chance, np.where(p.registered[person], p.registered_plate[person], -1), p.registered_room[person], ids)
    place = spoken.mixed(here, spoken.abroad(chance, p.origin[person], ids), p.registered[person])
    died = p.status_day[person]
    columns = {
        "死亡证编号": text.join("SW5105", text.padded(scrambled(ids, 8), 8)),
        "姓名": said.name,
        "证件号码": said.number,
        "性别": damage.sexes(city, chance, person, ids, ("男", "女")),
        "出生日期": damage.birth_texts(city, chance, person, ids, "%Y-%m-%d"),
        "死亡日期": damage.day_texts(chance.sub("died"), died, ids, "%Y-%m-%d", 0.02),
        "户籍地址": place.value,
        "签发日期": text.days(np.minimum(died + chance.integers("signed", ids, 0, 4), START + 7 * since - 1), "%Y-%m-%d"),
    }
    return Rows(ids, columns, {"self": said}, places={"registered": place}, since=since)


DATASETS = [
    Dataset(
        "health/birth_certificates",
        ("出生证编号",),
        "increment",
        birth_certificates,
        plain.csv("gb18030", "\r\n"),
        "接生机构",
        ("出生时间",),
    ),
    Dataset(
        "health/death_certificates",
        ("死亡证编号",),
        "increment",
        death_certificates,
        plain.csv("gb18030", "\r\n"),
        "户籍地址",
        ("死亡日期",),
    ),
    Dataset("health/health_records", ("档案号",), "full", health_records, plain.csv(), "联系电话", ("建档日期",)),
]
