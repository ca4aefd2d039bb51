"""Documented overrides, tickets of library checks, the history of scores: the statements are in sql/migrations/0015_*.sql."""

from etl.migrate import statements_of

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    statements_of(revision)
