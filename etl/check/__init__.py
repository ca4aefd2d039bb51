"""Quality checks: suites of expectations on tables, findings of column rules as results, a delivery beside its past, scores."""

from etl.check.concerned import concerned
from etl.check.engine import run
from etl.check.findings import result_rows_from_findings
from etl.check.kept import keep_scores
from etl.check.outcome import Outcome, critical, failed, listed
from etl.check.past import Profile, history, keep, look, unlike
from etl.check.scores import Score, scores

__all__ = [
    "Outcome",
    "Profile",
    "Score",
    "concerned",
    "critical",
    "failed",
    "history",
    "keep",
    "keep_scores",
    "listed",
    "look",
    "result_rows_from_findings",
    "run",
    "scores",
    "unlike",
]
