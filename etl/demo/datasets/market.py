"""工商局: enterprises, self-employed, licences, abnormal operations."""

import numpy as np
import pyarrow as pa

from etl.demo import damage, spoken, text
from etl.demo.chance import Chance, Ints
from etl.demo.city import START, City
from etl.demo.datasets.common import end_of_validity, firm, firm_codes, firm_names, scrambled, stamps
from etl.demo.datasets.organs import market_offices
from etl.demo.entities import COUNTY_NAMES, ENTERPRISE, SELF_EMPLOYED
from etl.demo.formats import plain
from etl.demo.rows import Dataset, Rows
from etl.demo.text import NO_DAY

STATES = ("1", "2", "3")


def _registered(city: City, kind: int) -> Ints:
    e = city.entities
    return np.flatnonzero(e.kind == kind)


def _since(city: City, ids: Ints) -> Ints:
    """The delivery day on which an entity first stands in a register."""
    return np.where(city.entities.established[ids] >= START - 1, city.entities.touched[ids], 0)


def _register(city: City, name: str, kind: int) -> Rows:
    chance, e = city.chance.sub(name), city.entities
    own = _registered(city, kind)
    twice = own[chance.happens("twice", own, 0.002 * city.harshness)]
    entity, ids = np.concatenate([own, twice]), np.concatenate([own * 2, twice * 2 + 1])
    said = damage.say(city, chance, e.representative[entity], ids, damage.CAREFUL)
    at = pa.array(entity)
    code, code_quality = firm_codes(city, chance, entity, ids, (1, 0, 0, 0), hyphen=False)
    has_code = e.uscc.take(at).is_valid().to_numpy(zero_copy_only=False)
    lost_number = chance.happens("no number", ids, 0.004)
    true_name = e.name.take(at)
    hazard = np.flatnonzero(chance.happens("hazard", ids, 0.003 * city.harshness))
    entname = text.put(true_name, hazard, ["=" + v for v in true_name.take(pa.array(hazard)).to_pylist()])
    place = spoken.write(city, chance, e.plate[entity], 0 * ids, ids, rooms=False)
    stamp, seconds = stamps(city, chance, ids, e.touched[entity])
    ends = e.established[entity] + 365 * chance.integers("term", ids, 10, 31)
    money = e.capital[entity]
    amounts = text.pool([None if v < 0 else f"{v / 100}" for v in money.tolist()])
    no_amount = chance.happens("no capital", ids, 0.06)
    worded = text.join('"', amounts, '万元"')
    columns = {
        "pripid": text.join("5105", text.padded(scrambled(ids, 10), 12)),
        "uniscid": text.where(has_code, code, None),
        "regno": text.where(lost_number & has_code, None, e.registration_number.take(at)),
        "entname": entname,
        "enttype": e.type_code.take(at),
        "lerep": said.name,
        "lerepcerno": said.number,
        "regcap": text.where(no_amount, None, text.where(chance.happens("worded", ids, 0.01 * city.harshness), worded, amounts)),
        "regcapcur": text.pick(["156", "人民币", "CNY"], chance.choose("currency", ids, [0.8, 0.12, 0.08])),
        "estdate": text.days(e.established[entity], "%Y-%m-%d"),
        "opfrom": text.days(e.established[entity], "%Y-%m-%d"),
        "opto": end_of_validity(chance, ends, ids, 0.62),
        "dom": place.value,
        "opscope": text.join(e.trade.take(at), "；依法须经批准的项目，经相关部门批准后方可开展经营活动")
        if kind == ENTERPRISE
        else text.same("餐饮服务；日用百货零售", len(ids)),
        "industryco": e.industry.take(at),
        "regstate": text.pick(STATES, e.status[entity]),
        "candate": text.days(e.closed[entity], "%Y-%m-%d"),
        "updated_at": text.join(pa.compute.replace_substring(stamp, " ", "T"), "+08:00"),
    }
    if kind == SELF_EMPLOYED:
        del columns["regcap"]
    quality = text.where(has_code, code_quality, "regno")
    dirty = np.zeros(len(ids), dtype=bool)
    dirty[hazard] = True
    names = text.where(dirty, "hazard", "ok")
    firms = {"self": firm(entity, quality, names)}
    return Rows(ids, columns, {"legal_representative": said}, firms, {"address": place}, since=_since(city, entity), updated=seconds)


def enterprises(city: City) -> Rows:
    return _register(city, "enterprises", ENTERPRISE)


def self_employed(city: City) -> Rows:
    return _register(city, "self_employed", SELF_EMPLOYED)


def _certificate_ids(chance: Chance, ids: Ints, county: Ints) -> pa.Array:
    """GB/T 36904: root, type, issuer, number, version and a check character (mod 37, 36)."""
    issuers = text.pool([o.code for o in market_offices()])
    body = text.join("1.2.156.3005.2.11100000MB0143028R001.", text.pick(issuers, county), ".", text.padded(scrambled(ids, 10), 10), ".001.")
    checks = text.pool([certificate_check(v) for v in body.to_pylist()])
    wrong = chance.happens("wrong check", ids, 0.01)
    return text.join(body, text.where(wrong, "0", checks))


def certificate_check(body: str) -> str:
    """The check character of the parts after the root."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    product = 36
    for char in body.removeprefix("1.2.156.3005.2.").replace(".", ""):
        total = (product + alphabet.index(char)) % 36 or 36
        product = total * 2 % 37
    return alphabet[(37 - product) % 36]


def business_licences(city: City) -> Rows:
    chance, e = city.chance.sub("licences"), city.entities
    every = np.arange(len(e))
    ids = every[(e.kind <= SELF_EMPLOYED) & chance.happens("member", every, 0.63)]
    code, code_quality = firm_codes(city, chance, ids, ids, (0.93, 0.05, 0, 0.012))
    name, name_quality = firm_names(city, chance, ids, ids, 0.4)
    county = city.plates.where.county_index[city.plates.community[e.plate[ids]]]
    key = _certificate_ids(chance, ids, county)
    issued = np.minimum(e.established[ids], city.today - 1)
    columns = {
        "zzbs": key,
        "zzmc": text.same("营业执照", len(ids)),
        "zzhm": code,
        "cyzmc": name,
        "cyzzjhm": code,
        "fzjg": text.pick([o.name for o in market_offices()], county),
        "fzrq": text.days(issued, "%Y-%m-%d"),
        "yxqs": text.days(issued),
        "yxqz": end_of_validity(chance, np.full(len(ids), NO_DAY), ids, 1.0),
        "zt": text.pick(["有效", "吊销", "注销"], e.status[ids]),
    }
    facts = {
        "certificate": {
            "type_name": text.same("营业执照", len(ids)),
            "number": code,
            "true_entity_id": pa.array(ids),
            "issued_on": text.dates(issued),
            "status": text.where(e.status[ids] == 0, "valid", "revoked"),
        }
    }
    return Rows(ids, columns, {}, {"holder": firm(ids, code_quality, name_quality)}, facts=facts, since=_since(city, ids))


def abnormal_operations(city: City) -> Rows:
    chance, e = city.chance.sub("abnormal"), city.entities
    every = np.arange(len(e))
    since = np.where(chance.happens("new entry", every, 0.003), 1, np.where(chance.happens("newer entry", every, 0.003), 2, 0))
    chosen = chance.happens("member", every, 0.04) | (since > 0)
    ids = every[chosen & (e.kind <= SELF_EMPLOYED) & (since <= city.day) & (e.established < text.day("2017-06-01"))]
    since = since[ids]
    code, code_quality = firm_codes(city, chance, ids, ids, (0.7, 0.28, 0, 0.01), hyphen=False)
    name, name_quality = firm_names(city, chance, ids, ids, 0.4)
    listed = np.where(
        since > 0, START + 7 * since - 2 - chance.integers("days", ids, 0, 5), START - 20 - chance.integers("listed", ids, 0, 1000)
    )
    year = text.parts(listed)[0]
    lifted = np.where(
        chance.happens("lifted", ids, 0.28) & (listed < START - 400), listed + 200 + chance.integers("lift", ids, 0, 190), NO_DAY
    )
    reason = text.pick(
        ["未按规定公示年度报告", "通过登记的住所或者经营场所无法联系", "公示企业信息隐瞒真实情况、弄虚作假"],
        chance.integers("why", ids, 0, 3),
    )
    bureaus = [f"{c}工商行政管理局" for c in ("泸州市", *COUNTY_NAMES)]
    columns = {
        "文号": text.join("泸市工商列字〔", text.of(year), "〕", text.padded(ids, 5), "号"),
        "企业名称": name,
        "统一社会信用代码": code,
        "列入原因": reason,
        "列入日期": text.days(listed, "%Y-%m-%d"),
        "移出日期": damage.day_texts(chance.sub("lifted"), lifted, ids, "%Y/%m/%d", 0.2),
        "作出决定机关": text.pick(bureaus, chance.integers("bureau", ids, 0, len(bureaus))),
    }
    facts = {
        "credit": {
            "kind": text.same("abnormal", len(ids)),
            "true_entity_id": pa.array(ids),
            "subject_name": name,
            "reason": reason,
            "decided_on": text.dates(listed),
            "removed_on": text.dates(lifted),
            "status": text.where(lifted != NO_DAY, "removed", "listed"),
        }
    }
    return Rows(ids, columns, {}, {"self": firm(ids, code_quality, name_quality)}, facts=facts, since=since)


DATASETS = [
    Dataset(
        "market_regulation/enterprises",
        ("pripid",),
        "increment",
        enterprises,
        plain.api(("regcap",)),
        "opscope",
        ("estdate",),
        ("regstate",),
        is_api=True,
    ),
    Dataset(
        "market_regulation/self_employed",
        ("pripid",),
        "increment",
        self_employed,
        plain.api(()),
        "opscope",
        ("estdate",),
        ("regstate",),
        is_api=True,
    ),
    Dataset("market_regulation/business_licences", ("zzbs",), "increment", business_licences, plain.json_data, "fzjg", ("fzrq",), ("zt",)),
    Dataset(
        "market_regulation/abnormal_operations",
        ("文号",),
        "increment",
        abnormal_operations,
        plain.csv("gb18030", "\r\n"),
        "列入原因",
        ("列入日期",),
    ),
]
