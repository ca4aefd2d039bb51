"""Airflow's LocalExecutor with the pipeline imported before its workers are forked.

Every task is a fork of a worker, so what is imported once here is there for all of them. Importing Great
Expectations, pandas and DuckDB anew would cost each task several seconds, more than most deliveries take.
"""

from airflow.executors.local_executor import LocalExecutor

from etl.platform import warm


class WarmLocalExecutor(LocalExecutor):
    """LocalExecutor whose workers start warm."""

    def start(self) -> None:
        """Imports, then forks the workers."""
        warm.imports()
        super().start()
