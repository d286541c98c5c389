"""Standard error of a stage: TensorFlow's usual lines are left out, and everything else arrives."""

import os
import subprocess
import sys

import pytest

from tasks.project import PROJECT

USUAL = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795886809.248943    7674 port.cc:153] oneDNN custom operations are on. You may see slightly different ...
2026-11-28 17:26:49.286599: I tensorflow/core/platform/cpu_feature_guard.cc:227] This TensorFlow binary is optimized ...
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with the appropriate flags.
W0000 00:00:1795886809.248943    7674 gpu_device.cc:2341] Cannot dlopen some GPU libraries.
E0000 00:00:1795886819.701617 8054 node_def_util.cc:682] NodeDef mentions attribute use_unbounded_threadpool ...
E0000 00:00:1795886819.701617    8054 cuda_fft.cc:485] Unable to register cuFFT factory: ...
"""
REAL = """\
E0000 00:00:1795886819.701617    8054 cuda_driver.cc:152] failed call to cuInit: no CUDA-capable device is detected
F0000 00:00:1795886819.701617    8054 cpu_feature_guard.cc:21] The TensorFlow library was compiled to use AVX.
Traceback (most recent call last):
no end of line"""


def ended(last: str) -> subprocess.CompletedProcess:
    """A process that leaves the noise out, and ends with the statement `last`."""
    code = f"import os, signal; from tasks.runs.noise import without_noise; without_noise(); {last}"
    return subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)


def test_errors_arrive_and_usual_lines_do_not():
    """All that is not one of TensorFlow's usual lines is kept, also what a process says as it aborts."""
    done = ended(f"os.write(2, {(USUAL + REAL).encode()}); os.abort()")
    assert (done.returncode, done.stderr) == (-6, REAL)


def test_nothing_is_left_of_a_process_that_is_killed():
    """The other process ends with the stage: whoever reads the stage's standard error reaches its end."""
    done = ended("os.kill(os.getpid(), signal.SIGKILL)")
    assert (done.returncode, done.stderr) == (-9, "")


def test_a_container_loses_no_line_of_a_stage_that_aborts():
    """Where the stage is the first process of its container, or a child of it, all that it says arrives."""
    last = f"os.write(2, {REAL.encode()}); os.abort()"
    code = f"import os; from tasks.runs.noise import without_noise; without_noise(); {last}"
    script = f'{sys.executable} -c "$CODE"; exit 0'
    line = ["unshare", "--pid", "--fork", "sh", "-c", script]
    done = subprocess.run(
        line, cwd=PROJECT, env=os.environ | {"CODE": code}, capture_output=True, text=True, check=False
    )
    if "unshare failed" in done.stderr:
        pytest.skip("this user may make no namespace of processes")
    assert REAL in done.stderr


def test_a_process_without_standard_error_works():
    """A closed standard error has nothing to leave out."""
    code = "from tasks.runs.noise import without_noise; without_noise(); print('works')"
    line = ["sh", "-c", f'exec {sys.executable} -c "{code}" 2>&-']
    done = subprocess.run(line, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "works\n")
