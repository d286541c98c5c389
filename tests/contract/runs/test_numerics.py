"""A stage computes the same, whatever the person's other work says to the numeric libraries."""

import json
import re
import subprocess
import sys

import pytest

from tasks.learning.search.trials import load
from tasks.runs.records import read_record
from tasks.settings.place import Place
from tasks.storage.artifacts import find, read_file
from tasks.storage.location import open_store
from tasks.storage.provenance import machine
from tests.support.results import reached
from tests.support.stage_commands import in_a_process, in_this_process
from tests.support.tiny_data import make_configuration, make_mirror

PLACE = Place("cifar10", "ann", shard=0)
SEARCH = ("--dataset", "cifar10", "--family", "ann", "--shard", "0")
HOSTILE = {"floatx": "float16", "epsilon": 0.5, "backend": "jax", "image_data_format": "channels_first"}
VARIABLES = {
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
    "JAX_ENABLE_X64": "1",
    "KERAS_FLOATX": "float16",
}


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The manifests of one search, done in a plain process and in one with hostile files and variables."""
    folder = tmp_path_factory.mktemp("numerics")
    store = open_store((folder / "store").as_uri())
    (folder / "person" / ".keras").mkdir(parents=True)
    (folder / "person" / ".keras" / "keras.json").write_text(json.dumps(HOSTILE))
    plain = {
        "STORE": store.uri,
        "DATASET_MIRROR": str(make_mirror(folder / "mirror")),
        "WORKFLOW_CONFIG": str(make_configuration(folder / "config")),
    }
    hostile = plain | {"HOME": str(folder / "person")} | VARIABLES
    return {run: _searched(store, run, around) for run, around in (("plain", plain), ("hostile", hostile))}


def _searched(store, run, environment):
    parameters = {"profile": "smoke", "datasets": ["cifar10"], "families": ["ann"], "trials": 1, "force": ["search"]}
    planned = environment | {"RUN_PARAMETERS": json.dumps(parameters)}
    assert in_this_process(planned, "plan", "--run", run) == 0
    for stage in ("fetch", "normalize"):
        assert in_this_process(environment, stage, "--run", run, "--dataset", "cifar10") == 0
    done = in_a_process(environment, "search", "--run", run, *SEARCH)
    assert done.code == 0, done.output
    manifest = find(store, "search", read_record(store, run, PLACE, "search")["key"])
    return manifest, reached(load(read_file(store, manifest, "trials.json"))), done.output


def test_a_persons_settings_change_no_result(searched):
    """Keras' file of settings, and variables that change arithmetic reach no training."""
    assert searched["hostile"][1] == searched["plain"][1]


def test_what_was_left_out_is_named(searched):
    """The log and the manifest name the variables that were taken away, and the manifest those that stayed."""
    manifest, _, output = searched["hostile"]
    removed = manifest.made["variables"]["removed"]
    assert set(removed) >= set(VARIABLES)  # other tests of this process may have left some more
    assert f"not used, as they could change results: {', '.join(removed)}" in output
    assert manifest.made["variables"]["kept"]["OMP_NUM_THREADS"] == "1"


def test_the_manifest_tells_the_kernels(searched):
    """oneDNN, which was switched on although the surroundings switch it off, and what its kernels are chosen by."""
    made = searched["hostile"][0].made
    assert made["variables"]["chosen"] == {"TF_ENABLE_ONEDNN_OPTS": "1"}
    assert made["machine"] == machine()
    assert any("oneDNN custom operations are on" in line for line in _said_by_tensorflow(made["variables"]["chosen"]))


def _said_by_tensorflow(variables):
    """What TensorFlow says at its import under these variables. It has no public name for oneDNN's state."""
    command = [sys.executable, "-c", "import tensorflow"]
    done = subprocess.run(
        command, env={"PATH": "/usr/bin:/bin"} | variables, capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()


def test_a_log_holds_our_lines_alone(searched):
    """A search that goes well says what we say, and nothing about how TensorFlow was built."""
    lines = searched["plain"][2].splitlines()
    assert lines
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines), lines
