"""The stages as commands, each in a process of its own: exit codes, damage, retries, kills."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tasks.project import PROJECT
from tasks.runs.records import read_record
from tasks.settings.place import Place
from tasks.storage.artifacts import find, find_whole
from tests.support.stage_commands import in_a_process, speaking
from tests.support.tiny_data import make_configuration, make_mirror


@pytest.fixture
def environment(tmp_path):
    """What leads a stage to its store, its data and its configuration."""
    return {
        "STORE": (tmp_path / "store").as_uri(),
        "DATASET_MIRROR": str(make_mirror(tmp_path / "mirror")),
        "WORKFLOW_CONFIG": str(make_configuration(tmp_path / "config")),
        "RUN_PARAMETERS": json.dumps({"profile": "smoke", "datasets": ["cifar10"]}),
    }


@pytest.fixture
def command(environment, caplog):
    """Run one stage by its command, in this process; its exit code and what it said."""
    return speaking(environment, caplog)


def test_a_process_ends_with_the_code_of_its_stage(environment):
    """Airflow sees 0 of what is done, 64 of a bad request, 99 of what is skipped, with the reason in the last line."""
    fetch = ("fetch", "--run", "r1", "--dataset")
    unplanned = in_a_process(environment, *fetch, "cifar10")
    assert (unplanned.code, "expected the run's request" in unplanned.output.splitlines()[-1]) == (64, True)
    assert in_a_process(environment, "plan", "--run", "r1").code == 0
    skipped = in_a_process(environment, *fetch, "fashion_mnist")
    assert (skipped.code, "asks for dataset" in skipped.output.splitlines()[-1]) == (99, True)


def test_exit_codes_tell_done_skipped_bad_request_and_bad_data_apart(command, tmp_path):
    """0, 99, 64 and 65, each with one line that says why."""
    assert command("plan", "--run", "r 1").code == 0
    assert command("fetch", "--run", "r 1", "--dataset", "cifar10").code == 0
    skipped = command("fetch", "--run", "r 1", "--dataset", "fashion_mnist")
    assert (skipped.code, "asks for dataset" in skipped.output) == (99, True)
    wrong = command("plan", "--run", "r2", RUN_PARAMETERS='{"epochs": "many"}')
    assert (wrong.code, "epochs" in wrong.output) == (64, True)
    assert command("fetch", "--run", "never-planned", "--dataset", "cifar10").code == 64
    assert command("fetch", "--run", "r 1", "--dataset", "cifar10", STORE="ftp://x").code == 64
    (tmp_path / "mirror" / "cifar-10" / "cifar-10-binary.tar.gz").write_bytes(b"broken")
    command("plan", "--run", "r3", RUN_PARAMETERS='{"profile": "smoke", "force": true}')
    broken = command("fetch", "--run", "r3", "--dataset", "cifar10")
    assert (broken.code, "expected a whole .tar.gz" in broken.output) == (65, True)
    blocked = command("normalize", "--run", "r3", "--dataset", "cifar10")
    assert (blocked.code, "expected fetch to be done, found failed" in blocked.output) == (99, True)


def test_a_flipped_byte_stops_its_reader_and_the_next_run_heals_it(command, store, tmp_path):
    """No stage works on damaged data: it ends with 65 and says what to do, and doing it is enough."""
    command("plan", "--run", "r1")
    command("fetch", "--run", "r1", "--dataset", "cifar10")
    key = read_record(store, "r1", Place("cifar10"), "fetch")["key"]
    blob = tmp_path / "store" / find(store, "fetch", key).files["data_batch_1.bin"].object
    whole = blob.read_bytes()
    blob.write_bytes(whole[:99] + bytes([whole[99] ^ 1]) + whole[100:])
    stopped = command("normalize", "--run", "r1", "--dataset", "cifar10")
    assert (stopped.code, "run the workflow again" in stopped.output) == (65, True)
    command("plan", "--run", "r2")
    for stage_name in ("fetch", "normalize"):
        assert command(stage_name, "--run", "r2", "--dataset", "cifar10").code == 0
    assert blob.read_bytes() == whole
    assert not read_record(store, "r2", Place("cifar10"), "fetch")["cached"]


def test_nothing_before_the_evaluation_reads_the_test_part(command, store, tmp_path):
    """With its bytes destroyed in the store, search, choice and training are done as ever, and evaluate alone stops."""
    place = ("--run", "r1", "--dataset", "cifar10")
    command("plan", "--run", "r1", RUN_PARAMETERS='{"profile": "smoke", "families": ["ann"], "replicates": 1}')
    for stage_name in ("fetch", "normalize"):
        assert command(stage_name, *place).code == 0
    key = read_record(store, "r1", Place("cifar10"), "normalize")["key"]
    (tmp_path / "store" / find(store, "normalize", key).files["test-images.npy"].object).write_bytes(b"poison")
    model = (*place, "--family", "ann")
    for line in (("search", "--shard", "0"), ("search", "--shard", "1"), ("choose",), ("train", "--seed", "0")):
        done = command(line[0], *model, *line[1:])
        assert done.code == 0, done.output
    stopped = command("evaluate", *model)
    assert (stopped.code, "test-images.npy" in stopped.output) == (65, True)


def test_a_request_is_frozen_and_another_one_is_refused(command, store):
    """A retried plan keeps the request of a run that has begun; one with other parameters ends with 64."""
    command("plan", "--run", "r1")
    before = store.read("runs/r1/request.json")
    again = command("plan", "--run", "r1")
    assert (again.code, "it is kept" in again.output) == (0, True)
    other = command("plan", "--run", "r1", RUN_PARAMETERS="{}")
    assert (other.code, "start a new run" in other.output) == (64, True)
    assert store.read("runs/r1/request.json") == before


def test_a_stage_killed_at_random_points_leaves_nothing_and_the_rerun_completes(command, store, tmp_path):
    """SIGKILL during normalize: no artifact, or a whole one, each time; the rerun ends with the right arrays."""
    command("plan", "--run", "r1")
    command("fetch", "--run", "r1", "--dataset", "cifar10")
    line = [sys.executable, "-m", "tasks", "normalize", "--run", "r1", "--dataset", "cifar10"]
    chance = random.Random(1)
    for _ in range(6):
        killed = subprocess.Popen(
            line, cwd=PROJECT, env=os.environ | {"STORE": store.uri}, stdout=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(chance.uniform(0.2, 1.6))
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
        for key in store.list("artifacts/normalize/"):
            if key.endswith("manifest.json"):
                assert find_whole(store, "normalize", key.split("/")[2])
    assert command("normalize", "--run", "r1", "--dataset", "cifar10").code == 0
    record = read_record(store, "r1", Place("cifar10"), "normalize")
    summary = find(store, "normalize", record["key"]).summary
    assert summary["counts"] == {"train": 120, "validation": 30, "test": 60}
