"""A library: what may feed it, whom we believe for each field, which tables it publishes."""

from typing import Literal

from pydantic import Field

from etl.spec.base import Declared


class Input(Declared):
    """A shape that sources feed: roles and fields (name → DuckDB type)."""

    title: str
    roles: list[str] = Field(default_factory=lambda: ["self"])
    fields: dict[str, str]


class Table(Declared):
    """A published table: its key; with `history`, replaced versions are kept in <table>_history."""

    key: list[str]
    history: bool = False


class Believe(Declared):
    """Survivorship of one field: `order` = datasets (or department/*, */dataset patterns) most believed first;
    among equals the newest record wins. A source that feeds the field and is not named is a mistake."""

    order: list[str]
    disagree: bool = Field(default=True, description="不一致的值是否登记为 quality.disagreement")
    prefer: Literal["order", "newest"] = "order"


class Library(Declared):
    """One library (`name` = its schema)."""

    name: str
    title: str
    after: list[str] = Field(default_factory=list, description="先要发布的库")
    reads: list[str] = Field(default_factory=list, description="要读的已发布表（模式.表），在 DuckDB 里是 published.<表>")
    daily: bool = Field(default=False, description="内容随业务日期变化（证照状态等），每天重算")
    inputs: dict[str, Input] = Field(default_factory=dict)
    believe: dict[str, dict[str, Believe]] = Field(default_factory=dict, description="输入 → 字段 → 信谁")
    tables: dict[str, Table] = Field(description="模式.表 → 键与历史")
