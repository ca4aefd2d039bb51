"""What is held and who decided, profiles of deliveries, terms and punctuality, drift: the statements are in sql/migrations/0009_decisions.sql."""

from etl.migrate import statements_of

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Runs them."""
    statements_of(revision)
