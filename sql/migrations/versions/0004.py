"""Population library: the statements are in sql/migrations/0004_*.sql."""

from etl.migrate import statements_of

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    statements_of(revision)
