"""Keras' other backend: what a training promises under TensorFlow, it promises under JAX, and in either loop."""

import os
import re
import subprocess
import sys

from tasks.project import PROJECT

PROMISES = "bit_by_bit and every-trick and ann or validated_with_its_final_weights"
JAX = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}


def under_jax(folder, *arguments):
    """Run tests in a process with JAX, which keeps what it compiles in `folder`."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    environment = os.environ | JAX | {"JAX_COMPILATION_CACHE_DIR": str(folder)}
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


def test_a_training_keeps_its_promises_under_jax(tmp_path):
    """With every trick: resumed bit by bit, kept after its last epoch, and validated as it is handed over."""
    asked = under_jax(tmp_path, "tests/contract/learning/test_loop.py", "-k", PROMISES)
    assert "2 passed" in asked.stdout, asked.stdout
    assert asked.returncode == 0


def test_the_loop_for_accelerators_keeps_its_promises(tmp_path):
    """Equal steps, equal chunks, the same seed, a kill: all that `test_epochs.py` says holds."""
    asked = under_jax(tmp_path, "tests/contract/learning/loops/test_epochs.py")
    assert re.search(r"^14 passed", asked.stdout, re.MULTILINE), asked.stdout
    assert asked.returncode == 0
