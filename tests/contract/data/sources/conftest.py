import pytest

from tasks.data.sources import downloads


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """The pauses that were asked for, in seconds; none is really made."""
    asked = []
    monkeypatch.setattr(downloads.time, "sleep", asked.append)
    return asked
