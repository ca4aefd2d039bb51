"""What a suite costs: ours beside Great Expectations run as its documentation shows, on the same table, in one run."""

import time
from dataclasses import dataclass
from datetime import date

from etl import db
from etl.check import engine, stock
from etl.check.outcome import Outcome
from etl.engine import quote
from etl.settings import load
from etl.spec.suite import Suite


@dataclass(frozen=True)
class Cost:
    """Wall seconds of all claims on a table of `rows`; `differing`: claims on which the two disagree about success."""

    target: str
    rows: int
    claims: int
    ours: float
    naive: float | None
    differing: tuple[str, ...]

    @property
    def ratio(self) -> float | None:
        """Ours as a share of naive."""
        return self.ours / self.naive if self.naive else None


def compare(
    suite: Suite, target: str, database_url: str, schema: str, table: str, *, today: date | None = None, naive: bool = True
) -> Cost:
    """Times the suite on `schema.table`, ours first; `naive`: one validation for each expectation, Great Expectations' defaults, its
    import not counted. Claims of our own type are put to it as the SQL that they are."""
    day = today or load().today
    con = engine.connect(database_url)
    try:
        rows = int(db.rows(con, f"select count(*) from {quote(schema)}.{quote(table)}")[0][0])  # also warms the cache for both
        places = engine.survey(con, suite, schema, table).places
    finally:
        con.close()
    began = time.monotonic()
    outcomes = engine.run(suite, target, database_url, schema, table, today=day)
    ours = time.monotonic() - began
    if not naive:
        return Cost(target, rows, len(outcomes), ours, None, ())
    seconds, met = stock.one_by_one(suite.expectations, database_url, schema, table, places, day.isoformat())
    return Cost(target, rows, len(outcomes), ours, seconds, tuple(o.expectation for o in outcomes if _differs(o, met)))


def _differs(o: Outcome, met: dict[str, bool]) -> bool:
    return o.broken or met.get(o.expectation, o.success) is not o.success
