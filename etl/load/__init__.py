"""Into PostgreSQL, and nothing visible until it is whole."""

from etl.load import beside
from etl.load.publish import Change, publish
from etl.load.staging import Taken, candidate, changes, commit, instance, keep_snapshot, past, reject, snapshot, write_results

__all__ = [
    "Change",
    "Taken",
    "beside",
    "candidate",
    "changes",
    "commit",
    "instance",
    "keep_snapshot",
    "past",
    "publish",
    "reject",
    "snapshot",
    "write_results",
]
