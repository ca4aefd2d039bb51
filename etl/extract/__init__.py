"""Finding deliveries and landing them: whatever the channel and format, out comes rows.parquet (docs/architecture.md)."""

from etl.extract.drop import (
    estimate,
    find,
    fingerprint,
    incomplete,
    misnamed,
    reachable,
    strangers,
)
from etl.extract.landing import land, read_file, replayable
from etl.extract.model import Landed, Waiting

__all__ = [
    "Landed",
    "Waiting",
    "estimate",
    "find",
    "fingerprint",
    "incomplete",
    "land",
    "misnamed",
    "reachable",
    "read_file",
    "replayable",
    "strangers",
]
