"""Tickets and their course, what was mailed, who says what of a field: the statements are in sql/migrations/0010_*.sql."""

from etl.migrate import statements_of

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    statements_of(revision)
