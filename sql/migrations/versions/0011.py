"""Masking functions, packages sent and received, each county's own door; the statements are in sql/migrations/0011_exchange.sql."""

from etl.migrate import statements_of

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    statements_of(revision)
