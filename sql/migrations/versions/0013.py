"""Roles: masked views, one's own rows, names by request; the statements are in sql/migrations/0013_roles.sql."""

from etl.migrate import statements_of

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    statements_of(revision)
