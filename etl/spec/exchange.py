"""What leaves this instance for others: which tables, which rows for whom, which columns masked, which conditional resources are granted.

Read from schemas/exchange.yml. Who may have what at all stands in the catalogue (schemas/catalog.yml: share types 1, 2, 3).
"""

import re
from collections.abc import Iterable
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from typing import Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from etl.errors import UsageError
from etl.spec.base import Declared
from etl.spec.registry import SCHEMAS, Registry, nearest

FILE = SCHEMAS / "exchange.yml"
By = Literal["citizen_id", "phone", "name", "address", "party", "code", "person_code", "key", "withheld"]


class Mask(Declared):
    """How a column is masked (`mask.<by>`; person_code: by whether the row is a person's; withheld: empty), and where it is not."""

    by: By
    clear_in: str | None = Field(default=None, description="区划代码列：该列在本区县之内的行不脱敏")


class Table(Declared):
    """A library table that may leave: which rows, which of them are a county's or a park's, which columns are masked."""

    rows: str | None = Field(default=None, description="对外可见的行（SQL，表名为 t）；不写为全部")
    county: str | None = Field(default=None, description="区县自己的行（SQL，{county} 为六位代码）；不写则不给区县")
    park: str | None = Field(default=None, description="园区自己的行（SQL，{county} 为园区代码，{parent} 为所属区县）；不写则不给园区")
    masks: dict[str, Mask] = Field(default_factory=dict, description="列 → 脱敏")

    @field_validator("masks", mode="before")
    @classmethod
    def _short(cls, masks: object) -> object:
        """`phone: phone` is short for `phone: {by: phone}`."""
        return {k: {"by": v} if isinstance(v, str) else v for k, v in masks.items()} if isinstance(masks, dict) else masks


class Grant(Declared):
    """A conditional resource (share type 2) that was granted, by whom, for what and until when."""

    of: list[str] = Field(min_length=1, description="模式.表 或 模式.表#部分，可用 *")
    purpose: str
    approved_by: str = Field(description="同意的主管部门")
    approved_on: date
    until: date | None = Field(default=None, description="有效至此日（含）；不写为长期")

    def holds(self, subject: str, day: date) -> bool:
        """Whether it covers a resource on a day."""
        return self.approved_on <= day <= (self.until or day) and any(fnmatchcase(subject, p) for p in self.of)


class Clear(Declared):
    """Columns that go unmasked, with the reason."""

    columns: list[str] = Field(min_length=1, description="模式.表.列")
    because: str


class Terms(Declared):
    """What a kind of receiver gets beyond what is shared unconditionally."""

    grants: list[Grant] = Field(default_factory=list)
    clear: list[Clear] = Field(default_factory=list)

    def unmasked(self, column: str) -> bool:
        """Whether `schema.table.column` goes as it is."""
        return any(column in c.columns for c in self.clear)


class Receiver(Terms):
    """Another instance that gets packages of the whole: the province, the city above a county."""

    code: str = Field(pattern=r"^\d{6}$")
    title: str


class Instance(Declared):
    """Who this instance is."""

    code: str = Field(pattern=r"^\d{6}$")
    title: str


class Exchange(Declared):
    """schemas/exchange.yml."""

    instance: Instance
    tables: dict[str, Table]
    receivers: dict[str, Receiver] = Field(description="名称 → 接收方")
    counties: Terms = Field(description="每个区县与园区，按 geospatial.region 与 schemas/departments.yml 逐个生成")


def problems(exchange: Exchange, registry: Registry) -> Iterable[str]:
    """Mistakes that only show beside the rest of schemas/: tables nobody publishes, columns unmasked that are not masked, codes given twice."""
    where = "schemas/exchange.yml"
    known = [t for library in registry.libraries.values() for t in library.tables]
    for name in exchange.tables:
        if name not in known:
            yield f"{where}：tables.{name}：没有这张库表；{nearest(name, known)}"
    masked = {f"{t}.{c}" for t, table in exchange.tables.items() for c in table.masks}
    terms = {f"receivers.{n}": r for n, r in exchange.receivers.items()} | {"counties": exchange.counties}
    for at, term in terms.items():
        for column in (c for clear in term.clear for c in clear.columns):
            if column not in masked:
                yield f"{where}：{at}.clear：{column} 本来就不脱敏，或没有这一列；{nearest(column, masked)}"
        for pattern in (p for grant in term.grants for p in grant.of):
            if not any(fnmatchcase(t, pattern.split("#")[0]) for t in exchange.tables):
                yield f"{where}：{at}.grants：{pattern} 不合任何一张可交换的库表；{nearest(pattern, exchange.tables)}"
    for name, table in exchange.tables.items():
        for key, predicate in (("rows", table.rows), ("county", table.county), ("park", table.park)):
            if predicate and (said := _unreadable(predicate)):
                yield f"{where}：tables.{name}.{key}：{said}"
    codes = [r.code for r in exchange.receivers.values()]
    for code in sorted({c for c in codes if codes.count(c) > 1}):
        yield f"{where}：receivers：代码 {code} 给了两个接收方"


def _unreadable(predicate: str) -> str | None:
    """What is wrong with a condition, if anything: words in braces that mean nothing, SQL that does not parse."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    if strange := set(re.findall(r"\{(\w*)\}", predicate)) - {"county", "parent"}:
        return f"不认识 {{{'}、{'.join(sorted(strange))}}}，可用 {{county}}、{{parent}}"
    try:
        condition = re.sub(r"\{(county|parent)\}", "'510000'", predicate)
        sqlglot.parse_one(f"select 1 from x t where {condition}", read="postgres")
    except SqlglotError as e:
        return f"SQL 写法有误：{str(e).splitlines()[0]}"
    return None


@cache
def load() -> Exchange:
    """schemas/exchange.yml, or a sentence that says what is wrong with it."""
    return parse(FILE.read_text(encoding="utf-8"), "schemas/exchange.yml")


def parse(text: str, where: str) -> Exchange:
    """A declaration out of its text."""
    try:
        return Exchange.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        raise UsageError(f"{where}：YAML 写法有误{f'，第 {mark.line + 1} 行' if mark else ''}") from None
    except ValidationError as e:
        said = [f"{'.'.join(map(str, x['loc']))}：{x['msg'].removeprefix('Value error, ')}" for x in e.errors()]
        raise UsageError(f"{where}：{'；'.join(said)}") from None
