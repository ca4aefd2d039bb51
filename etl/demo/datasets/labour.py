"""人力资源社会保障局 and the housing fund: who is insured, by whom employed."""

import numpy as np
import pyarrow as pa

from etl.demo import damage, spoken, text
from etl.demo.city import START, City
from etl.demo.datasets.common import aware_of, changed_days, firm, firm_codes, firm_names, living, members, scrambled, stamps
from etl.demo.formats import plain
from etl.demo.people import ETHNICITIES
from etl.demo.rows import Dataset, Firm, Rows

_PERSONS = {
    "aac001": "个人编号",
    "aac002": "证件号码",
    "aac003": "姓名",
    "aac004": "性别",
    "aac005": "民族",
    "aac006": "出生日期",
    "aab001": "单位编号",
    "aae005": "电话",
    "aae006": "地址",
    "aac031": "参保状态",
    "aae036": "经办时间",
}
_EMPLOYERS = {
    "aab001": "单位编号",
    "aab003": "组织机构代码或信用代码",
    "aab004": "单位名称",
    "aab013": "法定代表人",
    "aab014": "法人身份证号",
    "aae006": "地址",
    "aab020": "经济类型",
    "aae036": "经办时间",
}


def employer_keys(entity: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Array:
    """aab001 of entities; null for none."""
    return text.where(entity >= 0, text.join("E", text.padded(scrambled(np.maximum(entity, 0), 8), 8)), None)


def insured_persons(city: City) -> Rows:
    chance, p = city.chance.sub("insured"), city.people
    age = city.age
    rate = np.where(city.employer >= 0, 0.995, np.where(age > 16, 0.33, 0.0))
    person, ids = members(city, chance, living(city) | (p.touched > 0), rate, 0.005)
    aware = aware_of(city, chance, ids, 0.3)
    said = damage.say(city, chance, person, ids, damage.Rates(missing=0.02, format=0.025, typo=0.0125, legacy15=0.048, other_person=0.0008))
    place = spoken.write(city, chance, city.seen("plate", person, aware), city.seen("room", person, aware), ids)
    employer = city.employer[person]
    stamp, _ = stamps(city, chance, ids, changed_days(city, person, aware))
    columns = {
        "aac001": text.padded(scrambled(ids, 10), 10),
        "aac002": said.number,
        "aac003": said.name,
        "aac004": damage.sexes(city, chance, person, ids, ("1", "2")),
        "aac005": text.where(chance.happens("ethnicity", ids, 0.03), None, text.pick(ETHNICITIES, p.ethnicity[person])),
        "aac006": damage.birth_texts(city, chance, person, ids, "%Y%m%d"),
        "aab001": employer_keys(employer),
        "aae005": damage.phone_texts(city, chance, city.seen("phone", person, aware), ids, 0.08),
        "aae006": place.value,
        "aac031": text.where(chance.happens("paused", ids, 0.06), "2", "1"),
        "aae036": stamp,
    }
    firms = {"employer": Firm(employer, text.same("none", len(ids)), text.same("ok", len(ids)))}
    return Rows(ids, columns, {"self": said}, firms, {"residence": place}, since=p.joined[person])


def insured_employers(city: City) -> Rows:
    chance, e = city.chance.sub("employers"), city.entities
    every = np.arange(len(e))
    ids = every[
        (e.kind != 1)
        & (e.status == 0)
        & (np.isin(every, city.employer) | chance.happens("member", every, 0.5))
        & chance.happens("stays", every, 0.97)
    ]
    name, name_quality = firm_names(city, chance, ids, ids)
    code, code_quality = firm_codes(city, chance, ids, ids, (0.6, 0.03, 0.34, 0.015))
    said = damage.say(city, chance, e.representative[ids], ids, damage.Rates(missing=0.018))
    place = spoken.write(city, chance, e.plate[ids], 0 * ids, ids, rooms=False)
    stamp, _ = stamps(city, chance, ids, e.touched[ids])
    columns = {
        "aab001": employer_keys(ids),
        "aab003": code,
        "aab004": name,
        "aab013": said.name,
        "aab014": said.number,
        "aae006": place.value,
        "aab020": text.pick(["110", "120", "150", "171", "173", "175"], chance.integers("economy", ids, 0, 6)),
        "aae036": stamp,
    }
    return Rows(ids, columns, {"legal_representative": said}, {"self": firm(ids, code_quality, name_quality)}, {"address": place})


def housing_accounts(city: City) -> Rows:
    chance, e = city.chance.sub("fund"), city.entities
    person, ids = members(city, chance, city.employer >= 0, 0.22, 0.005)
    employer = city.employer[person]
    said = damage.say(
        city,
        chance,
        person,
        ids,
        damage.Rates(missing=0.006, format=0.023, typo=0.007, legacy15=0.016, homophone=0.004, variant=0.002, space=0.002),
    )
    name, name_quality = firm_names(city, chance.sub("unit"), employer, employer)
    base = 2000 + chance.integers("base", ids, 0, 7000)
    deposit = np.round(base * 0.24, 2)
    opened = np.clip(city.employed_since[person] + 40, text.day("2005-01-01"), START - 2)
    unit = text.join("0830", text.padded(scrambled(employer, 6), 6))
    columns = {
        "unit_account": unit,
        "unit_name": name,
        "account": text.join("800", text.padded(scrambled(ids, 7), 7)),
        "name": said.name,
        "id": said.number,
        "base": text.of(base),
        "deposit": text.pool([f"{v:.2f}".rstrip("0").rstrip(".") for v in deposit]),
        "status": text.pick(["正常", "封存", "销户"], chance.choose("status", ids, [0.87, 0.1, 0.03])),
        "opened": text.days(opened),
    }
    assert len(e)
    firms = {"employer": firm(employer, text.same("none", len(ids)), name_quality)}
    return Rows(ids, columns, {"self": said}, firms)


DATASETS = [
    Dataset(
        "human_resources/insured_persons",
        ("aac001",),
        "full",
        insured_persons,
        plain.database("rsj", "ac01", _PERSONS, "aae036", True),
        "aae005",
    ),
    Dataset(
        "human_resources/insured_employers",
        ("aab001",),
        "full",
        insured_employers,
        plain.database("rsj", "ab01", _EMPLOYERS, "aae036", False),
        "aab020",
    ),
    Dataset(
        "housing_fund/accounts",
        ("account",),
        "full",
        housing_accounts,
        plain.piped,
        "deposit",
        ("opened",),
        required_numbers=("base",),
        shape_errors=True,
    ),
]
