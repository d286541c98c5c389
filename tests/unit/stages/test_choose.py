"""The join of a search: from the shards' artifacts to one choice, without the libraries that train."""

import json
import subprocess
import sys

import pytest

from tasks.errors import BlockedError, NotAskedForError, RequestError
from tasks.learning.search.trials import SearchError, Trial, dump, load
from tasks.project import PROJECT
from tasks.runs import execution
from tasks.runs.records import recorded
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place, require
from tasks.settings.request import Parameters
from tasks.stages import choose, search
from tasks.storage.artifacts import commit, find, read_file
from tasks.storage.checkpoints import StoredCheckpoints
from tests.support.tiny_data import make_configuration

PLACE = Place("cifar10", "ann")


@pytest.fixture
def request_(tmp_path):
    """A run whose searches have two shards."""
    return resolve(load_configuration(make_configuration(tmp_path / "config")), Parameters(profile="smoke"), "r1")


def trial(number, score):
    common = {"parameters": 5_000, "seconds": 1.5, "seed": 0, "epochs": 1}
    outcome = {"status": "failed", "error": "no room"} if score is None else {"status": "done"}
    return Trial(number=number, score=score, hyperparameters={"depth": number, "taper": 1.0}, **common, **outcome)


def shard(store, tmp_path, number, *trials):
    """Leave what a shard of the search leaves."""
    place = Place(PLACE.dataset, PLACE.family, shard=number)
    folder = tmp_path / f"shard {number}"
    folder.mkdir()
    (folder / "trials.json").write_bytes(dump(trials))
    with recorded(store, "r1", place, "search") as record:
        record.fields["key"] = commit(store, "search", f"k{number}", folder, {}, {}).key


def test_the_choice_is_the_best_of_all_shards(store, request_, tmp_path):
    """All trials in the order of their numbers, the earlier one of equals is chosen, values keep their types."""
    shard(store, tmp_path, 1, trial(1, 0.75), trial(3, None))
    shard(store, tmp_path, 0, trial(0, 0.25), trial(2, 0.75))
    manifest = execution.execute(choose.STAGE, request_, PLACE, store)
    tried = load(read_file(store, manifest, "trials.json"))
    assert tried == [trial(0, 0.25), trial(1, 0.75), trial(2, 0.75), trial(3, None)]
    best = json.loads(read_file(store, manifest, "best.json"))
    assert best == {"hyperparameters": {"depth": 1, "taper": 1.0}, "trial": 1}
    assert [type(value) for value in best["hyperparameters"].values()] == [int, float]
    assert manifest.summary == {"trials": 4, "failed": 1, "best": best}


def test_a_missing_shard_is_no_choice(store, request_, tmp_path):
    """The best of a part is not the best."""
    shard(store, tmp_path, 0, trial(0, 0.25))
    with pytest.raises(BlockedError, match="shard-1: expected search to be done, found no record; run it first"):
        execution.execute(choose.STAGE, request_, PLACE, store)


def test_no_success_in_any_shard_says_why(store, request_, tmp_path):
    """One shard without a success is no failure; all of them are."""
    shard(store, tmp_path, 0, trial(0, None))
    shard(store, tmp_path, 1, trial(1, None))
    with pytest.raises(SearchError, match="2 that failed: no room; ask for more trials"):
        execution.execute(choose.STAGE, request_, PLACE, store)


def test_choosing_imports_nothing_that_trains():
    """A join costs no start of TensorFlow."""
    code = "import sys, tasks.stages.choose; print(*[n for n in ('tensorflow', 'keras', 'numpy') if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_a_shard_is_keyed_by_its_own_trials_alone(request_):
    """Neither the number of shards nor that of all trials is in the key of one that runs the same trials."""

    def settings(shard, **changes):
        params = request_.model_copy(update={"search": request_.search.model_copy(update=changes)})
        return search.settings(params, Place("cifar10", "ann", shard=shard))

    assert settings(1, trials=2, shards=2) == settings(1, trials=5, shards=5)
    assert settings(0, trials=3, shards=1).numbers == (0, 1, 2)
    assert settings(0, trials=3, shards=2) != settings(1, trials=3, shards=2)


def test_a_shard_that_the_run_does_not_have_is_skipped(request_):
    """As any place outside the request; a search without a shard is a wrong command."""
    require(request_, "shard", Place("cifar10", "ann", shard=1))
    with pytest.raises(NotAskedForError, match="asks for shard"):
        require(request_, "shard", Place("cifar10", "ann", shard=2))
    with pytest.raises(RequestError, match="expected --shard, received none"):
        require(request_, "shard", PLACE)


def test_checkpoints_go_with_the_artifact_made_or_reused(store, request_, tmp_path):
    """What a stage, or an attempt that it overtook, has left under its key vanishes; other keys' stay."""
    shard(store, tmp_path, 0, trial(0, 0.25))
    shard(store, tmp_path, 1, trial(1, 0.5))
    key = execution.execute(choose.STAGE, request_, PLACE, store).key
    store.delete(f"artifacts/choose/{key}/manifest.json")
    for _ in ("made", "reused"):
        StoredCheckpoints(store, "choose", key).save(1, b"left behind")
        StoredCheckpoints(store, "choose", "other").save(1, b"at work")
        execution.execute(choose.STAGE, request_, PLACE, store)
        assert find(store, "choose", key)
        assert [name.split("/")[2] for name in store.list("checkpoints/")] == ["other"]
