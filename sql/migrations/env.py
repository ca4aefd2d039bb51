"""Alembic's environment: the connection is handed over by etl.migrate; every revision is a plain SQL file beside its stub."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
