"""What a library needs to be renewed by what has changed: the statements are in sql/migrations/0017_*.sql."""

from etl.migrate import statements_of

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    statements_of(revision)
