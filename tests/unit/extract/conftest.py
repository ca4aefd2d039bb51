"""An office for every test of the landing."""

from pathlib import Path

import pytest
from delivering import Office


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office with an empty drop folder; its business date is 2018-03-05."""
    monkeypatch.delenv("JICHU_TODAY", raising=False)
    return Office(tmp_path)
