"""Statistics, credit, certificate and registry: the statements are in sql/migrations/0005_*.sql."""

from etl.migrate import statements_of

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    statements_of(revision)
