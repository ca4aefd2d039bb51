"""Backups that were made, landings that were removed after their term: the statements are in sql/migrations/0018_*.sql."""

from etl.migrate import statements_of

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    statements_of(revision)
