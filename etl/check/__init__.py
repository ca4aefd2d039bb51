"""Quality checks: suites of expectations on tables, findings of column rules as results, scores."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from etl.check.engine import run
from etl.check.findings import result_rows_from_findings
from etl.check.outcome import Outcome, critical
from etl.check.scores import Score, scores
from etl.spec import Registry, Source
from etl.spec.suite import load_suite

if TYPE_CHECKING:
    import duckdb

__all__ = ["Outcome", "Score", "critical", "of_dataset", "of_table", "result_rows_from_findings", "run", "scores"]


def of_dataset(
    registry: Registry,
    source: Source,
    database_url: str,
    candidate: str,
    duck: "duckdb.DuckDBPyConnection",
    cleaned: Path,
    *,
    today: date | None = None,
) -> list[Outcome]:
    """All that is checked of one delivery: its rules' findings (every row), and its suite on candidate.<candidate> (what changed)."""
    found = result_rows_from_findings(duck, cleaned, registry, source)
    suite = load_suite(source.stem)
    return found + (run(suite, source.name, database_url, "candidate", candidate, today=today) if suite else [])


def of_table(table: str, database_url: str, candidate: str, *, today: date | None = None) -> list[Outcome]:
    """The suite of a library table on candidate.<candidate>, the table as it would be."""
    suite = load_suite(table.replace(".", "/"))
    return run(suite, table, database_url, "candidate", candidate, today=today) if suite else []
