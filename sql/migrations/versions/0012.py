"""credit_terms: the statements are in sql/migrations/0012_*.sql."""

from etl.migrate import statements_of

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    statements_of(revision)
