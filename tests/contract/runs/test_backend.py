"""The backend that a profile names computes in every stage, whatever starts it: the frozen request carries it."""

import json

import pytest

from tasks.runs.records import read_record
from tasks.runs.requests import read_request
from tasks.runs.scratch import PREFIX
from tasks.settings.place import Place
from tasks.storage.artifacts import find
from tasks.storage.location import open_store
from tests.support.stage_commands import in_a_process, in_this_process
from tests.support.tiny_data import make_configuration, make_mirror

PLACE = Place("cifar10", "ann", shard=0)
SEARCH = ("--dataset", "cifar10", "--family", "ann", "--shard", "0")
ASKED = {"profile": "smoke", "datasets": ["cifar10"], "families": ["ann"], "trials": 1}


@pytest.fixture
def surroundings(tmp_path):
    """A profile that asks for the loop over epochs under JAX, and no variable that does."""
    config = make_configuration(tmp_path / "config") / "workflow.toml"
    text = config.read_text(encoding="utf-8")
    text = text.replace("[profiles.smoke]\n", '[profiles.smoke]\nbackend = "jax"\n')
    text = text.replace("[profiles.smoke.training]\n", '[profiles.smoke.training]\nloop = "epochs"\n')
    config.write_text(text, encoding="utf-8")
    (tmp_path / "tmp").mkdir()
    return {
        "STORE": (tmp_path / "store").as_uri(),
        "DATASET_MIRROR": str(make_mirror(tmp_path / "mirror")),
        "WORKFLOW_CONFIG": str(config.parent),
        "RUN_PARAMETERS": json.dumps(ASKED),
        "TMPDIR": str(tmp_path / "tmp"),
        "KERAS_BACKEND": "",
        "JAX_PLATFORMS": "cpu",
    }


def test_the_profiles_backend_computes(surroundings, tmp_path):
    """A search takes its steps under JAX; its key names loop, backend and library; what was compiled is kept."""
    store = open_store(surroundings["STORE"])
    assert in_this_process(surroundings, "plan", "--run", "r") == 0
    assert read_request(store, "r").backend == "jax"
    for stage in ("fetch", "normalize"):
        assert in_this_process(surroundings, stage, "--run", "r", "--dataset", "cifar10") == 0
    done = in_a_process(surroundings, "search", "--run", "r", *SEARCH)
    assert done.code == 0, done.output
    made = find(store, "search", read_record(store, "r", PLACE, "search")["key"]).made
    assert (made["settings"]["backend"], made["settings"]["training"]["loop"]) == ("jax", "epochs")
    assert "jax" in made["libraries"]
    assert "tensorflow" not in made["libraries"]
    (kept,) = (tmp_path / "tmp").glob(f"compiled-{PREFIX}*")
    assert list(kept.iterdir())


def test_the_machines_owner_has_the_last_word(surroundings):
    """Another backend by the variable is refused where the loop needs JAX, and nothing is planned."""
    assert in_this_process(surroundings | {"KERAS_BACKEND": "tensorflow"}, "plan", "--run", "r") == 64
    assert not open_store(surroundings["STORE"]).exists("runs/r/request.json")
