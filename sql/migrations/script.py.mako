"""${message}: the statements are in ${up_revision}_*.sql beside this folder."""

from etl.migrate import statements_of

revision = "${up_revision}"
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    statements_of(revision)
