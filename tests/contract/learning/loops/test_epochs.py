"""The loop for accelerators, against the one that takes steps one by one. No test needs an accelerator."""

import os
import re
import subprocess
import sys

from tasks.project import PROJECT


def test_what_the_loop_for_accelerators_promises(tmp_path):
    """Equal steps, equal chunks, the same seed, a kill: all that `under_jax.py` says holds, in a process with JAX."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/contract/learning/loops/under_jax.py",
    ]
    jax = {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    asked = subprocess.run(command, cwd=PROJECT, env=os.environ | jax, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stdout
    assert re.search(r"^\d\d passed in", asked.stdout, re.MULTILINE), asked.stdout
