"""国税局 and 地税局: taxpayers, ratings, arrears."""

import numpy as np
import pyarrow as pa

from etl.demo import damage, spoken, text
from etl.demo.chance import Chance, Ints
from etl.demo.city import START, City
from etl.demo.datasets.common import firm, firm_names
from etl.demo.entities import ENTERPRISE, SELF_EMPLOYED
from etl.demo.formats import plain, sheets
from etl.demo.geography import COUNTIES
from etl.demo.rows import Dataset, Rows
from etl.demo.text import Text


def taxpayer_numbers(city: City, chance: Chance, entity: Ints) -> tuple[Text, Text]:
    """The credit code of converted taxpayers, else 15 digits: region and organisation code. The same at both offices."""
    e = city.entities
    at = pa.array(entity)
    shared = city.chance.sub("taxpayer numbers")
    region = text.pick(COUNTIES, city.plates.where.county_index[city.plates.community[e.plate[entity]]])
    old = text.join(region, e.organization_code.take(at))
    uscc = e.uscc.take(at)
    legacy = ~uscc.is_valid().to_numpy(zero_copy_only=False) | (
        shared.happens("old number", entity, 0.12) & (e.established[entity] < text.day("2015-06-01"))
    )
    number = text.where(legacy, old, uscc)
    typo = chance.happens("typo", entity, 0.006 * city.harshness)
    bits = (chance.bits("number", entity) >> np.uint64(4)).astype(np.int64)
    number = text.change(
        number, typo, lambda v, b: v[:12] + str((int(v[12]) + 1 + b % 8) % 10 if v[12].isdigit() else b % 10) + v[13:], bits
    )
    return number, text.where(typo, "typo", text.where(legacy, "orgcode", "uscc"))


def _taxpayers(city: City, name: str, share: float, usual: str) -> Rows:
    chance, e = city.chance.sub(name), city.entities
    every = np.arange(len(e))
    ids = every[(e.kind <= SELF_EMPLOYED) & chance.happens("member", every, share)]
    number, quality = taxpayer_numbers(city, chance, ids)
    said_name, name_quality = firm_names(city, chance, ids, ids)
    said = damage.say(city, chance, e.representative[ids], ids, damage.Rates(missing=0.02, legacy15=0.025))
    place = spoken.write(city, chance, e.plate[ids], 0 * ids, ids, rooms=False)
    since = np.where(e.established[ids] >= START - 1, e.touched[ids], 0)
    columns = {
        "纳税人识别号": number,
        "纳税人名称": said_name,
        "法定代表人": said.name,
        "法人证件号码": said.number,
        "注册地址": place.value,
        "登记日期": damage.day_texts(chance.sub("registered"), np.minimum(e.established[ids] + 10, city.today - 1), ids, usual, 0.02),
        "行业": e.industry.take(pa.array(ids)),
        "纳税人状态": text.where(e.status[ids] == 2, "注销", text.where(chance.happens("irregular", ids, 0.04), "非正常", "正常")),
    }
    return Rows(ids, columns, {"legal_representative": said}, {"self": firm(ids, quality, name_quality)}, {"address": place}, since=since)


def state_taxpayers(city: City) -> Rows:
    return _taxpayers(city, "state tax", 0.5, "%Y-%m-%d")


def local_taxpayers(city: City) -> Rows:
    return _taxpayers(city, "local tax", 0.43, "%Y/%m/%d")


def credit_ratings(city: City) -> Rows:
    chance, e = city.chance.sub("ratings"), city.entities
    every = np.arange(len(e))
    firms = every[(e.kind == ENTERPRISE) & (e.established < text.day("2016-06-01")) & chance.happens("member", every, 0.75)]
    entity, year = np.concatenate([firms, firms]), np.repeat([2015, 2016], len(firms))
    ids = entity * 2 + (year == 2016)
    number, quality = taxpayer_numbers(city, city.chance.sub("state tax"), entity)
    name, name_quality = firm_names(city, chance, entity, ids)
    regraded = chance.happens("regraded", ids, 0.003) & (year == 2016) & (city.day >= 2)
    grade = chance.choose("grade", ids, [0.2, 0.55, 0.15, 0.06, 0.04])
    columns = {
        "纳税人识别号": number,
        "年度": text.of(year),
        "纳税人名称": name,
        "等级": text.pick(list("ABMCD"), np.where(regraded, (grade + 1) % 5, grade)),
    }
    facts = {
        "credit": {
            "kind": text.same("rating", len(ids)),
            "true_entity_id": pa.array(entity),
            "subject_name": name,
            "reason": columns["等级"],
            "status": text.of(year),
        }
    }
    return Rows(ids, columns, {}, {"self": firm(entity, quality, name_quality)}, facts=facts)


def arrears(city: City) -> Rows:
    chance, e = city.chance.sub("arrears"), city.entities
    every = np.arange(len(e))
    since = np.where(chance.happens("new", every, 0.003), 1, np.where(chance.happens("newer", every, 0.003), 2, 0))
    ids = every[
        (chance.happens("member", every, 0.035) | (since > 0))
        & (e.kind <= SELF_EMPLOYED)
        & (since <= city.day)
        & (e.established < text.day("2017-01-01"))
    ]
    since = since[ids]
    number, quality = taxpayer_numbers(city, city.chance.sub("local tax"), ids)
    name, name_quality = firm_names(city, chance, ids, ids, 0.4)
    published = np.where(since > 0, START + 7 * since - 1, START - 20 - chance.integers("published", ids, 0, 760))
    owed = np.round(np.exp(8 + 4 * chance.uniform("owed", ids)), 2)
    kind = text.pick(["增值税", "企业所得税", "城市维护建设税", "个人所得税"], chance.integers("tax", ids, 0, 4))
    grouped = chance.happens("grouped", ids, 0.15)
    columns = {
        "公告号": text.join("泸地税欠告〔", text.of(text.parts(published)[0]), "〕", text.padded(ids, 6)),
        "纳税人识别号": number,
        "纳税人名称": name,
        "税种": kind,
        "欠税余额(元)": text.pool([f"{v:,.2f}" if g else f"{v:.2f}" for v, g in zip(owed, grouped, strict=True)]),
        "公告日期": text.days(published, "%Y-%m-%d"),
    }
    facts = {
        "credit": {
            "kind": text.same("arrears", len(ids)),
            "true_entity_id": pa.array(ids),
            "subject_name": name,
            "reason": kind,
            "decided_on": text.dates(published),
            "status": text.same("listed", len(ids)),
            "amount": pa.array(owed),
        }
    }
    return Rows(ids, columns, {}, {"self": firm(ids, quality, name_quality)}, facts=facts, since=since)


DATASETS = [
    Dataset("state_tax/taxpayers", ("纳税人识别号",), "full", state_taxpayers, plain.csv("gb18030", "\r\n"), "行业", ("登记日期",)),
    Dataset(
        "state_tax/credit_ratings",
        ("纳税人识别号", "年度"),
        "full",
        credit_ratings,
        sheets.workbook("纳税信用等级评定结果"),
        "纳税人名称",
        required_codes=("等级",),
    ),
    Dataset("local_tax/taxpayers", ("纳税人识别号",), "full", local_taxpayers, plain.csv(), "行业", ("登记日期",)),
    Dataset(
        "local_tax/arrears",
        ("公告号",),
        "increment",
        arrears,
        plain.csv("gb18030", "\r\n"),
        "税种",
        ("公告日期",),
        required_numbers=("欠税余额(元)",),
    ),
]
