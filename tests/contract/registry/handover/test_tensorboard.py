"""A run for TensorBoard: its own reader finds every number, and a second time gives the same files."""

import json
import os
import signal
import subprocess
import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.util.tensor_util import make_ndarray

from tasks.project import PROJECT
from tests.support.patience import PATIENCE
from tests.support.stage_commands import in_a_process, in_this_process

WAITING = """
import os, runpy, sys
waits = True
def watch(event, details):
    global waits
    if waits and event == "os.rename" and "tfevents" in os.fsdecode(details[1]):
        waits = False
        print("waits", flush=True)
        input()
sys.addaudithook(watch)
runpy.run_module("tasks", run_name="__main__", alter_sys=True)
"""


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def logs(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    assert in_this_process({"STORE": store.uri}, "hand-over", "tensorboard", "latest", "--to", str(folder)) == 0
    return folder


def test_its_own_reader_finds_the_history_and_the_final_numbers(store, logs):
    """Every epoch of a seed, the accuracy on the test part, and the hyper-parameters, as report.json has them."""
    report = json.loads(store.read("reports/quick-1/report.json"))
    cnn = next(model for model in report["datasets"][0]["models"] if model["family"] == "cnn")
    seed = cnn["replicates"][1]
    found = EventAccumulator(str(logs / "quick-1/cifar10/cnn/budget-250000/seed-1")).Reload()
    curve = [(each.step, float(make_ndarray(each.tensor_proto))) for each in found.Tensors("epoch/val_accuracy")]
    assert curve == [(each["epoch"], pytest.approx(each["val_accuracy"])) for each in seed["history"]]
    [final] = found.Tensors("final/accuracy")
    assert float(make_ndarray(final.tensor_proto)) == pytest.approx(seed["accuracy"])
    assert metadata.SESSION_START_INFO_TAG in found.summary_metadata
    started = metadata.parse_session_start_info_plugin_data(
        found.summary_metadata[metadata.SESSION_START_INFO_TAG].plugin_data.content
    )
    assert started.hparams["depth"].number_value == cnn["hyperparameters"]["depth"]
    assert started.hparams["seed"].number_value == 1


def test_a_second_time_changes_nothing(store, logs):
    """The same files with the same bytes, none touched, from the store or from a downloaded folder."""
    before, times = files(logs), [path.stat().st_mtime_ns for path in logs.rglob("*")]
    for source in ("quick-1", store.uri.removeprefix("file://") + "/reports/quick-1"):
        assert in_this_process({"STORE": store.uri}, "hand-over", "tensorboard", source, "--to", str(logs)) == 0
    assert files(logs) == before
    assert [path.stat().st_mtime_ns for path in logs.rglob("*")] == times
    assert len(before) == 1 + 2 + 6


def test_a_killed_hand_over_is_completed(store, logs, tmp_path):
    """Killed between two files, it left some; repeated, it leaves what an undisturbed one leaves."""
    arguments = ["hand-over", "tensorboard", f"{store.uri.removeprefix('file://')}/reports/quick-1", "--to"]
    line = [sys.executable, "-m", "tests.support.dying", "a_second_seed_gets_its_events", *arguments, str(tmp_path)]
    done = subprocess.run(line, cwd=PROJECT, check=False, timeout=PATIENCE)
    assert done.returncode == -signal.SIGKILL
    assert 0 < len([path for path in files(tmp_path) if "tfevents" in path.name]) < 9
    assert in_a_process({}, *arguments, str(tmp_path)).code == 0
    assert files(tmp_path) == files(logs)


def test_two_at_once_do_not_hinder_each_other(store, logs, tmp_path):
    """One has written its first file and not named it yet, while another one does all of it."""
    arguments = ["hand-over", "tensorboard", "quick-1", "--to", str(tmp_path)]
    pipes = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "text": True,
        "env": os.environ | {"STORE": store.uri},
    }
    with subprocess.Popen([sys.executable, "-c", WAITING, *arguments], cwd=PROJECT, **pipes) as first:
        assert "waits\n" in first.stdout  # read as far as that line
        assert in_this_process({"STORE": store.uri}, *arguments) == 0
        said, _ = first.communicate("\n", timeout=PATIENCE)
    assert (first.returncode, "9 files of events" in said) == (0, True), said
    assert files(tmp_path) == files(logs)


def test_a_missing_package_is_said_with_the_way_to_get_it(store, tmp_path, monkeypatch, caplog):
    """64, and nothing is written."""
    for name in ("tensorboard", "tensorboard.compat.proto.event_pb2"):
        monkeypatch.setitem(sys.modules, name, None)
    arguments = ("hand-over", "tensorboard", "latest", "--to", str(tmp_path / "logs"))
    assert in_this_process({"STORE": store.uri}, *arguments) == 64
    assert "expected the package tensorboard, found none; type pip install 'tensorboard>=2.20'" in caplog.text
    assert not (tmp_path / "logs").exists()
