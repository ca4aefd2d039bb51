"""Geospatial library: the statements are in sql/migrations/0002_*.sql."""

from etl.migrate import statements_of

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    statements_of(revision)
