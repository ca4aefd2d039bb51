"""Fixtures of the fault suite: a small city of every kind of delivery, loaded once undisturbed, copied for every fault."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))  # pipeline_kit

from world import Worlds

from etl.platform.postgres import Cluster


@pytest.fixture(scope="session")
def worlds(postgis_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """Makes worlds: copies of a city before its first run, or between its first week and its second."""
    made = Worlds(postgis_cluster, tmp_path_factory.mktemp("faults"))
    yield made
    made.close()


@pytest.fixture
def moments(request: pytest.FixtureRequest) -> int:
    """How many moments the command asked for."""
    return int(request.config.getoption("--moments") or 0)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What the moments are drawn from."""
    return int(request.config.getoption("--seed"))


@pytest.fixture
def told() -> Iterator[list[str]]:
    """Lines that are printed at the end of the test (`-s` or `-rP` shows them), and written to JICHU_FAULTS_LOG when that names a file."""
    lines: list[str] = []
    yield lines
    text = "\n".join(lines)
    print(text)
    if where := os.environ.get("JICHU_FAULTS_LOG"):
        with Path(where).open("a", encoding="utf-8") as f:
            f.write(text + "\n")
