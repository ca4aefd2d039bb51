"""A small synthetic city of three weeks, made once for all tests of this folder."""

from pathlib import Path

import pytest

from etl.demo import generate


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 persons, three delivery days, every dataset."""
    out = tmp_path_factory.mktemp("city") / "small"
    generate(600, 7, out, days=3)
    return out
