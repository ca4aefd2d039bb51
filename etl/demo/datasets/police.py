"""公安局: household register, floating population, door plates."""

import numpy as np
import pyarrow as pa

from etl.demo import damage, spoken, text
from etl.demo.city import START, City
from etl.demo.datasets.common import aware_of, changed_days, members, scrambled, stamps
from etl.demo.formats import plain
from etl.demo.households import CHILD, FATHER, HEAD, MOTHER, SPOUSE
from etl.demo.people import ETHNICITIES
from etl.demo.rows import Dataset, Rows
from etl.demo.text import NO_DAY

ETHNICITY_NAMES = ("汉族", "苗族", "彝族", "回族", "土家族", "满族", "水族", "藏族")

_COMMENTS = {
    "rkid": "人口编号",
    "xm": "姓名",
    "gmsfhm": "公民身份号码",
    "xb": "性别",
    "mz": "民族",
    "csrq": "出生日期",
    "csd": "出生地",
    "hhnbid": "户号",
    "yhzgx": "与户主关系",
    "hyzk": "婚姻状况",
    "whcd": "文化程度",
    "hkszd": "户口所在地区划",
    "hkdz": "户口地址",
    "lxdh": "联系电话",
    "zxbs": "注销标识",
    "zxrq": "注销日期",
    "gxsj": "更新时间",
}


def _relation(slot: np.ndarray[tuple[int], np.dtype[np.int64]], sex: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Array:
    """GB/T 4761: head 02, husband 11, wife 12, son 20, daughter 30, father 51, mother 52."""
    codes = ["02", "11", "12", "20", "30", "51", "52"]
    child = (slot >= CHILD) & (slot < FATHER)
    index = np.select(
        [slot == HEAD, slot == SPOUSE, child, slot == FATHER, slot == MOTHER], [0 * sex, sex, 2 + sex, 5 + 0 * sex, 6 + 0 * sex], 0
    )
    return text.pick(codes, index)


def household_register(city: City) -> Rows:
    chance, p = city.chance.sub("register"), city.people
    gone = (p.status == 2) & chance.happens("struck off", p.ids, 0.008 * city.day)
    person, ids = members(city, chance, p.registered & ~gone, 0.998, 0.0005)
    aware = aware_of(city, chance, ids, 0.93)
    late = (p.status[person] != 0) & ~aware
    status = np.where(late, 0, city.seen("status", person, aware))
    said = damage.say(city, chance, person, ids, damage.REGISTER)
    place = spoken.write(
        city, chance, city.seen("registered_plate", person, aware), city.seen("registered_room", person, aware), ids, vagueness=0.27
    )
    sex = damage.sexes(city, chance, person, ids, ("1", "2"))
    ethnicity = text.pick(ETHNICITIES, p.ethnicity[person])
    lapse = chance.choose("ethnicity", ids, [0.984, 0.009, 0.005, 0.002])
    ethnicity = text.where(
        lapse == 1,
        text.pick(["汉", "苗", "彝", "回", "土家", "满", "水", "藏"], p.ethnicity[person]),
        text.where(
            lapse == 2, text.of(np.array([int(e) for e in ETHNICITIES])[p.ethnicity[person]]), text.where(lapse == 3, "99", ethnicity)
        ),
    )
    education = text.where(p.education[person] > 0, text.of(p.education[person]), None)
    stamp, _ = stamps(city, chance, ids, changed_days(city, person, aware))
    day = city.seen("status_day", person, aware)
    columns = {
        "rkid": text.join("5105", text.padded(scrambled(ids, 9), 9)),
        "xm": said.name,
        "gmsfhm": said.number,
        "xb": sex,
        "mz": ethnicity,
        "csrq": damage.birth_texts(city, chance, person, ids, "%Y%m%d", mixed=0.0, odd=False),
        "csd": text.of(p.id_body[person] // 10**11),
        "hhnbid": text.join("H", text.padded(p.household[person] * 2 + 7, 9)),
        "yhzgx": _relation(p.slot[person], p.sex[person]),
        "hyzk": text.of(city.seen("marital", person, aware)),
        "whcd": text.where(chance.happens("education", ids, 0.0025 * city.harshness), "88", education),
        "hkszd": city.plates.regions(city.seen("registered_plate", person, aware)),
        "hkdz": place.value,
        "lxdh": damage.phone_texts(city, chance, city.seen("phone", person, aware), ids, damage.REGISTER.phone_gone),
        "zxbs": text.of(status),
        "zxrq": text.days(np.where(status > 0, day, NO_DAY)),
        "gxsj": stamp,
    }
    return Rows(ids, columns, {"self": said}, places={"registered": place}, since=p.joined[person])


def floating_population(city: City) -> Rows:
    chance, p = city.chance.sub("floating"), city.people
    person, ids = members(city, chance, p.floating, 0.985, 0.01)
    aware = aware_of(city, chance, ids, 0.5)
    said = damage.say(city, chance, person, ids, damage.FIELD_WORK)
    place = spoken.write(city, chance, city.seen("plate", person, aware), city.seen("room", person, aware), ids)
    arrived = START - 60 - chance.integers("arrived", ids, 0, 1500)
    noted = np.minimum(arrived + chance.integers("noted", ids, 1, 90), START - 1)
    noted = np.where(changed_days(city, person, aware) > 0, START + 7 * changed_days(city, person, aware) - 2, noted)
    arrived = np.where(p.joined[person] > 0, noted - 1, arrived)
    columns = {
        "登记编号": text.join("LD", text.padded(scrambled(ids, 10), 10)),
        "姓名": said.name,
        "证件类型": text.same("居民身份证", len(ids)),
        "证件号码": said.number,
        "性别": damage.sexes(city, chance, person, ids, ("男", "女")),
        "民族": text.pick(ETHNICITY_NAMES, p.ethnicity[person]),
        "出生日期": damage.birth_texts(city, chance, person, ids, "%Y-%m-%d"),
        "户籍地址": spoken.abroad(chance, p.origin[person], ids),
        "居住地址": place.value,
        "来泸日期": text.days(arrived, "%Y-%m-%d"),
        "联系电话": damage.phone_texts(city, chance, city.seen("phone", person, aware), ids, 0.05),
        "登记日期": damage.day_texts(chance.sub("noted"), noted, ids, "%Y-%m-%d", 0.03),
    }
    return Rows(ids, columns, {"self": said}, places={"residence": place}, since=p.joined[person])


def door_plates(city: City) -> Rows:
    chance, p = city.chance.sub("doors"), city.plates
    every = np.arange(len(p))
    since = np.where(chance.happens("new plate", every, 0.0016), 1, np.where(chance.happens("newer plate", every, 0.0016), 2, 0))
    pulled = np.where(chance.happens("pulled down", every, 0.0004), 1, np.where(chance.happens("pulled later", every, 0.0004), 2, 10**6))
    ids = every[(since <= city.day) & (pulled > city.day)]
    w, c, h = p.where, p.community[ids], city.harshness
    kind = chance.choose("coordinates", ids, [1 - 0.003 * h, 0.0012 * h, 0.001 * h, 0.0008 * h])
    lon, lat = (text.pool([f"{v:.7f}".rstrip("0") for v in values]) for values in (p.lon[ids], p.lat[ids]))
    bare = chance.happens("bare number", ids, 0.04)
    columns = {
        "地址编码": p.codes(ids),
        "区县": text.pick(w.county, c),
        "街道乡镇": text.pick(w.town, c),
        "社区村": text.pick(w.name, c),
        "街路巷": text.pick(p.roads, p.road[ids]),
        "门牌号": text.join(text.of(p.number[ids]), text.where(bare, "", "号")),
        "小区名": text.pick(p.estates, p.estate[ids]),
        "楼栋号": text.where(p.level[ids] > 0, text.join(text.of(p.building[ids]), "栋"), None),
        "单元": text.where(p.level[ids] > 1, text.join(text.of(p.unit[ids]), "单元"), None),
        "经度": text.where(kind == 1, None, text.where(kind == 2, "0", text.where(kind == 3, lat, lon))),
        "纬度": text.where(kind == 1, None, text.where(kind == 2, "0", text.where(kind == 3, lon, lat))),
        "行政区划代码": text.of(w.code[c]),
    }
    return Rows(ids, columns, since=since[ids])


DATASETS = [
    Dataset(
        "public_security/household_register",
        ("rkid",),
        "full",
        household_register,
        plain.database("gaj", "czrk", _COMMENTS, "gxsj", True),
        "lxdh",
        ("csrq",),
        ("zxbs",),
    ),
    Dataset(
        "public_security/floating_population",
        ("登记编号",),
        "increment",
        floating_population,
        plain.csv("gb18030", "\r\n"),
        "联系电话",
        ("登记日期",),
    ),
    Dataset("public_security/door_plates", ("地址编码",), "full", door_plates, plain.csv(bom=True), "小区名", ordered=True),
]
