"""The search as a stage: what it commits, and what it leaves undone for the next run."""

import json

import pytest

from tasks.runs.records import read_record
from tasks.settings.place import Place
from tests.support.lazy import Lazy
from tests.support.stage_commands import speaking
from tests.support.tiny_data import make_configuration, make_mirror

trial_runner = Lazy("tasks.learning.search.trial_runner")
PARAMETERS = {"profile": "smoke", "datasets": ["cifar10"], "families": ["ann"], "trials": 1}
SEARCH = ("--dataset", "cifar10", "--family", "ann", "--shard", "0")


@pytest.fixture
def command(store, tmp_path, caplog):
    """Run one stage by its command, in this process."""
    return speaking(
        {
            "STORE": store.uri,
            "DATASET_MIRROR": str(make_mirror(tmp_path / "mirror")),
            "WORKFLOW_CONFIG": str(make_configuration(tmp_path / "config")),
            "RUN_PARAMETERS": json.dumps(PARAMETERS),
        },
        caplog,
    )


def without_memory(*arguments):
    raise MemoryError("no room")


def prepared(command, run):
    """Do everything that comes before the search of `run`."""
    assert command("plan", "--run", run).code == 0
    for stage in ("fetch", "normalize"):
        assert command(stage, "--run", run, "--dataset", "cifar10").code == 0


def test_a_search_that_the_machine_broke_is_neither_committed_nor_reused(command, store, monkeypatch):
    """A machine without memory fails the stage. When it has memory again, the next run searches, and succeeds."""
    prepared(command, "r1")
    with monkeypatch.context() as broken:
        broken.setattr(trial_runner, "fit", without_memory)
        failed = command("search", "--run", "r1", *SEARCH)
    assert (failed.code, "search: out of memory: no room" in failed.output) == (75, True)
    assert not list(store.list("artifacts/search/"))
    prepared(command, "r2")
    assert command("search", "--run", "r2", *SEARCH).code == 0
    record = read_record(store, "r2", Place("cifar10", "ann", shard=0), "search")
    assert (record["status"], record["cached"]) == ("done", False)
    assert command("choose", "--run", "r2", "--dataset", "cifar10", "--family", "ann").code == 0
