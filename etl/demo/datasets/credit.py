"""发展改革委 and 法院: the double publicity, red and black lists, dishonest debtors."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.demo import damage, text
from etl.demo.chance import Chance, Ints, Mask
from etl.demo.city import START, City
from etl.demo.datasets.common import firm, firm_codes, firm_names
from etl.demo.datasets.organs import organs
from etl.demo.entities import ENTERPRISE, SELF_EMPLOYED
from etl.demo.formats import plain, sheets
from etl.demo.rows import Dataset, Firm, Rows
from etl.demo.text import NO_DAY, Text
from etl.demo.truth import nullable
from etl.demo.words import words

_CODES = ("统一社会信用代码", "工商注册号", "组织机构代码", "税务登记号", "事业单位证书号", "社会组织登记证号")


@dataclass
class Cases:
    """Decisions about a person or an entity: number, day of first delivery, whom, how he is named, and by which code."""

    ids: Ints
    since: Ints
    day: Ints
    person: Ints
    entity: Ints
    said: damage.Said
    firm: Firm
    name: Text
    code: Text

    @property
    def is_person(self) -> Mask:
        return self.person >= 0

    @property
    def subjects(self) -> dict[str, pa.Array]:
        return {
            "true_entity_id": nullable(self.entity),
            "true_person_id": nullable(self.person),
            "subject_name": self.name,
            "decided_on": text.dates(self.day),
        }


def cases(
    city: City, chance: Chance, per_person: float, persons: float, weekly: float, kinds: tuple[int, ...], oldest: int = 1100
) -> Cases:
    """So many decisions per inhabitant, a share of them about natural persons, a share of them new each week."""
    total = max(int(len((city.before or city).people) * per_person), 6)
    extra = max(int(total * weekly), 2)
    count = total + extra * min(city.day, 6)
    ids = np.arange(count)
    since = np.maximum((ids - total) // extra + 1, 0) * (ids >= total)
    first = city.before or city
    adults = np.flatnonzero((first.people.status == 0) & (city.age[: len(first.people)] > 20) & (city.age[: len(first.people)] < 78))
    pool = np.flatnonzero(np.isin(first.entities.kind, kinds))
    about_person = chance.happens("about a person", ids, persons)
    person = np.where(about_person, adults[chance.integers("person", ids, 0, len(adults))], -1)
    entity = np.where(about_person, -1, pool[chance.integers("entity", ids, 0, len(pool))])
    safe = np.maximum(entity, 0)
    born = np.where(about_person, text.day("2014-06-01"), city.entities.established[safe] + 15)
    low = np.maximum(born, START - oldest)
    day = np.where(
        since > 0,
        START + 7 * since - 1 - chance.integers("recent", ids, 0, 6),
        low + (np.maximum(START - 6 - low, 1) * chance.uniform("day", ids)).astype(np.int64),
    )
    said = damage.say(city, chance, person, ids, damage.CAREFUL)
    name, name_quality = firm_names(city, chance, safe, ids, 0.6)
    code, code_quality = firm_codes(city, chance, safe, ids, (0.82, 0.13, 0.035, 0.01))
    return Cases(
        ids,
        since,
        np.minimum(day, city.today - 1),
        person,
        entity,
        said,
        firm(entity, code_quality, name_quality),
        text.where(about_person, said.name, name),
        text.where(about_person, said.number, code),
    )


def _party(city: City, chance: Chance, c: Cases, plain_ids: Text) -> dict[str, Text]:
    """The columns about the party, with its code in the column for its kind."""
    e, entity, ids = city.entities, np.maximum(c.entity, 0), c.ids
    single = e.kind[entity] == SELF_EMPLOYED
    kind = text.where(c.is_person, "自然人", text.where(single, "个体工商户", "法人及非法人组织"))
    columns: dict[str, Text] = {"行政相对人名称": c.name, "行政相对人类别": kind}
    own = {"uscc": 1, "regno": 2, "orgcode": 3, "typo": 1}
    for k, label in enumerate(_CODES, 1):
        names = [q for q, n in own.items() if n == k]
        here = pc.is_in(c.firm.code_quality, value_set=pa.array(names, pa.string())).to_numpy(zero_copy_only=False) & ~c.is_person
        columns[f"行政相对人代码_{k}（{label}）"] = text.where(here, c.code, None)
    rep = city.people.name.take(pa.array(e.representative[entity]))
    number = city.citizen_ids.take(pa.array(e.representative[entity]))
    told = chance.happens("representative's number", ids, 0.62) & ~c.is_person
    return columns | {
        "法定代表人": text.where(c.is_person, None, rep),
        "法定代表人证件类型": text.where(c.is_person, None, "身份证"),
        "法定代表人证件号码": text.where(told, number, None),
        "证件类型": text.where(c.is_person, "身份证", None),
        "证件号码": text.where(c.is_person, plain_ids, None),
    }


def _organ(chance: Chance, ids: Ints) -> tuple[Text, Text]:
    at = chance.integers("organ", ids, 0, len(organs()))
    return text.pick([o.name for o in organs()], at), text.pick([o.code for o in organs()], at)


def permits(city: City) -> Rows:
    chance = city.chance.sub("permits")
    c = cases(city, chance, 0.0168, 0.12, 0.018, (ENTERPRISE, SELF_EMPLOYED, 4))
    organ, code = _organ(chance, c.ids)
    day = text.days(c.day, "%Y/%m/%d")
    open_ended = chance.happens("open ended", c.ids, 0.32)
    ends = c.day + 1094
    invalid = chance.happens("invalid", c.ids, 0.04)
    content = text.pick(
        ["准予户外广告设置", "准予从事许可范围内的经营活动", "同意项目建设；\n按批复执行"], chance.integers("content", c.ids, 0, 3)
    )
    number = text.join(
        text.pick(["泸食药监许", "泸环审", "泸规许", "泸工商"], chance.integers("series", c.ids, 0, 4)),
        "〔",
        text.of(text.parts(c.day)[0]),
        "〕",
        text.of(c.ids + 1),
        "号",
    )
    columns = _party(city, chance, c, c.code) | {
        "行政许可决定文书名称": text.pick(
            ["准予行政许可决定书", "食品经营许可决定书", "建设项目环境影响报告表批复"], chance.integers("document", c.ids, 0, 3)
        ),
        "行政许可决定文书号": number,
        "许可类别": text.pick(["普通", "核准", "其他", "认可", "登记", "特许"], chance.integers("kind", c.ids, 0, 6)),
        "许可证书名称": text.same(None, len(c.ids)),
        "许可编号": text.same(None, len(c.ids)),
        "许可内容": content,
        "许可决定日期": day,
        "有效期自": day,
        "有效期至": text.where(open_ended, "2099/12/31", text.days(ends, "%Y/%m/%d")),
        "许可机关": organ,
        "许可机关统一社会信用代码": code,
        "当前状态": text.where(invalid, "2", text.where(chance.happens("word", c.ids, 0.06), "有效", "1")),
        "数据来源单位": organ,
        "数据来源单位统一社会信用代码": code,
        "备注": text.same(None, len(c.ids)),
    }
    facts = c.subjects | {
        "kind": text.same("permit", len(c.ids)),
        "reason": content,
        "status": text.where(invalid, "invalid", "valid"),
        "valid_to": text.dates(np.where(open_ended, text.day("2099-12-31"), ends)),
    }
    return Rows(c.ids, columns, {"subject": c.said}, {"subject": c.firm}, facts={"credit": facts}, since=c.since)


def penalties(city: City) -> Rows:
    chance = city.chance.sub("penalties")
    c = cases(city, chance, 0.0062, 0.22, 0.03, (ENTERPRISE, SELF_EMPLOYED))
    organ, code = _organ(chance, c.ids)
    warned = chance.happens("warned", c.ids, 0.2)
    fine = np.round(0.05 + 3 * chance.uniform("fine", c.ids) ** 4, 4)
    kind = text.where(warned, "警告", "罚款")
    fact = text.pick(
        ["经查，当事人存在违法经营行为", "排放污染物超过标准\n限期整改", "当事人未取得许可擅自经营"], chance.integers("fact", c.ids, 0, 3)
    )
    number = text.join(
        text.pick(["泸食药监罚", "泸环罚", "泸工商处", "泸安监罚"], chance.integers("series", c.ids, 0, 4)),
        "〔",
        text.of(text.parts(c.day)[0]),
        "〕",
        text.of(c.ids + 1),
        "号",
    )
    ends = text.days(c.day + 365, "%Y/%m/%d")
    columns = _party(city, chance, c, c.code) | {
        "行政处罚决定书文号": number,
        "违法行为类型": text.pick(
            ["违反环境保护法", "违反广告法", "未按规定年报", "违反食品安全法", "违反安全生产法"], chance.integers("offence", c.ids, 0, 5)
        ),
        "违法事实": fact,
        "处罚依据": text.pick(
            [
                "《中华人民共和国行政处罚法》第二十七条",
                "《中华人民共和国环境保护法》第五十九条",
                "《中华人民共和国食品安全法》第一百二十二条",
            ],
            chance.integers("law", c.ids, 0, 3),
        ),
        "处罚类别": kind,
        "处罚内容": kind,
        "罚款金额（万元）": text.where(warned, None, text.pool([f"{v:g}" for v in fine])),
        "没收违法所得、没收非法财物的金额（万元）": text.same(None, len(c.ids)),
        "暂扣或吊销证照名称及编号": text.same(None, len(c.ids)),
        "处罚决定日期": text.days(c.day, "%Y/%m/%d"),
        "处罚有效期": ends,
        "公示截止期": ends,
        "处罚机关": organ,
        "处罚机关统一社会信用代码": code,
        "数据来源单位": organ,
        "数据来源单位统一社会信用代码": code,
        "备注": text.same(None, len(c.ids)),
    }
    facts = c.subjects | {
        "kind": text.same("penalty", len(c.ids)),
        "reason": fact,
        "status": text.same("valid", len(c.ids)),
        "valid_to": text.dates(c.day + 365),
        "amount": pa.array(np.where(warned, 0.0, fine)),
    }
    return Rows(c.ids, columns, {"subject": c.said}, {"subject": c.firm}, facts={"credit": facts}, since=c.since)


def red_black_lists(city: City) -> Rows:
    chance = city.chance.sub("lists")
    c = cases(city, chance, 0.0014, 0.0, 0.06, (ENTERPRISE,), 800)
    leaves = np.where(chance.happens("leaves", c.ids, 0.06), 1 + chance.integers("leaves on", c.ids, 0, 2), 10**6)
    here = np.flatnonzero((leaves > city.day) | (c.since >= leaves))
    red = chance.happens("red", c.ids, 0.62)
    organ, _ = _organ(chance, c.ids)
    reason = text.where(red, "纳税信用A级纳税人", "重大税收违法案件")
    columns = {
        "名单类型": text.where(red, "红名单", "黑名单"),
        "主体名称": c.name,
        "主体代码": c.code,
        "认定依据": reason,
        "认定单位": organ,
        "列入日期": text.days(c.day, "%Y-%m-%d"),
        "有效期至": text.days(c.day + 730, "%Y-%m-%d"),
    }
    at = pa.array(here)
    f = c.subjects | {
        "kind": text.where(red, "red", "black"),
        "reason": reason,
        "status": text.same("listed", len(c.ids)),
        "valid_to": text.dates(c.day + 730),
    }
    quality = Firm(c.entity[here], c.firm.code_quality.take(at), c.firm.name_quality.take(at))
    return Rows(
        c.ids[here],
        {k: v.take(at) for k, v in columns.items()},
        {},
        {"subject": quality},
        facts={"credit": {k: v.take(at) for k, v in f.items()}},
        since=c.since[here],
    )


def dishonest_debtors(city: City) -> Rows:
    chance = city.chance.sub("debtors")
    c = cases(city, chance, 0.0035, 0.76, 0.06, (ENTERPRISE,), 1000)
    masked = damage.say(city, chance, c.person, c.ids, damage.CAREFUL, masked=True)
    published = c.day + chance.integers("published", c.ids, 15, 35)
    fresh = c.since > 0
    filed = np.where(fresh, c.day - 20, c.day)
    published = np.where(fresh, c.day, np.minimum(published, START - 1))
    withdrawn = np.where(
        chance.happens("withdrawn", c.ids, 0.22) & (c.day < START - 300),
        published + 150 + chance.integers("withdrawal", c.ids, 0, 100),
        NO_DAY,
    )
    duty = text.pick(["偿还借款本金及利息", "支付货款\n及违约金"], chance.integers("duty", c.ids, 0, 2))
    courts = words()["courts"]
    year = text.parts(filed)[0]
    columns = {
        "案号": text.join(
            "（", text.of(year), "）川05", text.padded(chance.integers("court code", c.ids, 2, 26), 2), "执", text.of(c.ids + 31), "号"
        ),
        "名称": text.where(c.is_person, masked.name, c.name),
        "证件号码": text.where(c.is_person, masked.number, c.code),
        "执行法院": text.pick(courts, chance.integers("court", c.ids, 0, len(courts))),
        "省份": text.same("四川", len(c.ids)),
        "立案时间": text.days(filed, "%Y年%m月%d日"),
        "生效法律文书义务": duty,
        "履行情况": text.pick(["全部未履行", "部分未履行"], chance.integers("performed", c.ids, 0, 2)),
        "发布时间": text.days(published, "%Y-%m-%d"),
        "撤销时间": text.days(withdrawn, "%Y-%m-%d"),
    }
    facts = c.subjects | {
        "kind": text.same("dishonest", len(c.ids)),
        "subject_name": columns["名称"],
        "reason": duty,
        "decided_on": text.dates(published),
        "removed_on": text.dates(withdrawn),
        "status": text.where(withdrawn != NO_DAY, "removed", "listed"),
    }
    return Rows(c.ids, columns, {"subject": masked}, {"subject": c.firm}, facts={"credit": facts}, since=c.since)


DATASETS = [
    Dataset(
        "development_reform/permits",
        ("行政许可决定文书号", "行政相对人名称"),
        "increment",
        permits,
        sheets.workbook(),
        "许可内容",
        ("许可决定日期",),
    ),
    Dataset(
        "development_reform/penalties",
        ("行政处罚决定书文号", "行政相对人名称"),
        "increment",
        penalties,
        sheets.workbook(numbers=("罚款金额（万元）",)),
        "违法事实",
        ("处罚决定日期",),
    ),
    Dataset(
        "development_reform/red_black_lists",
        ("名单类型", "主体名称", "认定单位", "列入日期"),
        "full",
        red_black_lists,
        plain.csv(),
        "认定依据",
        ("列入日期",),
        ("名单类型",),
    ),
    Dataset("court/dishonest_debtors", ("案号", "名称"), "increment", dishonest_debtors, plain.csv(), "履行情况", ("立案时间",)),
]
