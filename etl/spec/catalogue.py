"""What the catalogue (发改高技〔2017〕1272号) cannot derive: classes, numbers, lengths, who may share what on which condition.

Read from schemas/catalog.yml. All else of the catalogue is generated from the sources, the code tables and PostgreSQL's comments.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from typing import Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from etl.errors import UsageError
from etl.spec.base import Declared
from etl.spec.registry import SCHEMAS, Registry, nearest

Letter = Literal["C", "N", "Y", "D", "T", "L", "M", "G", "B", "I", "F"]
FILE = SCHEMAS / "catalog.yml"


class Place(Declared):
    """A place in the classification: 类 (1 digit), 项 (2), 目 (3), 细目 (any), and their names."""

    code: str = Field(pattern=r"^[1-3]\d{2}\d{3}\d*$", description="前段码：类 1 位、项 2 位、目 3 位、细目不定长")
    path: list[str] = Field(min_length=3, description="类、项、目、细目的名称")


class Holdings(Place):
    """A library or a theme: its place, the department that answers for it, its name."""

    title: str
    provider: str = Field(description="schemas/departments.yml 中的部门")
    update_cycle: str | None = Field(default=None, description="不写则取其来源中最短的周期")


class Terms(Declared):
    """On which terms a resource may be shared and opened."""

    share_type: Literal[1, 2, 3]
    share_condition: str | None = None
    open: bool = False
    open_condition: str | None = None

    @model_validator(mode="after")
    def _said(self) -> "Terms":
        if self.share_type != 1 and not self.share_condition:
            raise ValueError("share_type 为 2 须写 share_condition（共享条件），为 3 须写依据")
        if self.open and not self.open_condition:
            raise ValueError("open: true 须写 open_condition（无条件的写“无条件”）")
        return self


class SharingRule(Terms):
    """Terms for the resources that it names. The first rule that fits counts."""

    of: list[str] = Field(min_length=1, description="部门/数据集，或 模式.表，可用 *；库表的一部分写 模式.表#部分")
    personal: bool | None = Field(default=None, description="true：只管含个人信息的数据集；false：只管不含的")
    because: str = Field(description="为何如此：依据")


class Part(Declared):
    """A part of a table that is a resource of its own: its base items, or the rest (`columns` left out)."""

    title: str
    columns: list[str] = Field(default_factory=list)


class Catalogue(Declared):
    """schemas/catalog.yml."""

    city: str = Field(description="市名，去掉后与部门名称相比")
    departments: dict[str, str] = Field(description="部门 → 本市部门顺序号（3 位）；区县不写，用其区划代码")
    department_place: Place
    libraries: dict[str, Holdings]
    themes: dict[str, Holdings] = Field(description="视图名前缀 → 位置")
    parts: dict[str, dict[str, Part]] = Field(default_factory=dict, description="模式.表 → 部分")
    formats: dict[str, str] = Field(description="交付格式或通道 → 格式分类/具体格式")
    modes: dict[str, str] = Field(description="通道或种类 → 共享方式")
    cycles: dict[str, str] = Field(description="交付周期 → 更新周期")
    personal_rules: list[str] = Field(description="用了这些列规则的数据集含个人信息")
    types: dict[str, Letter] = Field(description="DuckDB 或 PostgreSQL 类型（不带长度）→ 数据类型字母")
    money_rules: list[str] = Field(description="这些列规则的数值是货币")
    money_columns: list[str] = Field(description="库表中是货币的列：模式.表.列")
    memos: list[str] = Field(description="长文本列：数据集或表.列，可用 *")
    lengths: dict[str, str] = Field(description="列规则或列名 → 长度")
    coded: dict[str, str] = Field(default_factory=dict, description="库表中取自代码表的列：模式.表.列，可用 * → schemas/codes 的代码表")
    sharing: list[SharingRule]

    def terms(self, subject: str, personal: bool) -> SharingRule:
        """The terms of `department/dataset` or `schema.table[#part]`; a resource that no rule fits is a mistake in the file."""
        for rule in self.sharing:
            if rule.personal in (None, personal) and any(fnmatchcase(subject, pattern) for pattern in rule.of):
                return rule
        raise UsageError(f"schemas/catalog.yml：sharing：没有规则管到 {subject}；在末尾写一条 of: ['*'] 的")

    def code_table(self, column: str) -> str | None:
        """The code table of a library column `schema.table.column`, or None."""
        return next((name for pattern, name in self.coded.items() if fnmatchcase(column, pattern)), None)

    def department_code(self, department: str) -> str:
        """The front code of a department's datasets: city and its number, or a county's own division code."""
        if department.startswith("county_"):
            return self.department_place.code + department.removeprefix("county_") + "000"
        if department not in self.departments:
            raise UsageError(
                f"schemas/catalog.yml：departments：没有部门 {department}（须给它一个三位顺序号）；{nearest(department, self.departments)}"
            )
        return self.department_place.code + self.departments[department]


def problems(catalogue: Catalogue, registry: Registry) -> Iterable[str]:
    """Mistakes that only show beside the rest of schemas/: departments without a number or unknown, numbers given twice, formats and cycles without a word."""
    where = "schemas/catalog.yml"
    for name in registry.departments:
        if not name.startswith("county_") and name not in catalogue.departments:
            yield f"{where}：departments：没有部门 {name}（须给它一个三位顺序号）"
    for name in catalogue.departments:
        if name not in registry.departments:
            yield f"{where}：departments.{name}：不在 schemas/departments.yml；{nearest(name, registry.departments)}"
    numbers = list(catalogue.departments.values())
    for number in sorted({n for n in numbers if numbers.count(n) > 1}):
        yield f"{where}：departments：顺序号 {number} 给了两个部门"
    for column, name in catalogue.coded.items():
        if name not in registry.codes:
            yield f"{where}：coded.{column}：没有代码表 {name}；{nearest(name, registry.codes)}"
    for name, held in {**catalogue.libraries, **catalogue.themes}.items():
        if held.provider not in registry.departments:
            yield f"{where}：{name}.provider：没有部门 {held.provider}；{nearest(held.provider, registry.departments)}"
    for library in registry.libraries:
        if library not in catalogue.libraries:
            yield f"{where}：libraries：没有库 {library}"
    for source in registry.sources.values():
        form = source.delivery.format or source.delivery.channel
        if form not in catalogue.formats:
            yield f"{where}：formats：没有 {form}（{source.name}）；{nearest(form, catalogue.formats)}"
        if source.delivery.due not in catalogue.cycles:
            yield f"{where}：cycles：没有 {source.delivery.due}（{source.name}）；{nearest(source.delivery.due, catalogue.cycles)}"


@cache
def load() -> Catalogue:
    """schemas/catalog.yml, or a sentence that says what is wrong with it."""
    try:
        return Catalogue.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        raise UsageError(f"schemas/catalog.yml：YAML 写法有误{f'，第 {mark.line + 1} 行' if mark else ''}") from None
    except ValidationError as e:
        said = [f"{'.'.join(map(str, x['loc']))}：{x['msg'].removeprefix('Value error, ')}" for x in e.errors()]
        raise UsageError(f"schemas/catalog.yml：{'；'.join(said)}") from None
