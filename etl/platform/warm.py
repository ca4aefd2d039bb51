"""What the tasks import, imported once."""

import importlib
import logging
import os
import pkgutil

import etl

log = logging.getLogger(__name__)

STEPS = ("extract", "clean", "match", "merge", "load", "check", "report", "catalog")
HEAVY = ("duckdb", "pyarrow", "pyarrow.parquet", "pandas", "great_expectations", "geoalchemy2", "splink", "matplotlib.pyplot")


def imports() -> list[str]:
    """Imports the pipeline, its steps and what they import inside functions; returns what could not be imported.

    Nothing imported here starts a thread or connects, or a fork would inherit half of it. What fails to import is
    left to the task that needs it, whose log then says so: a scheduler that does not start would say nothing.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("MPLBACKEND", "Agg")
    failed = []
    for name in (*HEAVY, "etl.pipeline", *_steps()):
        try:
            importlib.import_module(name)
        except ImportError as e:
            log.warning("not warmed: %s (%s)", name, e)
            failed.append(name)
    return failed


def _steps() -> list[str]:
    return [m.name for step in STEPS for m in pkgutil.walk_packages([f"{etl.__path__[0]}/{step}"], prefix=f"etl.{step}.")]
