"""What a department is told of single rows: where each stands, masked already, and under which problem, refusal, check or difference."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from etl.report import words
from etl.spec.rule import Problem as Declared


def placed(delivery_id: str, row_number: int, key: str) -> str:
    """Where a row is found: by the day of its delivery, row number and key, or by the whole delivery's name when there is no key to show."""
    found = re.match(r"\d{4}(\d\d)(\d\d)-", delivery_id)
    on = f"{int(found[1])}月{int(found[2])}日" if found else ""
    if key:  # the day all the same: the row number is that of one file of several weeks
        return f"{f'{on}交付' if on else ''}第 {row_number} 行 · {key}"
    return f"{on}交付 {delivery_id} 第 {row_number} 行"


@dataclass(frozen=True)
class Row:
    """Where a wrong value stands and what stands there, masked. `hidden`: part of the key is masked. `number`: its ticket's."""

    dataset: str
    title: str
    key: str
    hidden: bool
    delivery_id: str
    row_number: int
    column: str
    value: str
    expected: str
    number: str = ""
    ticket: int = 0

    @property
    def place(self) -> str:
        """How the clerk finds the row: by its key, or by delivery and row number when the key is masked or missing."""
        return placed(self.delivery_id, self.row_number, "" if self.hidden else self.key)


def differing(rows: Sequence[Row]) -> list[Row]:
    """Up to three rows, with different values where there are any."""
    different: dict[str, Row] = {}
    for r in rows:
        different.setdefault(r.value, r)
        if len(different) == 3:
            break
    picked = list(different.values())
    return [*picked, *(r for r in rows[:6] if all(r is not p for p in picked))][:3]


@dataclass(frozen=True)
class Problem:
    """One kind of mistake in one column: how many rows, and some of them."""

    dataset: str
    title: str
    column: str
    problem: str
    rule: str
    declared: Declared
    total: int
    rows: tuple[Row, ...]

    @property
    def says(self) -> str:
        return self.declared.title

    @property
    def expected(self) -> str:
        return self.declared.expected

    @property
    def severity(self) -> str:
        return self.declared.severity

    @property
    def examples(self) -> list[Row]:
        """Some of the rows."""
        return differing(self.rows)


@dataclass(frozen=True)
class Refusal:
    """Rows that could not be loaded for one reason."""

    dataset: str
    title: str
    code: str
    what: str
    advice: str
    total: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Dispute:
    """One difference with another source, as the other's and our values, masked. `insisted`: the other says its value is right.

    `key`, `delivery_id`, `row_number`: the department's own record. `number`, `ticket`: only where it is ours to answer."""

    record_id: str
    key: str
    ours: str
    theirs: str
    number: str = ""
    ticket: int = 0
    insisted: bool = False
    hidden: bool = False
    delivery_id: str = ""
    row_number: int = 0

    @property
    def place(self) -> str:
        """How the clerk finds the record; by the platform's number where it is not loaded any more."""
        if not self.delivery_id:
            return self.key or self.record_id
        return placed(self.delivery_id, self.row_number, "" if self.hidden else self.key)


@dataclass(frozen=True)
class Disagreement:
    """Differences with one other dataset in one field of a library; `believed`: whether we were."""

    library: str
    field: str
    dataset: str
    other: str
    believed: bool
    total: int
    rows: tuple[Dispute, ...]
    named: str = ""

    @property
    def insisted(self) -> int:
        """How many of the listed the other department stands by."""
        return sum(r.insisted for r in self.rows)


@dataclass(frozen=True)
class Check:
    """A check of a dataset that is not met: `failed` of `checked` rows. `says`, `expected`: what is wrong with such a row, and what to do.

    `by_row`: whether the check can be brought home to rows; `rows` are the first of those that fail it now. `elsewhere`: how many fail
    it that are listed by what exactly is wrong with them. `repeats`: rows of one value stand side by side."""

    title: str
    column: str
    because: str
    severity: str
    failed: int
    checked: int
    dataset: str = ""
    number: str = ""
    ticket: int = 0
    name: str = ""
    says: str = ""
    expected: str = ""
    by_row: bool = False
    elsewhere: int = 0
    rows: tuple[Row, ...] = ()
    repeats: bool = False

    @property
    def total(self) -> int:
        """How many rows it alone tells of."""
        return self.failed - self.elsewhere

    @property
    def settled(self) -> bool:
        """Whether it asks for nothing of its own: its rows are listed by what is wrong with them, or there are none left."""
        return self.by_row and not self.rows

    @property
    def examples(self) -> list[Row]:
        """Some of the rows: different ones, but of values that repeat those that do."""
        return list(self.rows[:3]) if self.repeats else differing(self.rows)

    @property
    def heading(self) -> str:
        """What is wrong, in one line."""
        return self.says or f"整张表：{self.because.rstrip('。')}"

    @property
    def advice(self) -> str:
        """What to do, or that there is no row to look for."""
        if self.rows:
            return f"怎样改：{self.expected}"
        if self.elsewhere:
            return f"这 {words.count(self.elsewhere)} 行都已按具体的问题逐行列在其他工作表"
        if self.by_row:
            return "现有数据中已没有这样的行；下次交付即销号"
        return "说的是整张表，没有单独的行可列；请核对整份数据"

    @property
    def counted(self) -> str:
        """How many of how many rows."""
        if not self.checked:
            return ""
        beside = f"，不合格 {words.count(self.failed)} 行，其中 {words.count(self.elsewhere)} 行按具体的问题另列" if self.elsewhere else ""
        return f"共查 {words.count(self.checked)} 行{beside}"

    @property
    def why(self) -> str:
        """Why this is checked, unless what is asked for says it."""
        because = self.because.rstrip("。")
        return "" if not self.says or because == self.expected else because
