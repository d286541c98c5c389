"""The time of real predictions, here and in a process of its own."""

import subprocess
import sys

import pytest

from tasks.learning.cost import latency
from tasks.project import PROJECT
from tests.support.lazy import Lazy

network = Lazy("tasks.learning.network")

ALONE = """
import sys, os
from pathlib import Path
from tasks.learning.cost.latency import NO_GPU, ONE_THREAD, latency_of_saved
from tasks.runs.companion import answers
if __name__ == "__main__":
    found = answers(latency_of_saved, [Path(sys.argv[1])], {**ONE_THREAD, **NO_GPU}, 600)
    print(found.found[0], os.environ.get("OMP_NUM_THREADS"))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A small model and one of a hundred times its operations, on disk."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("small", "large")}
    for (name, folder), budget in zip(folders.items(), (3_000, 300_000), strict=True):
        facts = {"shape": (16, 16, 3), "classes": 3, "mean": (100,) * 3, "std": (50,) * 3}
        described = network.Description(family="cnn" if name == "large" else "ann", budget=budget, **facts)
        network.save(network.assemble(described), described, folder)
    return folders


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(latency, "SECONDS", 0.1)


def test_a_process_of_one_thread_can_measure(saved):
    """Whoever has one thread measures itself; any other process leaves it to another one."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    assert latency.has_one_thread(one)
    assert not latency.has_one_thread(one | {"OMP_NUM_THREADS": "2"})
    assert not latency.has_one_thread({})
    found = latency.latency_of_saved(saved["small"])
    assert 0 < found.batched < found.single < 1


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_process_of_its_own_measures_with_one_thread(saved, backend):
    """Whatever threads this process has, and without changing them; a model that computes more takes longer."""
    import os

    environment = os.environ | {"KERAS_BACKEND": backend, "OMP_NUM_THREADS": "2"}
    found = []
    for folder in saved.values():
        command = [sys.executable, "-c", ALONE, str(folder)]
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip().endswith("2")
        found.append(float(done.stdout.split("batched=")[1].split(")")[0]))
    assert 0 < found[0] < found[1] < 1
