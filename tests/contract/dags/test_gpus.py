"""Which GPU of a machine a training gets. No GPU is needed: the devices are names, and the locks are real."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest

from dags.gpus import leased
from tasks.project import PROJECT
from tasks.settings.orchestration import Gpus
from tests.support.patience import PATIENCE

TWO = Gpus(devices=("0", "GPU-b"), trainings_per_gpu=2)
HOLDER = """
import sys, time
from dags.gpus import leased
from tasks.settings.orchestration import Gpus
with leased(Gpus(devices=("0",))) as device:
    print(device, flush=True)
    time.sleep(3600)
"""


@pytest.fixture(autouse=True)
def locks(tmp_path, monkeypatch):
    """A machine of its own: its folder for temporary files."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def in_background(gpus, **options):
    """A thread that holds a lease; the device that it got, once it has one, and what ends it."""
    got, end = [], threading.Event()

    def hold():
        with leased(gpus, **options) as device:
            got.append(device)
            end.wait(PATIENCE)

    threading.Thread(target=hold, daemon=True).start()
    return got, end


def until(found):
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_trainings_spread_over_the_devices():
    """The devices fill evenly: each has one training before any has two."""
    with ExitStack() as held:
        devices = [held.enter_context(leased(TWO)) for _ in range(4)]
    assert sorted(devices[:2]) == sorted(devices[2:]) == sorted(TWO.devices)


def test_a_training_waits_for_a_place():
    """With every place taken the next one waits, and gets the place that becomes free."""
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(leased(TWO))
        with leased(TWO) as last:
            got, end = in_background(TWO)
            time.sleep(1)
            assert got == []
        until(lambda: got)
        assert got == [last]
        end.set()


def test_alone_means_with_nobody_else():
    """Who needs a device alone waits for an empty one, and keeps all others off it."""
    with leased(TWO) as one, leased(TWO, alone=True) as other:
        assert {one, other} == {*TWO.devices}
        with leased(TWO) as beside:
            assert beside == one
            got, end = in_background(TWO)
            time.sleep(1)
            assert got == []
    until(lambda: got)
    end.set()


def test_a_worker_that_is_killed_holds_nothing(tmp_path):
    """The place of a dead process is free, without anybody's help."""
    line = [sys.executable, "-c", HOLDER]
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "0\n"
        got, end = in_background(Gpus(devices=("0",)))
        time.sleep(1)
        assert got == []
        holder.send_signal(signal.SIGKILL)
    until(lambda: got)
    end.set()
