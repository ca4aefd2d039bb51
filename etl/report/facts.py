"""What a department is told: frozen facts, masked already; no raw value of a person gets past here."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from etl.report import words
from etl.report.routing import Platform
from etl.report.rows import Check as Check
from etl.report.rows import Disagreement as Disagreement
from etl.report.rows import Dispute as Dispute
from etl.report.rows import Problem as Problem
from etl.report.rows import Refusal as Refusal
from etl.report.rows import Row as Row
from etl.scoring import Score as Score


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


@dataclass(frozen=True)
class Mended:
    """What is in order again since the last mail."""

    title: str
    column: str
    says: str
    total: int


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
    def refused_of(self) -> dict[str, int]:
        """Rows that were not loaded, by dataset; one that is refused for several reasons is one row, as far as rows are listed."""
        listed: dict[str, set[tuple[str, int]]] = {}
        beyond: dict[str, int] = {}
        for r in self.refusals:
            listed.setdefault(r.title, set()).update((row.delivery_id, row.row_number) for row in r.rows)
            beyond[r.title] = beyond.get(r.title, 0) + r.total - len(r.rows)
        return {title: len(rows) + beyond[title] for title, rows in listed.items()}

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
            for title, rows in self.refused_of.items():
                per[title] = per.get(title, 0) + rows
            worst = max(per, key=lambda t: per[t])
            whole = f"，共 {words.count(self.wrong_rows + self.refused)} 行" if len(per) > 1 else ""
            refused = f"（其中 {words.count(self.refused)} 行未能入库）" if self.refused and self.wrong_rows else ""
            late = f"，{words.count(self.course.late)} 件已逾期" if self.course.late else ""
            yield f"{worst}有 {words.count(per[worst])} 行要改{whole}{refused}{late}"
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
