"""Legal entity library: the statements are in sql/migrations/0003_*.sql."""

from etl.migrate import statements_of

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    statements_of(revision)
