"""The suite of the other engine: `make test-spark`, which brings pyspark and Java. It is collected only when it is asked for by name."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "integration"))  # the kits that make a city


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """`make test` has no pyspark, and no quarter of an hour."""
    asked = [Path(a.partition("::")[0]).resolve() for a in config.args]
    return None if any(a == HERE or HERE in a.parents for a in asked) else True
