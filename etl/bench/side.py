"""One measured side in a process of its own: `python -m etl.bench.side NAME`, its arguments as JSON on the input."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from etl.bench.measure import tell

Side = Callable[[Mapping[str, Any]], dict[str, Any]]


def _side(name: str) -> Side:
    """The side of that name; only its own module is imported, so that no side pays for another's libraries."""
    if name in ("floor", "again"):
        from etl.bench import floor

        return floor.side if name == "floor" else floor.again
    if name in ("linkage_ours", "linkage_stock"):
        from etl.bench import linkage

        return linkage.ours if name == "linkage_ours" else linkage.stock
    if name == "checks":
        from etl.bench import checks

        return checks.side
    from etl.bench import bulk

    return bulk.side


if __name__ == "__main__":
    tell(_side(sys.argv[1])(json.load(sys.stdin)))
