"""What a department is told: frozen facts, masked already; no raw value of a person gets past here."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from etl.report import words
from etl.report.routing import Platform
from etl.scoring import Score as Score
from etl.spec.rule import Problem as Declared


@dataclass(frozen=True)
class Delivery:
    """A delivery and what became of its rows. `reason`, `advice`: why it was not taken, what to do."""

    dataset: str
    title: str
    delivery_id: str
    delivered_on: date
    kind: str
    state: str
    code: str
    what: str
    reason: str
    advice: str
    rows: dict[str, int]
    notes: tuple[str, ...]


def placed(delivery_id: str, row_number: int, key: str) -> str:
    """Where a row is found: by its key, or by delivery and row number when there is no key to show."""
    if key:
        return f"第 {row_number} 行 · {key}"
    on = re.match(r"\d{4}(\d\d)(\d\d)-", delivery_id)
    return f"{f'{int(on[1])}月{int(on[2])}日' if on else ''}交付 {delivery_id} 第 {row_number} 行"


def differing(rows: "Sequence[Row]") -> "list[Row]":
    """Up to three rows, with different values where there are any."""
    different: dict[str, Row] = {}
    for r in rows:
        different.setdefault(r.value, r)
        if len(different) == 3:
            break
    picked = list(different.values())
    return [*picked, *(r for r in rows[:6] if all(r is not p for p in picked))][:3]


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
class Mended:
    """What is in order again since the last mail."""

    title: str
    column: str
    says: str
    total: int


@dataclass(frozen=True)
class Check:
    """A check of a dataset that is not met: `failed` of `checked` rows. `says`, `expected`: what is wrong with such a row, and what to do.

    `by_row`: whether the check can be brought home to rows; `rows` are the first of those that fail it now. `elsewhere`: how many fail
    it that are listed by what exactly is wrong with them."""

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
        """Some of the rows."""
        return differing(self.rows)

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


@dataclass(frozen=True)
class Overdue:
    """A dataset that should have come by `by` and is `days` late."""

    title: str
    due: str
    last: date
    by: date
    days: int


@dataclass(frozen=True)
class Oddity:
    """Something strange about the last delivery as a whole: its size beside earlier ones, its columns, new codes."""

    title: str
    says: str


@dataclass(frozen=True)
class Course:
    """How the department's tickets stand: past their date; answered but not yet mended; accepted as they are."""

    late: int = 0
    answered: int = 0
    accepted: int = 0


@dataclass(frozen=True)
class Facts:
    """All that one mail says."""

    department: str
    title: str
    contact: str
    instance: str
    sequence: int
    since: date | None
    today: date
    deliveries: tuple[Delivery, ...] = ()
    waiting: tuple[Delivery, ...] = ()
    overdue: tuple[Overdue, ...] = ()
    problems: tuple[Problem, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    mended: tuple[Mended, ...] = ()
    checks: tuple[Check, ...] = ()
    to_fix: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    oddities: tuple[Oddity, ...] = ()
    course: Course = Course()
    platform: Platform | None = None
    urgent: bool = False
    trend: tuple[tuple[date, float], ...] = ()
    scores: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    datasets: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)

    @property
    def total(self) -> tuple[float | None, float | None]:
        """The department's score and the one before."""
        return self.scores.get("total", (None, None))

    @property
    def course_of_scores(self) -> str:
        """The department's last total scores in words; empty when there are fewer than three to look back on."""
        told = [f"{day.month}月{day.day}日 {words.score(value)}" for day, value in self.trend]
        return "，".join(told) if len(told) > 2 else ""

    @property
    def wrong_rows(self) -> int:
        """Rows that are loaded and have a wrong field or fail a check (hints not counted)."""
        return sum(self.to_fix.values())

    @property
    def mended_rows(self) -> int:
        """What is in order again."""
        return sum(m.total for m in self.mended)

    @property
    def worst(self) -> list[Problem]:
        """Problems, the gravest and most frequent first."""
        return sorted(self.problems, key=lambda p: (words.SEVERITIES.index(p.severity), -p.total, p.dataset, p.column))

    @property
    def musts(self) -> list[Problem | Check]:
        """What must be mended, row by row or as a whole: the gravest and most frequent first; hints are none of it."""
        found: list[Problem | Check] = [*(p for p in self.problems if p.severity != "info"), *(c for c in self.checks if not c.settled)]
        return sorted(found, key=lambda p: (words.SEVERITIES.index(p.severity), -p.total, p.dataset, p.column))

    def foremost(self, most: int) -> list[Problem | Check]:
        """Some of it: the gravest and most frequent, but always something of what is told of whole tables, which has no number of rows."""
        whole = [m for m in self.musts if isinstance(m, Check) and not m.by_row]
        others = [m for m in self.musts if m not in whole][: most - min(2, len(whole))]
        return others + whole[: most - len(others)]

    @property
    def may_stay(self) -> list[Problem]:
        """Hints, the most frequent first."""
        return [p for p in self.worst if p.severity == "info"]

    @property
    def as_a_whole(self) -> bool:
        """Whether something is told that has no row to be listed."""
        return any(not c.by_row for c in self.checks)

    @property
    def hints(self) -> int:
        """Values that were read all the same and may stay as they are."""
        return sum(p.total for p in self.problems if p.severity == "info")

    @property
    def in_order(self) -> bool:
        """Nothing that must be mended or decided."""
        return not (self.wrong_rows or self.refused or self.checks or self.pressing)

    @property
    def pressing(self) -> list[Delivery]:
        """Deliveries that were not taken, for a reason that the department must act on."""
        return [d for d in self.waiting if d.code != "superseded"]

    @property
    def deadline(self) -> date:
        """Until when what is told today should be mended."""
        return words.working_days_after(self.today, words.DAYS_TO_MEND)

    @property
    def to_answer(self) -> list[Disagreement]:
        """Differences in which somebody else was believed: the department's to look at."""
        return [d for d in self.disagreements if not d.believed]

    def differences(self, most: int) -> list[Disagreement]:
        """Some of the differences: those that are the department's to answer first, but always some in which it was believed, if any."""
        believed = [d for d in self.disagreements if d.believed]
        ours = self.to_answer[: most - min(2, len(believed))]
        return ours + believed[: most - len(ours)]

    @property
    def cover(self) -> str:
        """What a mail's preview line says."""
        return "谢谢，没有必须改的数据" if self.in_order else f"请在 {words.day(self.deadline, self.today)}前改好并重新交付"

    def headline(self) -> str:
        """The one thing that matters, in one sentence."""
        return next(self._headlines())

    def _headlines(self) -> Iterator[str]:
        for d in sorted(self.pressing, key=lambda d: d.state):
            yield f"{d.title} {words.day(d.delivered_on, self.today)}的交付{'挂起待决' if d.state == 'held' else '被拒收'}：{d.what}"
        if self.wrong_rows or self.refused:
            per = dict(self.to_fix)
            for r in self.refusals:
                per[r.title] = per.get(r.title, 0) + r.total
            worst = max(per, key=lambda t: per[t])
            whole = self.wrong_rows + self.refused
            more = f"，共 {words.count(whole)} 行" if len(per) > 1 else ""
            more += f"，{words.count(self.course.late)} 件已逾期" if self.course.late else ""
            yield f"{worst}有 {words.count(per[worst])} 行待改{more}"
        for c in self.checks:
            yield f"{c.title}有 {sum(x.title == c.title for x in self.checks)} 项检查未通过"
        for o in self.overdue:
            yield f"{o.title}应{o.due}交付，已逾期 {o.days} 天"
        if self.to_answer:
            yield f"与其他部门有 {words.count(sum(d.total for d in self.to_answer))} 处不一致待核"
        yield "数据全部合格" if self.deliveries else "本期没有新的交付，也没有待改的行"

    def subject(self) -> str:
        """The mail's subject line."""
        value, previous = self.total
        moved = words.change(value, previous)
        told = f"，得分 {words.score(value)}{f'（{moved}）' if moved else ''}" if value is not None else ""
        return f"【数据质量】{self.title}：{self.headline()}{told}"
