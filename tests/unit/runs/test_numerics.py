"""Which variables of the numeric libraries a stage keeps."""

import pytest

from tasks.runs.numerics import NONE, Numerics, make_known

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
