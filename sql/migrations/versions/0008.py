"""Any day of the past of every table: the statements are in sql/migrations/0008_*.sql."""

from etl.migrate import statements_of

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    statements_of(revision)
