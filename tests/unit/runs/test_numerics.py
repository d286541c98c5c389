"""Which variables of the numeric libraries a stage keeps."""

from tasks.runs.numerics import Numerics, make_known

THREADS = {"OMP_NUM_THREADS": "7", "TF_NUM_INTRAOP_THREADS": "2", "KERAS_BACKEND": "jax", "XLA_FLAGS": "--x"}
OTHERS = {
    "HOME": "/home/me",
    "TF_VAR_password": "terraform's",
    "OMPI_COMM_WORLD_RANK": "0",
    "CUDA_VISIBLE_DEVICES": "1",
}
ARITHMETIC = {"TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_HOME": "/home/me/.keras", "MKL_CBWR": "SSE2", "JAX_ENABLE_X64": "1"}


def test_what_could_change_a_result_is_taken_away(tmp_path):
    """Threads, devices and other programs' variables stay. The rest of the numeric libraries' is gone, by its name."""
    environment = THREADS | OTHERS | ARITHMETIC
    found = make_known(environment, tmp_path)
    assert found == Numerics(dict(sorted(THREADS.items())), tuple(sorted(ARITHMETIC)))
    assert environment == THREADS | OTHERS | {"KERAS_HOME": str(tmp_path / "keras")}
    assert list((tmp_path / "keras").iterdir()) == []
