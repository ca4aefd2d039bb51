"""decisions: the statements are in sql/migrations/0009_*.sql."""

from etl.migrate import statements_of

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    statements_of(revision)
