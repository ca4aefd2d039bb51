"""One record as a library sees it: what it feeds, read back from its staging row; and how that is shown to a person."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, NamedTuple

from psycopg2.extensions import connection as Connection

from etl import db
from etl.engine import quote
from etl.report.masker import MASKS, Masker, library_value
from etl.spec import Feed, Registry, Source
from etl.workbench import mapping

LIBRARY = {"person": "population", "entity": "legal_entity"}
NOUN = {"person": "人", "entity": "单位"}
ROLES = {
    "self": "本人（单位）", "spouse": "配偶", "mother": "母亲", "father": "父亲", "guardian": "监护人", "husband": "男方", "wife": "女方",
    "child": "新生儿", "legal_representative": "法定代表人", "holder": "持证人", "subject": "当事人", "appellant": "诉求人",
    "employer": "用人单位", "school": "学校", "issuer": "发证单位",
}  # fmt: skip
FIELDS = {
    "name": "姓名（名称）", "citizen_id": "公民身份号码", "citizen_id_text": "身份号码", "sex_code": "性别", "birth_date": "出生日期", "death_date": "死亡日期",
    "ethnicity_code": "民族", "birth_place_code": "出生地", "marital_status_code": "婚姻状况", "education_code": "文化程度", "phone": "电话",
    "household_id": "户号", "registered_address": "户籍地址", "registered_region_code": "户籍区划", "residence_address": "居住地址",
    "residence_region_code": "居住区划", "address_code": "标准地址", "living_status": "在世状态", "code": "代码", "uscc": "统一社会信用代码",
    "organization_code": "组织机构代码", "registration_number": "注册号", "former_names": "曾用名称", "kind": "类别", "type_code": "主体类型",
    "parent_entity_id": "所属单位", "legal_representative": "法定代表人", "registered_capital": "注册资本", "registered_capital_currency": "币种",
    "industry_code": "行业", "established_on": "成立日期", "status": "状态", "closed_on": "注销日期", "address": "住所", "region_code": "区划",
    "entity_key": "部门编号", "relation_to_head": "与户主关系",
}  # fmt: skip
COMPARISONS = {
    "name": "姓名（名称）", "birth": "出生日期", "sex": "性别", "phone": "电话", "address": "地址", "number": "身份号码", "context": "同户、同行、同单位",
    "representative": "负责人", "county": "区县", "code": "代码只差一两位", "prior": "先验",
}  # fmt: skip
LEVELS = {
    "exact": "相同", "gap": "缺字处外相同", "homophone": "同音", "alike": "形近", "one_character": "差一字", "one_of_two": "两字名差一字", "other_surname": "名同姓异",
    "surname": "只有姓同", "else": "不同", "swapped": "月日颠倒", "one_part": "年月日有一处不同", "near": "相差不到 60 天", "other_address": "与另一地址相同",
    "community": "同社区村", "town": "同乡镇街道", "county": "同区县", "masked": "遮盖处外相同", "one_digit": "差一位或换位", "masked_differs": "遮盖且不同",
    "two_digits": "差两位", "name": "相同", "name_core": "字号相同", "name_like": "差一字",
}  # fmt: skip


CODES = {"sex_code": "sex", "ethnicity_code": "ethnicity", "marital_status_code": "marital_status", "education_code": "education"}
CODES |= {"relation_to_head": "kin_relation"}


class Record(NamedTuple):
    """A party of a record, as edges and judgements name it: `dataset|source_key|role` (the key may hold bars itself)."""

    dataset: str
    source_key: str
    role: str

    def __str__(self) -> str:
        return "|".join(self)

    @classmethod
    def of(cls, text: str) -> "Record":
        """From its text; a text without two bars is nobody's record (ValueError)."""
        dataset, rest = text.split("|", 1)
        source_key, role = rest.rsplit("|", 1)
        return cls(dataset, source_key, role)


@dataclass(frozen=True)
class Told:
    """What a record says now, in the library's fields; `told_at`: its own time, else its delivery."""

    record: Record
    values: dict[str, Any]
    told_at: datetime
    removed_on: date | None


def told(con: Connection, registry: Registry, kind: str, wanted: Iterable[Record]) -> dict[Record, Told]:
    """What each record says. A record that the staging tables do not hold, or that feeds nothing, is left out."""
    found: dict[Record, Told] = {}
    groups: dict[tuple[str, str], list[str]] = {}
    for r in wanted:
        groups.setdefault((r.dataset, r.role), []).append(r.source_key)
    for (dataset, role), keys in sorted(groups.items()):
        source = registry.sources.get(dataset)
        feeds = [f for f in source.feeds if f.to == f"{LIBRARY[kind]}.{kind}" and f.role == role] if source else []
        if source and feeds:
            found |= {t.record: t for t in _read(con, registry, source, feeds, keys, kind)}
    return found


def _read(con: Connection, registry: Registry, source: Source, feeds: list[Feed], keys: list[str], kind: str) -> Iterable[Told]:
    fields = registry.libraries[LIBRARY[kind]].inputs[kind].fields
    columns = sorted({c for f in feeds for c in [*mapping(registry, source, f, fields).values(), *f.when]})
    listed = ", ".join(quote(c) for c in ["source_key", "delivered_on", "removed_on", *columns])
    sql = f"select {listed} from staging.{quote(source.table)} where dataset = %s and source_key = any(%s)"
    for key, delivered_on, removed_on, *values in db.rows(con, sql, [source.name, keys]):
        row = dict(zip(columns, values, strict=True))
        feed = next((f for f in feeds if all(row[c] in allowed for c, allowed in f.when.items())), feeds[0])
        said = {f: row[c] for f, c in mapping(registry, source, feed, fields).items()} | feed.constants
        told_at = said.get("told_at") or delivered_on
        at = told_at if isinstance(told_at, datetime) else datetime.combine(told_at, time())
        yield Told(Record(source.name, key, feed.role), said, at, removed_on)


# ── shown to a person ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Shown:
    """Puts values into words: masked (ID 6 + 8 + 4, phone 3 + 4 + 4, names, addresses to the town) unless asked otherwise."""

    registry: Registry
    kind: str
    unmasked: bool = False

    def value(self, name: str, value: Any) -> str:
        """A library field's value; empty for NULL."""
        if value is None or value == "":
            return ""
        text = str(value)
        if name in CODES:
            return self.registry.codes[CODES[name]].codes.get(text, text)
        if self.unmasked or isinstance(value, date):
            return text
        if name in ("code", "uscc", "organization_code", "registration_number", "former_names"):
            return MASKS["code" if name != "former_names" else "party"](text)
        return library_value(LIBRARY[self.kind], name, text)

    def key(self, record: Record) -> str:
        """A record's key."""
        return record.source_key if self.unmasked else Masker.of(self.registry, record.dataset).key(record.source_key)[0]

    def source(self, dataset: str) -> str:
        """A dataset by its department's and its own Chinese name."""
        declared = self.registry.sources.get(dataset)
        department = self.registry.departments.get(dataset.split("/")[0])
        return f"{department.title if department else dataset.split('/')[0]}《{declared.title}》" if declared else dataset

    def record(self, record: Record) -> str:
        """Who says it: dataset, key and role."""
        return f"{self.source(record.dataset)} {self.key(record)} {ROLES.get(record.role, record.role)}"


@dataclass(frozen=True)
class Weight:
    """One comparison of a pair: what came of it and how many bits it weighed."""

    comparison: str
    level: str
    bits: float

    @property
    def title(self) -> str:
        return COMPARISONS.get(self.comparison, self.comparison)

    @property
    def said(self) -> str:
        return LEVELS.get(self.level, self.level)


def weights(told_weights: dict[str, Any]) -> list[Weight]:
    """The comparisons of a pair (`match.review.weights`, or an edge's evidence), those that had something to compare."""
    listed = []
    for name, value in told_weights.items():
        if isinstance(value, list):
            listed.append(Weight(name, str(value[0]), float(value[1])))
        elif isinstance(value, int | float) and name in COMPARISONS and value:
            listed.append(Weight(name, "", float(value)))
    return sorted(listed, key=lambda w: (w.comparison != "prior", -w.bits))
