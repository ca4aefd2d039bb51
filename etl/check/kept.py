"""Scores as they stood: written down at each publication and each report, so that a later change of weights or of rules leaves the past alone."""

from collections.abc import Sequence
from datetime import date

from psycopg2.extras import execute_values

from etl import db
from etl.check.scores import Score
from etl.settings import Settings

KEEP = """
    insert into quality.score (day, scope, name, dimension, value, checked, failed) values %s
    on conflict (scope, name, dimension, day) do update set value = excluded.value, checked = excluded.checked, failed = excluded.failed, at = now()
    where (score.value, score.checked, score.failed) is distinct from (excluded.value, excluded.checked, excluded.failed)
"""


def keep_scores(settings: Settings, scores: Sequence[Score], day: date) -> None:
    """Writes the scores of a business date into quality.score; the same day again replaces them. What is not applicable is kept as null."""
    rows = [(day, s.scope, s.name, s.dimension, s.value, s.checked, s.failed) for s in scores]
    if rows:
        with db.transaction(settings) as con, con.cursor() as c:
            execute_values(c, KEEP, rows, page_size=1000)
