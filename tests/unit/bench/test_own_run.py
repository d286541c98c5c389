import os

import pytest

from tasks.runs.order import publish
from tasks.storage.location import open_store
from tests.bench.own_run import of_own_run


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty store that the environment names."""
    monkeypatch.setenv("LIKE_FOR_LIKE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("STORE", (tmp_path / "store").as_uri())
    return open_store(os.environ["STORE"])


def named(store, run):
    """What is measured: the run's name."""
    yield run


def test_the_latest_run_is_measured_unless_one_is_named(store):
    """By the name that the store knows it by."""
    for run in ("first", "second"):
        publish(store, run, "complete")
    assert list(of_own_run(named, "latest")) == ["second"]
    assert list(of_own_run(named, "first")) == ["first"]


def test_without_a_run_the_command_says_what_to_do(store):
    """It names the store and the remedy."""
    with pytest.raises(SystemExit, match=r"expected a run with a report, found none; `make run` first"):
        list(of_own_run(named, "latest"))
