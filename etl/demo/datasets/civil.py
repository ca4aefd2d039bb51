"""民政局, 教育局, 扶贫移民局 and the grid workers of counties and parks."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.demo import damage, spoken, text
from etl.demo.chance import Chance, Ints
from etl.demo.city import START, City
from etl.demo.datasets.common import aware_of, changed_days, firm, firm_codes, firm_names, living, members, scrambled
from etl.demo.entities import COOPERATIVE, SCHOOL, SOCIAL
from etl.demo.formats import plain, sheets
from etl.demo.formats.plain import file
from etl.demo.formats.sheets import Cell, Sheet, table_rows, write_workbook
from etl.demo.geography import COUNTIES, PARKS
from etl.demo.households import CHILD, FATHER, HEAD, SPOUSE
from etl.demo.rows import Dataset, Firm, Output, Rows
from etl.demo.words import words


def marriages(city: City) -> Rows:
    """Weddings and divorces since 2015, one row a couple."""
    chance, p = city.chance.sub("marriages"), city.people
    men = np.flatnonzero((p.sex == 1) & (p.spouse >= 0) & (p.since >= text.day("2015-01-01")) & chance.happens("member", p.ids, 0.97))
    apart = np.flatnonzero((p.sex == 1) & (p.former_spouse >= 0))
    man = np.concatenate([men, apart])
    divorced = np.arange(len(man)) >= len(men)
    woman = np.where(divorced, p.former_spouse[man], p.spouse[man])
    day = np.where(divorced, p.until[man], p.since[man])
    ids = man * 2 + divorced
    since = np.maximum((day - START) // 7 + 1, 0)
    husband = damage.say(city, chance.sub("husband"), man, ids, damage.CAREFUL)
    wife = damage.say(city, chance.sub("wife"), woman, ids, damage.CAREFUL)
    columns = {
        "登记字号": text.join("J", text.of(510502 + ids // 10**6), "-", text.of(text.parts(day)[0]), "-", text.padded(ids % 10**6, 6)),
        "男方姓名": husband.name,
        "男方身份证号": husband.number,
        "女方姓名": wife.name,
        "女方身份证号": wife.number,
        "登记日期": text.days(day, "%Y-%m-%d"),
        "登记类型": text.where(divorced, "离婚", "结婚"),
    }
    return Rows(ids, columns, {"husband": husband, "wife": wife}, since=since)


def _number_key(column: pa.Array, ids: Ints) -> pa.Array:
    """ID numbers that are a key are never empty and never twice."""
    filled = text.where(
        pc.equal(pc.utf8_trim_whitespace(pc.fill_null(column, "")), "").to_numpy(zero_copy_only=False),
        text.join("无", text.of(ids)),
        column,
    )
    return text.where(
        np.isin(np.arange(len(ids)), np.unique(pc.dictionary_encode(filled).indices.to_numpy(), return_index=True)[1]),
        filled,
        text.join(filled, text.of(ids % 10)),
    )


def subsistence_allowance(city: City) -> Rows:
    chance, p = city.chance.sub("subsistence"), city.people
    heads = living(city) & p.registered & (p.slot == HEAD) & (city.age > 25)
    came, left = chance.happens("comes", p.ids, 0.0005), chance.happens("leaves", p.ids, 0.02)
    person, ids = members(city, chance, heads & ~(left & (city.day > 0)), np.where(came & (city.day > 0), 1.0, 0.034), 0.0)
    said = damage.say(
        city,
        chance,
        person,
        ids,
        damage.Rates(missing=0, format=0.014, typo=0, legacy15=0.03, other_person=0, homophone=0.01, decorated=0.01, name_missing=0.01),
    )
    w = city.plates.where
    where = city.plates.community[p.registered_plate[person]]
    size = np.bincount(p.household, minlength=int(p.household.max()) + 1)[p.household[person]]
    started = text.day("2011-01-01") + chance.integers("started", ids, 0, 2500)
    columns = {
        "序号": text.of(np.arange(1, len(ids) + 1)),
        "户主姓名": said.name,
        "身份证号": _number_key(said.number, ids),
        "家庭人口": text.where(chance.happens("worded", ids, 0.02 * city.harshness), text.join(text.of(size), "人"), text.of(size)),
        "月保障金额(元)": text.of(180 + chance.integers("amount", ids, 0, 900)),
        "乡镇街道": text.pick(w.town, where),
        "村社区": text.pick(w.name, where),
        "起始年月": text.days(started, "%Y%m"),
    }
    return Rows(ids, columns, {"self": said})


def write_subsistence(out: Output) -> None:
    """Two header rows with merged cells, and a total row at the end."""
    body = table_rows(out, ("家庭人口", "月保障金额(元)"), ())
    for n, row in enumerate(body, 1):
        row[0] = n
    numbers = [[v for v in (r[i] for r in body) if isinstance(v, int)] for i in (3, 4)]
    first: list[Cell] = ["序号", "户主姓名", "身份证号", "保障情况", None, "所在地", None, "起始年月"]
    second: list[Cell] = [None, None, None, "家庭人口", "月保障金额(元)", "乡镇街道", "村社区", None]
    total: list[Cell] = ["合计", None, None, sum(numbers[0]), sum(numbers[1]), None, None, None]
    merged = ["A1:A2", "B1:B2", "C1:C2", "D1:E1", "F1:G1", "H1:H2"]
    write_workbook(file(out, "xlsx"), [Sheet("低保", [first, second, *body, total], merged)], out.date)


def _organisations(city: City, name: str, kind: int) -> tuple[Chance, Ints, pa.Array, Firm, pa.Array, damage.Said, damage.Place]:
    """What lists of organisations under their credit code have in common: only those that have one."""
    chance, e = city.chance.sub(name), city.entities
    ids = np.flatnonzero((e.kind == kind) & e.uscc.is_valid().to_numpy(zero_copy_only=False) & (e.established < START))
    code, code_quality = firm_codes(city, chance, ids, ids, (1, 0, 0, 0), hyphen=False)
    said_name, name_quality = firm_names(city, chance, ids, ids)
    said = damage.say(city, chance, e.representative[ids], ids, damage.CAREFUL, numbered=False)
    place = spoken.write(city, chance, e.plate[ids], 0 * ids, ids, rooms=False)
    return chance, ids, code, firm(ids, code_quality, name_quality), said_name, said, place


def social_organizations(city: City) -> Rows:
    chance, ids, code, quality, name, said, place = _organisations(city, "social", SOCIAL)
    e = city.entities
    columns = {
        "统一社会信用代码": code,
        "组织名称": name,
        "类型": text.pick(
            [w[1] for w in words()["socials"]], np.array([int(t) for t in e.trade.take(pa.array(ids)).to_pylist()], dtype=np.int64)
        ),
        "法定代表人": said.name,
        "业务主管单位": text.pick(["市文广新局", "市民政局", "市教育局", "无"], chance.integers("authority", ids, 0, 4)),
        "住所": place.value,
        "成立日期": text.days(e.established[ids], "%Y-%m-%d"),
        "状态": text.pick(["正常", "撤销", "注销"], e.status[ids]),
    }
    return Rows(ids, columns, {}, {"self": quality}, {"address": place})


def cooperatives(city: City) -> Rows:
    chance, ids, code, quality, name, said, place = _organisations(city, "cooperatives", COOPERATIVE)
    count = chance.integers("members", ids, 5, 160)
    columns = {
        "统一社会信用代码": code,
        "合作社名称": name,
        "法定代表人": said.name,
        "成员数": text.where(chance.happens("worded", ids, 0.08 * city.harshness), text.join(text.of(count), "户"), text.of(count)),
        "住所": place.value,
        "主营": text.pick(["荔枝龙眼", "生猪养殖", "茶叶", "高粱种植", "蔬菜"], chance.integers("trade", ids, 0, 5)),
    }
    return Rows(ids, columns, {}, {"self": quality}, {"address": place})


def school_keys(entity: Ints) -> pa.Array:
    return text.join("315", text.padded(scrambled(entity, 7), 7))


def schools(city: City) -> Rows:
    _chance, ids, code, quality, name, said, place = _organisations(city, "schools", SCHOOL)
    kinds = [w[1] for w in words()["schools"]]
    columns = {
        "学校标识码": school_keys(ids),
        "学校名称": name,
        "统一社会信用代码": code,
        "办学类型": text.pick(kinds, np.array([int(t) for t in city.entities.trade.take(pa.array(ids)).to_pylist()], dtype=np.int64)),
        "地址": place.value,
        "校长": said.name,
    }
    return Rows(ids, columns, {}, {"self": quality}, {"address": place})


def students(city: City) -> Rows:
    chance, p = city.chance.sub("students"), city.people
    age = city.age
    person, ids = members(
        city,
        chance,
        living(city) & (age > 4) & (age < 18.6),
        np.where(chance.happens("comes", p.ids, 0.01) & (city.day > 0), 1.0, 0.955),
        0.004,
    )
    aware = aware_of(city, chance, ids, 0.4)
    said = damage.say(city, chance, person, ids, damage.Rates(missing=0.035, format=0.02, typo=0.013, legacy15=0, other_person=0.0055))
    guardian = np.where(
        (p.father[person] >= 0) & (chance.happens("father", ids, 0.6) | (p.mother[person] < 0)), p.father[person], p.mother[person]
    )
    kept = damage.say(city, chance.sub("guardian"), guardian, ids, damage.Rates(), numbered=False)
    place = spoken.write(city, chance, city.seen("plate", person, aware), city.seen("room", person, aware), ids)
    all_schools = np.flatnonzero(city.entities.kind == SCHOOL)
    year_of = np.clip(age[person] - 3.2, 0, 14.9).astype(np.int64)
    years = [
        "学前一年级",
        "学前二年级",
        "学前三年级",
        *[f"小学{n}年级" for n in "一二三四五六"],
        *[f"初中{n}年级" for n in "一二三"],
        *[f"高中{n}年级" for n in "一二三"],
    ]
    started = np.array([2017 - k for k in (0, 1, 2, 0, 1, 2, 3, 4, 5, 0, 1, 2, 0, 1, 2)])[year_of]
    usable = (said.id_quality == 0) & ~chance.happens("temporary", ids, 0.02) & (ids % 2 == 0)
    key = text.where(
        usable,
        text.join(text.where(chance.happens("L", ids, 0.1), "L", "G"), said.number),
        text.join("T", text.padded(scrambled(ids, 9), 12)),
    )
    no_kind = chance.happens("coded kind", ids, 0.05)
    school = all_schools[chance.integers("school", p.household[person], 0, len(all_schools))]
    columns = {
        "学籍号": key,
        "姓名": said.name,
        "性别": damage.sexes(city, chance, person, ids, ("男", "女")),
        "出生日期": damage.birth_texts(city, chance, person, ids, "%Y%m%d", 0.04),
        "身份证件类型": text.where(no_kind, "1", "居民身份证"),
        "身份证件号": said.number,
        "学校标识码": school_keys(school),
        "年级": text.pick(years, year_of),
        "入学年月": text.join(text.of(started), "09"),
        "监护人姓名": kept.name,
        "监护人电话": damage.phone_texts(city, chance.sub("guardian"), p.phone[np.maximum(guardian, 0)], ids, 0.06),
        "现住址": place.value,
    }
    return Rows(ids, columns, {"self": said, "guardian": kept}, places={"residence": place}, since=p.joined[person])


def registered_households(city: City) -> Rows:
    chance, p = city.chance.sub("poverty"), city.people
    w = city.plates.where
    village = w.rural[city.plates.community[p.registered_plate]]
    poor = chance.happens("household", p.household, 0.085)
    person = np.flatnonzero(
        living(city)
        & p.registered
        & village
        & poor
        & np.isin(p.slot, (HEAD, SPOUSE, CHILD, CHILD + 1, FATHER, FATHER + 1))
        & (p.joined == 0)
    )
    ids = person * 2
    said = damage.say(
        city,
        chance,
        person,
        ids,
        damage.Rates(missing=0, format=0.014, typo=0.009, legacy15=0.012, other_person=0, extended=0.02, homophone=0.006),
    )
    slot = p.slot[person]
    relation = text.pick(
        ["户主", "配偶", "之子女", "之父", "之母"],
        np.select([slot == HEAD, slot == SPOUSE, slot == FATHER, slot == FATHER + 1], [0, 1, 3, 4], 2),
    )
    year = np.where(chance.happens("still poor", p.household[person], 0.2), -1, chance.integers("year", p.household[person], 0, 4))
    where = city.plates.community[p.registered_plate[person]]
    columns = {
        "户编号": text.join("5105", text.padded(p.household[person] * 7 + 540, 9)),
        "姓名": said.name,
        "证件号码": said.number,
        "与户主关系": relation,
        "致贫原因": text.pick(["因病", "因残", "缺劳力", "缺技术", "因学"], chance.integers("why", p.household[person], 0, 5)),
        "脱贫年度": text.pick(["2014", "2015", "2016", "2017"], year),
        "行政村": text.join(text.pick(w.town, where), text.pick(w.name, where)),
    }
    return Rows(ids, columns, {"self": said})


class GridResidents:
    """Residents whom the grid workers of a county or park have met at home."""

    def __init__(self, department: str) -> None:
        self.department = department
        self.county = PARKS.get(department, department.removeprefix("county_"))
        self.code = department.removeprefix("county_")

    def __call__(self, city: City) -> Rows:
        chance, p = city.chance.sub(self.department), city.people
        county = city.plates.where.county_index[city.plates.community[p.plate]]
        here = county == COUNTIES.index(self.county)
        rate = 0.36
        if self.department in PARKS:
            here &= city.plates.community[p.plate] % 5 == 2
            rate = 0.15
        recent = city.day > 0
        newly = recent & chance.happens("met lately", p.ids, 0.004)
        person, ids = members(city, chance, here & (p.status == 0) & (p.birth < START - 30), np.where(newly, 1.0, rate), 0.006)
        aware = np.ones(len(ids), dtype=bool)
        said = damage.say(city, chance, person, ids, damage.FIELD_WORK)
        plate, room = city.seen("plate", person, aware), city.seen("room", person, aware)
        place = spoken.write(city, chance, plate, room, ids)
        when = START - 20 - chance.integers("when", ids, 0, 600)
        touched = changed_days(city, person, aware)
        when = np.where(touched > 0, START + 7 * touched - 1 - chance.integers("week", ids, 0, 6), when)
        minute = chance.integers("minute", ids, 480, 1080)
        shapes = ("%Y-%m-%d", "%Y/%m/%d")
        pattern = shapes[COUNTIES.index(self.county) % 2]
        w = city.plates.where
        styles = [("男", "女"), ("1 男", "2 女"), ("M", "F"), ("1", "2")]
        columns = {
            "采集编号": text.join("W", self.code, text.padded(scrambled(ids, 8), 8)),
            "姓名": said.name,
            "身份证号": said.number,
            "性别": damage.sexes(city, chance, person, ids, styles[int(self.code) % 4]),
            "联系电话": damage.phone_texts(city, chance, city.seen("phone", person, aware), ids, 0.05),
            "居住地址": place.value,
            "网格编码": text.join(text.of(w.code[city.plates.community[plate]]), "00", text.of(chance.integers("grid", ids, 1, 4))),
            "采集时间": text.join(
                damage.day_texts(chance.sub("when"), when, ids, pattern, 0.0),
                " ",
                text.padded(minute // 60, 2),
                ":",
                text.padded(minute % 60, 2),
                ":00",
            ),
        }
        since = np.where(newly[person], 1, p.joined[person])
        return Rows(ids, columns, {"self": said}, places={"residence": place}, since=since)


def _grid(department: str) -> Dataset:
    turned = COUNTIES.index(PARKS.get(department, department.removeprefix("county_"))) % 2
    write = plain.csv("gb18030", "\r\n") if turned else plain.csv()
    return Dataset(f"{department}/grid_residents", ("采集编号",), "increment", GridResidents(department), write, "联系电话", ("采集时间",))


DATASETS = [
    Dataset(
        "civil_affairs/marriages",
        ("登记字号",),
        "increment",
        marriages,
        sheets.workbook("泸州市婚姻登记信息（截至2018年3月）", days=("登记日期",)),
        "女方姓名",
        ("登记日期",),
        ("登记类型",),
    ),
    Dataset(
        "civil_affairs/subsistence_allowance",
        ("身份证号",),
        "full",
        subsistence_allowance,
        write_subsistence,
        "起始年月",
        not_content=("序号",),
    ),
    Dataset(
        "civil_affairs/social_organizations",
        ("统一社会信用代码",),
        "full",
        social_organizations,
        sheets.workbook(),
        "业务主管单位",
        ("成立日期",),
    ),
    Dataset("agriculture/cooperatives", ("统一社会信用代码",), "full", cooperatives, sheets.workbook(numbers=("成员数",)), "主营"),
    Dataset("education/schools", ("学校标识码",), "full", schools, sheets.workbook("泸州市各级各类学校名录"), "办学类型"),
    Dataset("education/students", ("学籍号",), "full", students, plain.csv(bom=True), "监护人电话"),
    Dataset("poverty_relief/registered_households", ("户编号", "证件号码"), "full", registered_households, sheets.workbook(), "致贫原因"),
    *[_grid(d) for d in (*[f"county_{c}" for c in COUNTIES], *PARKS)],
]
