"""Scores by dataset, department, library and dimension, from what was checked; nothing to judge is no score, never a full one."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import psycopg2
import yaml
from psycopg2.extensions import connection as Connection
from pydantic import Field

from etl.check.findings import applied
from etl.check.punctual import periods_met
from etl.settings import ROOT, load
from etl.spec import load as registry
from etl.spec.base import Declared
from etl.spec.registry import LOADER

TOTAL = "total"
DIMENSIONS = ("normativity", "completeness", "accuracy", "consistency", "timeliness", "accessibility")

# The newest result of each claim in each delivery: of all deliveries together, and of the last one alone.
CLAIMS = """
    with delivery as (
        select d.dataset, d.delivery_id, d.kind, rank() over (partition by d.dataset order by d.sequence desc) as age
        from ops.delivery d where d.state = 'loaded' and d.kind <> 'replay'
    ),
    newest as (
        select distinct on (r.target, r.expectation, r.column_name, r.delivery_id)
            r.target, r.expectation, r.dimension, r.severity, r.checked, r.failed, d.kind, d.age
        from quality.result r join delivery d on d.dataset = r.target and d.delivery_id = r.delivery_id
        where not r.broken and d.age >= %(before)s
        order by r.target, r.expectation, r.column_name, r.delivery_id, r.run_at desc
    )
    select target, expectation, dimension, severity, bool_and(kind = 'full'), sum(checked), sum(failed),
        coalesce(sum(checked) filter (where age = %(before)s), 0), coalesce(sum(failed) filter (where age = %(before)s), 0)
    from newest group by target, expectation, dimension, severity
"""
# Rows that could be used, and deliveries that could be read: GB/T 36344, accessibility.
DELIVERIES = """
    with ranked as (
        select *, rank() over (partition by dataset order by sequence desc) as age,
            rank() over (partition by dataset, state order by sequence desc) as age_within_state
        from ops.delivery where kind <> 'replay' and not (state = 'rejected' and reason like 'superseded%%')
    )
    select dataset, sum(rows_in) filter (where counts), sum(rows_quarantined) filter (where counts),
        count(*) filter (where age >= %(before)s and state <> 'held'),
        count(*) filter (where age >= %(before)s and state in ('rejected', 'discarded'))
    from (
        select *, state = 'loaded' and case kind
            when 'full' then age_within_state = %(before)s
            else age_within_state >= %(before)s
        end as counts
        from ranked
    ) as counted
    group by dataset
"""
LIBRARY_CLAIMS = """
    with runs as (select distinct target, run_at from quality.result where delivery_id is null),
    ranked as (select target, run_at, rank() over (partition by target order by run_at desc) as age from runs)
    select r.target, r.dimension, r.severity, r.checked, r.failed
    from quality.result r join ranked k on k.target = r.target and k.run_at = r.run_at and k.age = %(before)s
    where r.delivery_id is null and not r.broken and r.checked > 0
"""
# A week ago, or, where nothing was written down as long ago, last time.
KEPT = """
    select distinct on (scope, name, dimension) scope, name, dimension, value from quality.score where day < %(day)s
    order by scope, name, dimension, day <= %(day)s - 7 desc, day desc
"""
DAYS = "select dataset, array_agg(distinct delivered_on) from ops.delivery where state = 'loaded' and kind <> 'replay' group by dataset"


@dataclass(frozen=True)
class Score:
    """`scope` city, library, department or dataset; `dimension` of GB/T 36344 or `total`; value 0–100, None = 不适用.

    previous: as it was written down a week ago, or last time where that is less than a week ago; where nothing was, before the last delivery (of a library:
    at the publication before). checked, failed: what it rests on."""

    scope: str
    name: str
    dimension: str
    value: float | None
    previous: float | None
    checked: int
    failed: int


class Weights(Declared):
    """expectations/weights.yml."""

    severities: dict[str, float]
    dimensions: dict[str, float] = Field(min_length=len(DIMENSIONS))


@dataclass(frozen=True)
class Judged:
    """One claim as it was met: of `checked` things `failed` were wrong."""

    dimension: str
    severity: str
    checked: int
    failed: int


@cache
def weights(path: Path = ROOT / "expectations" / "weights.yml") -> Weights:
    """How much each severity and each dimension weighs."""
    return Weights.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER))  # noqa: S506 – a safe loader, in C


def scores(database_url: str, today: date | None = None) -> list[Score]:
    """Every score, city first. Datasets that never delivered and libraries never checked have none."""
    day = today or load().today
    con = psycopg2.connect(database_url, application_name="jichu scores", connect_timeout=10)
    try:
        now, before = _datasets(con, day, 1), _datasets(con, day, 2)
        libraries, libraries_before = _libraries(con, 1), _libraries(con, 2)
        with con.cursor() as c:
            c.execute(KEPT, {"day": day})
            kept = {tuple(who): value for *who, value in c.fetchall()}
    finally:
        con.close()
    out = _scored("dataset", now, before) + _scored("library", libraries, libraries_before)
    departments = _means("department", [s for s in out if s.scope == "dataset"], lambda name: name.split("/")[0])
    city = _means("city", departments, lambda name: "city")
    every = city + [s for s in out if s.scope == "library"] + departments + [s for s in out if s.scope == "dataset"]
    stood = {s: kept[s.scope, s.name, s.dimension] for s in every if (s.scope, s.name, s.dimension) in kept}
    return [replace(s, previous=None if stood[s] is None else float(stood[s])) if s in stood else s for s in every]


def _rows(con: Connection, sql: str, before: int) -> list[tuple[Any, ...]]:
    with con.cursor() as c:
        c.execute(sql, {"before": before})
        return list(c.fetchall())


def _datasets(con: Connection, day: date, age: int) -> dict[str, list[Judged]]:
    """Dataset → its claims, as of its last delivery (age 1) or the one before (age 2)."""
    judged: dict[str, list[Judged]] = defaultdict(list)
    for target, claim, dimension, severity, full, checked, failed, last_checked, last_failed in _rows(con, CLAIMS, age):
        # Rules judge every row of a full register each time it comes; suites judge what changed, so their counts add up.
        of_last = full and claim in _rule_claims(target)
        counts = (last_checked, last_failed) if of_last else (checked, failed)
        judged[target].append(Judged(dimension, severity, int(counts[0]), int(counts[1])))
    for dataset, rows, quarantined, deliveries, refused in _rows(con, DELIVERIES, age):
        judged[dataset].append(Judged("accessibility", "critical", int(rows or 0), int(quarantined or 0)))
        judged[dataset].append(Judged("accessibility", "warning", int(deliveries), int(refused)))
    sources = registry().sources
    with con.cursor() as c:
        c.execute(DAYS)
        for dataset, days in c.fetchall():
            source = sources.get(dataset)
            if source and source.delivery.channel == "file":  # what we fetch ourselves is never late
                expected, met = periods_met(sorted(days), source.delivery.due, day, age)
                judged[dataset].append(Judged("timeliness", "warning", expected, expected - met))
    return judged


@cache
def _rule_claims(dataset: str) -> frozenset[str]:
    """The claims of a dataset that its column rules make."""
    known = registry()
    source = known.sources.get(dataset)
    return frozenset(a.claim for a in applied(known, source)) if source else frozenset()


def _libraries(con: Connection, age: int) -> dict[str, list[Judged]]:
    """Library → the claims of its tables, at its last check (age 1) or the one before (age 2)."""
    of = {table: library.name for library in registry().libraries.values() for table in library.tables}
    judged: dict[str, list[Judged]] = defaultdict(list)
    for target, dimension, severity, checked, failed in _rows(con, LIBRARY_CLAIMS, age):
        judged[of.get(target, target.split(".")[0])].append(Judged(dimension, severity, int(checked), int(failed)))
    return judged


def _scored(scope: str, now: Mapping[str, list[Judged]], before: Mapping[str, list[Judged]]) -> list[Score]:
    out = []
    for name in sorted(now):
        values, earlier = dimension_scores(now[name]), dimension_scores(before.get(name, []))
        for dimension in (TOTAL, *DIMENSIONS):
            rests = [j for j in now[name] if dimension in (TOTAL, j.dimension)]
            checked, failed = sum(j.checked for j in rests), sum(j.failed for j in rests)
            out.append(Score(scope, name, dimension, values[dimension], earlier[dimension], checked, failed))
    return out


def dimension_scores(judged: Iterable[Judged]) -> dict[str, float | None]:
    """Each dimension's score and the total; None where nothing was judged."""
    weigh = weights()
    sums: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for j in judged:
        if j.checked > 0:
            sums[j.dimension].append((weigh.severities[j.severity], max(0.0, 1 - j.failed / j.checked)))
    by_dimension = {d: _mean(sums.get(d, [])) for d in DIMENSIONS}
    total = _mean([(weigh.dimensions[d], v) for d, v in by_dimension.items() if v is not None])
    return {d: None if v is None else round(100 * v, 2) for d, v in {TOTAL: total, **by_dimension}.items()}


def _mean(weighted: list[tuple[float, float]]) -> float | None:
    whole = sum(w for w, _ in weighted)
    return sum(w * v for w, v in weighted) / whole if whole else None


def _means(scope: str, parts: list[Score], group: Callable[[str], str]) -> list[Score]:
    """Scores of a group: the plain mean of its members that have one, so that a big register does not hide a small one.

    previous: the mean with each member's earlier score where it has one, else its present one; None when none has."""
    members: dict[tuple[str, str], list[Score]] = defaultdict(list)
    for s in parts:
        members[group(s.name), s.dimension].append(s)
    out = []
    for (name, dimension), each in members.items():
        scored = [s for s in each if s.value is not None]
        value = round(fmean(s.value for s in scored if s.value is not None), 2) if scored else None
        earlier = [s.value if s.previous is None else s.previous for s in scored]
        changed = any(s.previous is not None for s in scored)
        previous = round(fmean(v for v in earlier if v is not None), 2) if changed else None
        out.append(Score(scope, name, dimension, value, previous, sum(s.checked for s in each), sum(s.failed for s in each)))
    return out
