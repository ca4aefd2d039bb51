"""Linkage measured every run, blocking budgets and the clerical sample: the statements are in sql/migrations/0014_*.sql."""

from etl.migrate import statements_of

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    statements_of(revision)
