"""The embedded setting: PostGIS, Airflow, the demo's departments and a mail server, on one machine, from one command."""

from etl.platform.demo import demo_run
from etl.platform.services import clean, down, status, up

__all__ = ["clean", "demo_run", "down", "status", "up"]
