"""The leaders' page: one sheet of paper for the month. Who is where, who is connected, what was exchanged, what waits. Counts only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from etl import db
from etl.report import words
from etl.report.facts import Score
from etl.report.routing import Platform
from etl.spec import Registry

NAMED = 8  # departments that are named in a sentence; the others are counted

PROGRESS = """
    select department, coalesce(provider, department), datasets, datasets_delivered, deliveries, systems, connected_actual, in_cloud, zombie, to_merge, to_migrate, overdue, registered
    from registry.progress_as_of(%s)
"""
PUNCTUAL = "select department, state, count(*) from ops.punctual(%s) group by 1, 2"
EXCHANGED = """
    select count(*) filter (where state = 'loaded'), coalesce(sum(rows_in) filter (where state = 'loaded'), 0),
        count(*) filter (where state = 'rejected' and reason not like 'superseded%%'), count(*) filter (where state in ('held', 'discarded')), count(distinct dataset) filter (where state = 'loaded')
    from ops.delivery where kind <> 'replay' and delivered_on between %s and %s
"""
AGEING = (
    "select department, open, week, month, quarter, older, overdue, answered, accepted, mended_lately, days_to_mend from quality.ageing(%s)"
)
MENDED = "select count(*) from quality.ticket where not hint and state = 'mended' and closed_on between %s and %s"
ASKED = "select count(*) from quality.ticket where not hint and opened_on between %s and %s"


@dataclass(frozen=True)
class Place:
    """One department's line: its rank (equal scores share one), score and how it moved, what it has still to do."""

    rank: int | None
    title: str
    score: float | None
    previous: float | None
    open: int
    overdue: int
    delivered: int
    agreed: int
    late: int


@dataclass(frozen=True)
class Month:
    """What was exchanged in a month (to its end or to today)."""

    deliveries: int
    rows: int
    refused: int
    held: int
    datasets: int


@dataclass(frozen=True)
class Page:
    """All that the page says."""

    today: date
    platform: Platform
    city: tuple[float | None, float | None]
    places: tuple[Place, ...]
    connected: int
    departments: int
    delivered: int
    agreed: int
    on_time: int
    due: int
    unconnected: tuple[str, ...]
    late: tuple[str, ...]
    systems: dict[str, int]
    registered: int
    now: Month
    before: Month
    ages: tuple[tuple[str, int], ...]
    open: int
    overdue: int
    asked: int
    mended: int
    days_to_mend: float | None
    slowest: tuple[tuple[str, int, int], ...]

    @property
    def month(self) -> str:
        return f"{self.today.year}年{self.today.month}月"

    def headline(self) -> str:
        """The one thing that matters."""
        ranked = [p for p in self.places if p.rank]
        if self.overdue:
            return f"{words.count(self.overdue)} 件数据问题逾期未改" + (
                f"，{self.slowest[0][0]}最多（{words.count(self.slowest[0][2])} 件）" if self.slowest and self.slowest[0][2] else ""
            )
        if self.unconnected:
            return f"{len(self.unconnected)} 个部门尚未接入：{_named(self.unconnected, 3)}"
        if self.late:
            return f"{len(self.late)} 个部门有数据集逾期未交：{_named(self.late, 3)}"
        return f"各部门均已接入、按期交付；得分最低的是{ranked[-1].title}（{words.score(ranked[-1].score)}）" if ranked else "尚无得分"

    def subject(self) -> str:
        value, previous = self.city
        moved = words.change(value, previous)
        told = f"，全市得分 {words.score(value)}{f'（{moved}）' if moved else ''}" if value is not None else ""
        return f"【数据质量月报】{self.month}：{self.headline()}{told}"

    @property
    def named_unconnected(self) -> str:
        return _named(self.unconnected, NAMED)

    @property
    def named_late(self) -> str:
        return _named(self.late, NAMED)


def _named(titles: Sequence[str], most: int) -> str:
    return "、".join(titles[:most]) + (f"等 {len(titles)} 个" if len(titles) > most else "")


def page(con: Connection, registry: Registry, scores: Sequence[Score], today: date, platform: Platform) -> Page:
    """Reads the page's facts from one state of the books."""
    by_department = {s.name: s for s in scores if s.scope == "department" and s.dimension == "total"}
    city = next((s for s in scores if s.scope == "city" and s.dimension == "total"), None)
    progress = {r[0]: r for r in db.rows(con, PROGRESS, [today]) if r[0] in registry.departments}
    terms = {d for d in (s.department for s in registry.sources.values()) if d in registry.departments}
    ageing = {r[0]: r[1:] for r in db.rows(con, AGEING, [today])}
    states: dict[str, dict[str, int]] = {}
    for department, state, n in db.rows(con, PUNCTUAL, [today]):
        states.setdefault(department, {})[state] = int(n)
    title = {d: registry.departments[d].title for d in sorted(terms)}
    places = _places(title, by_department, progress, ageing, states)
    unconnected = tuple(p.title for p in places if not p.delivered)
    first, before = today.replace(day=1), today.replace(day=1) - timedelta(days=1)
    waiting = sorted(((title.get(d, d), int(r[0]), int(r[5])) for d, r in ageing.items() if r[0]), key=lambda x: (-x[2], -x[1], x[0]))
    counted = [sum(int(r[i]) for r in ageing.values()) for i in range(9)]
    return Page(
        today,
        platform,
        (city.value, city.previous) if city else (None, None),
        tuple(places),
        connected=len(places) - len(unconnected),
        departments=len(places),
        delivered=sum(p.delivered for p in places),
        agreed=sum(p.agreed for p in places),
        on_time=sum(s.get("on_time", 0) for s in states.values()),
        due=sum(s.get(k, 0) for s in states.values() for k in ("on_time", "late")),
        unconnected=unconnected,
        late=tuple(p.title for p in sorted(places, key=lambda p: -p.late) if p.late),
        systems={n: sum(int(r[i]) for r in progress.values()) for i, n in enumerate(("systems", "connected", "cloud", "zombie", "merge", "migrate", "overdue"), 5)},
        registered=sum(bool(r[12]) for r in progress.values()),
        now=_month(con, first, today),
        before=_month(con, before.replace(day=1), before),
        ages=tuple(zip(("七天内", "八至三十天", "三十一至九十天", "九十天以上"), counted[1:5], strict=True)),
        open=counted[0],
        overdue=counted[5],
        asked=int(db.rows(con, ASKED, [first, today])[0][0]),
        mended=int(db.rows(con, MENDED, [first, today])[0][0]),
        days_to_mend=_days(con),
        slowest=tuple(waiting[:5]),
    )  # fmt: skip


def _places(
    title: dict[str, str], scores: dict[str, Any], progress: dict[str, Any], ageing: dict[str, Any], states: dict[str, dict[str, int]]
) -> list[Place]:
    ranked = [round(scores[d].value, 1) for d in title if d in scores and scores[d].value is not None]
    out = []
    for d, name in title.items():
        score = scores.get(d)
        value = score.value if score else None
        said, told = states.get(d, {}), ageing.get(d)
        rank = sum(v > round(value, 1) for v in ranked) + 1 if value is not None else None  # what reads alike shares a rank
        delivered = sum(n for state, n in said.items() if state != "never") or (int(progress[d][3]) if d in progress and not said else 0)
        agreed = sum(said.values()) or (int(progress[d][2]) if d in progress else 0)
        waiting = (int(told[0]), int(told[5])) if told else (0, 0)
        out.append(Place(rank, name, value, score.previous if score else None, *waiting, delivered, agreed, said.get("late", 0)))
    return sorted(out, key=lambda p: (p.rank is None, p.rank or 0, p.title))


def _month(con: Connection, first: date, last: date) -> Month:
    deliveries, rows, refused, held, datasets = map(int, db.rows(con, EXCHANGED, [first, last])[0])
    return Month(deliveries, rows, refused, held, datasets)


def _days(con: Connection) -> float | None:
    found = db.rows(con, "select avg(closed_on - opened_on) from quality.ticket where not hint and state = 'mended'")[0][0]
    return None if found is None else round(float(found), 1)
