"""Celery's settings on a server, and a worker that starts warm.

The provider's own defaults, named here so that this module is imported where they are read: Airflow takes
`AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS` as a path. Every task is a fork of a worker's process; what the worker has imported before it
forks is there for all of them, as in `etl.platform.executor`.
"""

from typing import Any

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG  # type: ignore[import-untyped, import-not-found, unused-ignore]
from celery.signals import worker_init  # type: ignore[import-untyped, import-not-found, unused-ignore]

from etl.platform import warm

CONFIG = DEFAULT_CELERY_CONFIG


@worker_init.connect  # type: ignore[untyped-decorator, unused-ignore]
def _warm(**_: Any) -> None:
    """Imports once, before the worker's processes are forked."""
    warm.imports()
