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
from tasks.learning.cost.latency import latencies
if __name__ == "__main__":
    print(latencies([Path(sys.argv[1])])[0], os.environ.get("OMP_NUM_THREADS"))
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


def test_one_thread_measures_here_and_more_threads_elsewhere(saved, monkeypatch):
    """A process of one thread measures itself; any other one starts a process of one thread. Both find the same."""
    monkeypatch.setattr(latency, "_elsewhere", lambda folders: ["elsewhere"] * len(folders))
    for name in latency.ONE_THREAD:
        monkeypatch.setenv(name, "1")
    (here,) = latency.latencies([saved["small"]])
    assert 0 < here.batched < here.single < 1
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert latency.latencies([saved["small"]]) == ["elsewhere"]


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


def test_a_measurement_that_fails_fails_nothing_else(tmp_path):
    """Without a model there is no latency: it is unknown, and no error."""
    assert latency._elsewhere([tmp_path, tmp_path]) == [latency.Latency(None, None)] * 2
