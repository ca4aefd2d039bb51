"""What codes mean, and where an analyst reads what the catalogue names: the statements are in sql/migrations/0020_*.sql."""

from etl.migrate import statements_of

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    statements_of(revision)
