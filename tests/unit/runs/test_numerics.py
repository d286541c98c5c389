"""Which variables of the numeric libraries a stage keeps."""

import pytest

from tasks.runs.numerics import NONE, Numerics, make_known, prepare
from tests.support import synthetic

THREADS = {"OMP_NUM_THREADS": "7", "TF_NUM_INTRAOP_THREADS": "2", "KERAS_BACKEND": "jax", "XLA_FLAGS": "--x"}
OTHERS = {
    "HOME": "/home/me",
    "TF_VAR_password": "terraform's",
    "OMPI_COMM_WORLD_RANK": "0",
    "CUDA_VISIBLE_DEVICES": "1",
}
ARITHMETIC = {"TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_HOME": "/home/me/.keras", "MKL_CBWR": "SSE2", "JAX_ENABLE_X64": "1"}
CHOSEN = {"TF_ENABLE_ONEDNN_OPTS": "1"}


def test_what_could_change_a_result_is_taken_away(tmp_path):
    """Threads, devices and other programs' variables stay. The rest of the numeric libraries' is gone, by its name."""
    environment = THREADS | OTHERS | ARITHMETIC
    found = make_known(environment, tmp_path)
    assert found == Numerics(dict(sorted(THREADS.items())), tuple(sorted(ARITHMETIC)), CHOSEN)
    assert environment == THREADS | OTHERS | CHOSEN | {"KERAS_HOME": str(tmp_path / "keras")}
    assert list((tmp_path / "keras").iterdir()) == []


@pytest.mark.parametrize("said", [{}, {"TF_ENABLE_ONEDNN_OPTS": "0"}])
def test_onednn_is_on_whatever_the_surroundings_say(tmp_path, said):
    """A processor without instructions for neural networks computes with oneDNN too, and the manifest says so."""
    environment = dict(said)
    found = make_known(environment, tmp_path)
    assert environment["TF_ENABLE_ONEDNN_OPTS"] == "1"
    assert found.described() == {"kept": {}, "removed": list(said), "chosen": CHOSEN}


def test_a_stage_whose_surroundings_were_not_made_known_claims_nothing():
    """What was not set does not stand in a manifest."""
    assert NONE.described() == {"kept": {}, "removed": [], "chosen": {}}


def prepared(tmp_path, backend, deterministic=True, **environment):
    """The environment in which a process computes a request."""
    training = synthetic.TRAINING.model_copy(update={"deterministic": deterministic})
    prepare(environment, tmp_path, synthetic.request().model_copy(update={"backend": backend, "training": training}))
    return environment


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_keras_computes_with_the_backend_of_the_request(tmp_path, backend):
    """Whatever the surroundings name; and other backends than JAX need nothing else."""
    assert prepared(tmp_path, backend, KERAS_BACKEND="jax") == {"KERAS_BACKEND": backend}
    assert not list(tmp_path.iterdir())


def test_jax_shares_the_device_and_what_it_compiles(tmp_path):
    """Nobody takes all the memory of a device, and processes of one user find each other's compilations."""
    first, second = (prepared(tmp_path, "jax", deterministic=False) for _ in range(2))
    assert first == second
    (folder,) = tmp_path.iterdir()
    assert first == {
        "KERAS_BACKEND": "jax",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "JAX_COMPILATION_CACHE_DIR": str(folder),
    }


def test_jax_is_told_to_be_reproducible_beside_what_it_was_told_before(tmp_path):
    """The person's own flags and folder stay."""
    told = prepared(tmp_path, "jax", XLA_FLAGS="--mine", JAX_COMPILATION_CACHE_DIR="/mine")
    assert told["XLA_FLAGS"] == "--mine --xla_gpu_deterministic_ops=true"
    assert told["JAX_COMPILATION_CACHE_DIR"] == "/mine"
