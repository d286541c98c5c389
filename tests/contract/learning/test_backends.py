"""Keras' other backend: what a training promises under TensorFlow, it promises under JAX."""

import os
import subprocess
import sys

from tasks.project import PROJECT

PROMISES = "bit_by_bit and every-trick and ann or validated_with_its_final_weights"


def test_a_training_keeps_its_promises_under_jax():
    """With every trick: resumed bit by bit, kept after its last epoch, and validated as it is handed over."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/contract/learning/test_loop.py",
        "-k",
        PROMISES,
    ]
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    asked = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert "2 passed" in asked.stdout, asked.stdout
    assert asked.returncode == 0
