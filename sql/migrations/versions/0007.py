"""Judgements, pairs for review, and why a record is whose: the statements are in sql/migrations/0007_judgement.sql."""

from etl.migrate import statements_of

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    statements_of(revision)
