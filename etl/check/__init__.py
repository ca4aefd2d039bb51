"""Quality checks: suites of expectations on tables, findings of column rules as results, scores."""

from etl.check.engine import run
from etl.check.findings import result_rows_from_findings
from etl.check.outcome import Outcome, critical
from etl.check.scores import Score, scores

__all__ = ["Outcome", "Score", "critical", "result_rows_from_findings", "run", "scores"]
