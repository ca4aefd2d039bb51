"""What the column rules found in a delivery, as results: every rule that was applied, also where it found nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from etl.check.outcome import Outcome
from etl.engine import literal, quote
from etl.spec import Registry, Source
from etl.spec.rule import Problem

# Problems between two columns of a row: looked for only where both are declared, judged where both hold a value.
COMPARED = {
    "id_birth_differs": ("citizen_id", "birth_date"),
    "id_sex_differs": ("citizen_id", "sex_code"),
    "coordinate_exchanged": ("longitude", "latitude"),
}


@dataclass(frozen=True)
class Applied:
    """One problem that a rule looks for in one delivered column. `outputs`: the cleaned columns of which one (of a comparison:
    every one) holds a value where there was something to judge."""

    delivered: str
    cleaned: str
    name: str
    problem: Problem
    outputs: tuple[str, ...]

    @property
    def claim(self) -> str:
        """Its name in quality.result."""
        return f"{self.cleaned}_{self.name}"


def applied(registry: Registry, source: Source) -> Iterator[Applied]:
    """Every (column, problem) that the rules of a source look for, in declared order."""
    cleaned = {c.as_ for c in source.columns.values()}
    for delivered, column in source.columns.items():
        rule = registry.rules[column.rule]
        # A state says "missing" of a value that is not there: it shows nothing.
        outputs = tuple(column.as_ + suffix for suffix in rule.outputs if not suffix.endswith("_state"))
        for name, problem in rule.problems.items():
            compared = COMPARED.get(name, ())
            if compared and not (column.as_ in compared and cleaned.issuperset(compared)):
                continue
            if name == "missing_value" and not column.required:
                continue  # only what a row cannot do without is missed
            yield Applied(delivered, column.as_, name, problem, compared or outputs)
    if source.geometry:
        for name, problem in registry.rules["geometry"].problems.items():
            yield Applied("@geometry", "geom", name, problem, ("geom",))


def result_rows_from_findings(duck: duckdb.DuckDBPyConnection, cleaned: Path | str, registry: Registry, source: Source) -> list[Outcome]:
    """One Outcome `<cleaned column>_<problem>` for each problem that the source's rules look for.

    cleaned: cleaned.parquet (docs/architecture.md). checked: rows judged, which are all rows for a completeness
    problem, else those that hold a value in the column (or one that was found wrong); failed: rows found.
    """
    relation = f"read_parquet({literal(str(cleaned))})"
    each = f"select row_number, unnest(findings) as f from {relation}"
    counted = duck.execute(f'select f."column", f.problem, count(distinct row_number) from ({each}) group by all').fetchall()
    found = {(column, problem): int(n) for column, problem, n in counted}
    rules = list(applied(registry, source))
    rows, judged = _judged(duck, relation, rules)
    outcomes = []
    for a in rules:
        failed = found.get((a.delivered, a.name), 0)
        checked = rows if a.problem.dimension == "completeness" else judged[a.delivered, a.outputs]
        outcomes.append(_outcome(source.name, a, max(checked, failed), failed))
    return outcomes


def _judged(duck: duckdb.DuckDBPyConnection, relation: str, rules: list[Applied]) -> tuple[int, dict[tuple[str, tuple[str, ...]], int]]:
    """All rows, and for each (delivered column, outputs) the rows that were judged: in one scan."""
    wanted = list(dict.fromkeys((a.delivered, a.outputs) for a in rules))
    compared = set(COMPARED.values())
    counts = ["count(*)"]
    for delivered, outputs in wanted:
        there = [f"{quote(o)} is not null" for o in outputs]
        if outputs in compared:
            counts.append(f"count(*) filter ({' and '.join(there)})")
            continue
        wrong = [a.name for a in rules if a.delivered == delivered and a.problem.dimension != "completeness"]
        named = ", ".join(map(literal, wrong)) or "''"
        found = f'list_filter(findings, lambda f: f."column" = {literal(delivered)} and f.problem in ({named}))'
        counts.append(f"count(*) filter ({' or '.join(there)} or len({found}) > 0)")
    first = duck.execute(f"select {', '.join(counts)} from {relation}").fetchall()[0]
    return int(first[0]), dict(zip(wanted, map(int, first[1:]), strict=True))


def _outcome(target: str, a: Applied, checked: int, failed: int) -> Outcome:
    because = f"{a.problem.title}；应当：{a.problem.expected}"
    return Outcome(target, a.claim, a.problem.dimension, a.problem.severity, failed == 0, False, checked, failed, because, a.delivered)
