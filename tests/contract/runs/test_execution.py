import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tasks.errors import DataError, NotAskedForError, RequestError
from tasks.project import PROJECT
from tasks.runs import execution
from tasks.runs.records import read_record, read_records
from tasks.runs.stage import Stage
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters
from tasks.settings.values import Frozen
from tasks.storage.artifacts import find, is_whole
from tasks.storage.location import open_store
from tests.support.tiny_data import make_configuration, make_mirror

PLACE = Place("cifar10", "cnn", 0)


class Settings(Frozen):
    seed: int


@pytest.fixture
def store(tmp_path):
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def request_of(tmp_path):
    config = load_configuration(make_configuration(tmp_path / "config"))
    return lambda run, **params: resolve(config, Parameters(profile="smoke", **params), run)


def stage(calls, body=b"result", error=None):
    """A stage of one file that notes its calls; it stands under the name of a real one, whose code keys it."""

    def run(work):
        calls.append(work.settings.seed)
        if error:
            raise error
        work.progress("half way")
        (work.output / "a.bin").write_bytes(body)
        return {"size": len(body)}

    return Stage("fetch", "replicate", lambda request, place: Settings(seed=place.seed), lambda request, place: {}, run)


def test_a_second_run_reuses_what_the_first_made_and_says_so(store, request_of):
    """The same settings, inputs and code are never worked for twice, whatever the run's name."""
    calls = []
    first = execution.execute(stage(calls), request_of("r1"), PLACE, store)
    second = execution.execute(stage(calls), request_of("r2"), PLACE, store)
    assert (first, calls) == (second, [0])
    records = [read_record(store, run, PLACE, "fetch") for run in ("r1", "r2")]
    assert [(record["status"], record["cached"]) for record in records] == [("done", False), ("done", True)]
    assert records[0]["progress"] == "half way"


def test_force_works_again_but_a_retry_of_the_forced_run_does_not(store, request_of):
    """A forced run never takes an earlier run's result; a second attempt of it takes its own."""
    calls = []
    execution.execute(stage(calls), request_of("r1"), PLACE, store)
    for _ in range(2):
        execution.execute(stage(calls), request_of("r2", force=True), PLACE, store)
    assert calls == [0, 0]


def test_a_damaged_artifact_is_made_again(store, request_of, tmp_path):
    """Reuse verifies the objects, not just the manifest: a cut file means work, and the artifact is whole after it."""
    calls = []
    manifest = execution.execute(stage(calls), request_of("r1"), PLACE, store)
    (tmp_path / "store" / manifest.files["a.bin"].object).write_bytes(b"res")
    again = execution.execute(stage(calls, b"other result"), request_of("r2"), PLACE, store)
    assert calls == [0, 0]
    assert is_whole(store, again)
    assert is_whole(store, find(store, "fetch", again.key))


def test_a_failed_stage_records_its_reason_and_leaves_no_artifact(store, request_of):
    """The report can name the gap: status, and the error in one line."""
    with pytest.raises(DataError):
        execution.execute(stage([], error=DataError("expected 1\nreceived 2")), request_of("r1"), PLACE, store)
    record = read_record(store, "r1", PLACE, "fetch")
    assert (record["status"], record["error"]) == ("failed", "DataError: expected 1")
    assert not list(store.list("artifacts/"))


def test_a_place_outside_the_request_is_skipped_and_a_missing_option_is_an_error(store, request_of):
    """What the run does not ask for exits as skipped, before anything is recorded."""
    request = request_of("r1", datasets=("cifar10",))
    with pytest.raises(NotAskedForError):
        execution.execute(stage([]), request, Place("fashion_mnist", "cnn", 0), store)
    with pytest.raises(NotAskedForError):
        execution.execute(stage([]), request, Place("cifar10", "cnn", 99), store)
    with pytest.raises(RequestError, match="expected --family, received none"):
        execution.execute(stage([]), request, Place("cifar10"), store)
    assert read_records(store, "r1") == []


@pytest.fixture
def command(tmp_path):
    """Run one stage as a person would, by its command; the finished process."""
    environment = os.environ | {
        "STORE": (tmp_path / "store").as_uri(),
        "DATASET_MIRROR": str(make_mirror(tmp_path / "mirror")),
        "WORKFLOW_CONFIG": str(make_configuration(tmp_path / "config")),
        "RUN_PARAMETERS": json.dumps({"profile": "smoke", "datasets": ["cifar10"]}),
    }

    def run(*arguments, **changes):
        line = [sys.executable, "-m", "tasks", *arguments]
        place = {"cwd": PROJECT, "env": environment | changes}
        return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False, **place)

    return run


def test_exit_codes_tell_done_skipped_bad_request_and_bad_data_apart(command, tmp_path):
    """0, 99, 64 and 65, each with one line that says why."""
    assert command("plan", "--run", "r 1").returncode == 0
    assert command("fetch", "--run", "r 1", "--dataset", "cifar10").returncode == 0
    skipped = command("fetch", "--run", "r 1", "--dataset", "fashion_mnist")
    assert (skipped.returncode, "asks for dataset" in skipped.stdout) == (99, True)
    wrong = command("plan", "--run", "r2", RUN_PARAMETERS='{"epochs": "many"}')
    assert (wrong.returncode, "epochs" in wrong.stdout) == (64, True)
    assert command("fetch", "--run", "never-planned", "--dataset", "cifar10").returncode == 64
    assert command("fetch", "--run", "r 1", "--dataset", "cifar10", STORE="ftp://x").returncode == 64
    (tmp_path / "mirror" / "cifar-10" / "cifar-10-binary.tar.gz").write_bytes(b"broken")
    command("plan", "--run", "r3", RUN_PARAMETERS='{"profile": "smoke", "force": true}')
    broken = command("fetch", "--run", "r3", "--dataset", "cifar10")
    assert (broken.returncode, "expected a whole .tar.gz" in broken.stdout) == (65, True)
    blocked = command("normalize", "--run", "r3", "--dataset", "cifar10")
    assert (blocked.returncode, "expected fetch to be done, found failed" in blocked.stdout) == (99, True)


def test_a_flipped_byte_stops_its_reader_and_the_next_run_heals_it(command, store, tmp_path):
    """No stage works on damaged data: it ends with 65 and says what to do, and doing it is enough."""
    command("plan", "--run", "r1")
    command("fetch", "--run", "r1", "--dataset", "cifar10")
    key = read_record(store, "r1", Place("cifar10"), "fetch")["key"]
    blob = tmp_path / "store" / find(store, "fetch", key).files["data_batch_1.bin"].object
    whole = blob.read_bytes()
    blob.write_bytes(whole[:99] + bytes([whole[99] ^ 1]) + whole[100:])
    stopped = command("normalize", "--run", "r1", "--dataset", "cifar10")
    assert (stopped.returncode, "run the workflow again" in stopped.stdout) == (65, True)
    command("plan", "--run", "r2")
    for stage_name in ("fetch", "normalize"):
        assert command(stage_name, "--run", "r2", "--dataset", "cifar10").returncode == 0
    assert blob.read_bytes() == whole
    assert not read_record(store, "r2", Place("cifar10"), "fetch")["cached"]


def test_nothing_before_the_evaluation_reads_the_test_part(command, store, tmp_path):
    """With its bytes destroyed in the store, search, choice and training are done as ever, and evaluate alone stops."""
    place = ("--run", "r1", "--dataset", "cifar10")
    command("plan", "--run", "r1", RUN_PARAMETERS='{"profile": "smoke", "families": ["ann"], "replicates": 1}')
    for stage_name in ("fetch", "normalize"):
        assert command(stage_name, *place).returncode == 0
    key = read_record(store, "r1", Place("cifar10"), "normalize")["key"]
    (tmp_path / "store" / find(store, "normalize", key).files["test.npz"].object).write_bytes(b"poison")
    model = (*place, "--family", "ann")
    for line in (("search", "--shard", "0"), ("search", "--shard", "1"), ("choose",), ("train", "--seed", "0")):
        done = command(line[0], *model, *line[1:])
        assert done.returncode == 0, done.stdout
    stopped = command("evaluate", *model)
    assert (stopped.returncode, "test.npz" in stopped.stdout) == (65, True)


def test_a_request_is_frozen_and_a_replanned_run_keeps_it(command, store):
    """A retried plan with other parameters does not change a run that has begun."""
    command("plan", "--run", "r1")
    before = store.read("runs/r1/request.json")
    again = command("plan", "--run", "r1", RUN_PARAMETERS="{}")
    assert (again.returncode, "it is kept" in again.stdout) == (0, True)
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
                assert is_whole(store, find(store, "normalize", key.split("/")[2]))
    assert command("normalize", "--run", "r1", "--dataset", "cifar10").returncode == 0
    record = read_record(store, "r1", Place("cifar10"), "normalize")
    summary = find(store, "normalize", record["key"]).summary
    assert summary["counts"] == {"train": 120, "validation": 30, "test": 60}
