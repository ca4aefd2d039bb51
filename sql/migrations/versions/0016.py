"""What questions at a million persons need: the statements are in sql/migrations/0016_*.sql."""

from etl.migrate import statements_of

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    statements_of(revision)
