"""Column rules as they are declared in schemas/rules.yml: what a rule makes of a delivered text."""

from typing import Literal

from pydantic import Field

from etl.spec.base import Declared

Dimension = Literal["normativity", "completeness", "accuracy", "consistency", "timeliness", "accessibility"]


class Problem(Declared):
    """One thing that can be wrong with a value: a sentence for the owner, a dimension of GB/T 36344."""

    title: str = Field(description="一句话说明问题，数据员能看懂")
    expected: str = Field(description="应当怎样")
    dimension: Dimension = "accuracy"
    severity: Literal["info", "warning", "critical"] = "warning"
    refuses: Literal["bad_date", "bad_code", "bad_number", "bad_geometry", "outside_city", "missing_key"] | None = Field(
        default=None, description="必填列出现此问题时，整行隔离所用的原因代码"
    )


class RuleSpec(Declared):
    """A rule: its outputs (suffix → DuckDB type; the suffix "" is the value itself) and its problems by name."""

    title: str
    standard: str = ""
    outputs: dict[str, str]
    titles: dict[str, str] = Field(default_factory=dict, description="后缀 → 该输出列的中文说明")
    problems: dict[str, Problem] = Field(default_factory=dict)
    options: list[str] = Field(default_factory=list, description="列上可用的选项，如 codes、unit、form")
