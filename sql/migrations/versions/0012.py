"""Display terms and repair of credit records, outward views, certificates on any day, counties against the city: sql/migrations/0012_*.sql."""

from etl.migrate import statements_of

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    statements_of(revision)
