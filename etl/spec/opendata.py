"""The open data sets: schemas/open.yml declares their header, sql/open/<set>.sql gives their rows."""

from collections.abc import Iterable
from functools import cache
from typing import Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from etl.errors import UsageError
from etl.settings import ROOT
from etl.spec.base import Declared
from etl.spec.registry import SCHEMAS, Registry, nearest

FILE = SCHEMAS / "open.yml"
QUERIES = ROOT / "sql" / "open"


class Counts(Declared):
    """A two-way table: cells `measure` by `rows` and `columns`, with totals. What the SQL does not give is 0."""

    rows: list[str] = Field(min_length=1)
    columns: list[str] = Field(min_length=1)
    measure: str


class OpenSet(Declared):
    """One open data set."""

    title: str
    abstract: str
    provider: str = Field(description="schemas/departments.yml 中的部门")
    keywords: list[str] = Field(min_length=1)
    update_cycle: Literal["每日", "每周", "每月", "每季度", "每年", "不定期"]
    columns: dict[str, str] = Field(min_length=1, description="列 → 中文名，次序与 SQL 相同")
    counts: Counts | None = Field(default=None, description="计数表：小格与可推得的格一律隐去")
    harmless: str | None = Field(default=None, description="不是计数表的，写明为何不含个人信息")

    @model_validator(mode="after")
    def _either(self) -> "OpenSet":
        if (self.counts is None) == (self.harmless is None):
            raise ValueError("写 counts（计数表）或 harmless（为何不含个人信息），二者取一")
        if self.counts:
            named = [*self.counts.rows, *self.counts.columns, self.counts.measure]
            if sorted(named) != sorted(self.columns):
                raise ValueError("counts 的 rows、columns、measure 合起来应恰为 columns 各列")
        return self


class Open(Declared):
    """schemas/open.yml. `k`: the smallest count that is shown; `round_to`: what shown counts are rounded to."""

    title: str
    k: int = Field(ge=10, description="小于它的计数隐去")
    round_to: int = Field(ge=1, description="显示的计数四舍五入到它的倍数；不小于 k，两期相减才看不出个人")
    licence: str
    sets: dict[str, OpenSet]

    @model_validator(mode="after")
    def _coarse(self) -> "Open":
        if self.round_to < self.k:
            raise ValueError("round_to 不得小于 k：否则两期相减会显出小于 k 的变化")
        return self

    def query(self, name: str) -> str:
        """The SQL of a set, without a final semicolon."""
        return (QUERIES / f"{name}.sql").read_text(encoding="utf-8").strip().rstrip(";")


def problems(declared: Open, registry: Registry) -> Iterable[str]:
    """Sets without a query, queries without a set, providers that are no department."""
    queries = {p.stem for p in QUERIES.glob("*.sql")}
    for name in sorted(set(declared.sets) - queries):
        yield f"schemas/open.yml：sets.{name}：没有 sql/open/{name}.sql"
    for name in sorted(queries - set(declared.sets)):
        yield f"sql/open/{name}.sql：schemas/open.yml 的 sets 里没有 {name}；{nearest(name, declared.sets)}"
    for name, each in declared.sets.items():
        if each.provider not in registry.departments:
            yield f"schemas/open.yml：sets.{name}.provider：没有部门 {each.provider}；{nearest(each.provider, registry.departments)}"


@cache
def load() -> Open:
    """schemas/open.yml, or a sentence that says what is wrong with it."""
    try:
        return Open.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        raise UsageError(f"schemas/open.yml：YAML 写法有误{f'，第 {mark.line + 1} 行' if mark else ''}") from None
    except ValidationError as e:
        said = [f"{'.'.join(map(str, x['loc']))}：{x['msg'].removeprefix('Value error, ')}" for x in e.errors()]
        raise UsageError(f"schemas/open.yml：{'；'.join(said)}") from None
