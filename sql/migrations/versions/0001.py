"""Operations and quality: the statements are in sql/migrations/0001_*.sql."""

from etl.migrate import statements_of

revision = "0001"
down_revision = None


def upgrade() -> None:
    statements_of(revision)
