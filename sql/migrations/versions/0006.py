"""The catalogue, the themes and the register's gate: the statements are in sql/migrations/0006_*.sql."""

from etl.migrate import statements_of

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    statements_of(revision)
