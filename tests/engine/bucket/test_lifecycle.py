"""A lifecycle rule that deletes checkpoints early: a training starts over or goes on, and its result is the same."""

import json
import os
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from tasks.project import PROJECT
from tasks.runs.records import read_record
from tasks.settings.place import Place
from tasks.storage.artifacts import find, materialized
from tasks.storage.location import open_store
from tests.support.attempts import attempt, names, saved, state
from tests.support.patience import PATIENCE
from tests.support.real_run import PARAMETERS, lines, make_environment
from tests.support.stage_commands import in_this_process

RUN, PREFIX, EPOCHS = "r1", "team", 40
SEED = Place("cifar10", "ann", seed=0)


class Training:
    """A training in a bucket, up to which its run has come; `environment` leads to its store."""

    def __init__(self, bucket, folder):
        self.bucket, self.folder = bucket, folder
        inputs = make_environment(folder)
        way = bucket.server.environment(bucket.user("worker", PREFIX))
        self.environment = inputs | way | {"STORE": f"s3://{bucket.name}/{PREFIX}"}
        asked = PARAMETERS | {"epochs": EPOCHS}
        told = self.environment | {"RUN_PARAMETERS": json.dumps(asked)}
        for line in lines(RUN, asked):
            if line[0] == "train":
                self.line = line
                break
            assert in_this_process(told, *line) == 0, line

    def begin(self):
        """Begin it in a process of its own."""
        line = [sys.executable, "-m", "tasks", *self.line]
        log = (self.folder / "log").open("w")
        return subprocess.Popen(line, cwd=PROJECT, env=os.environ | self.environment, stdout=log, stderr=log)

    def log(self):
        """What the last attempt said."""
        return (self.folder / "log").read_text()

    def checkpoints(self):
        """The names of all checkpoints that stand."""
        return [key for key in self.bucket.listed() if key.startswith(f"{PREFIX}/checkpoints/train/")]

    def result(self, store):
        """Every array of the model that came of it."""
        manifest = find(store, "train", read_record(store, RUN, SEED, "train")["key"])
        found = {}
        with (
            materialized(store, manifest, ["model.weights.h5"]) as folder,
            h5py.File(folder / "model.weights.h5") as file,
        ):
            file.visititems(
                lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        assert found
        return found

    def forget(self):
        """Take the artifact away, so that the next attempt trains anew."""
        for key in self.bucket.listed():
            if key.startswith((f"{PREFIX}/artifacts/train/", f"{PREFIX}/checkpoints/train/")):
                self.bucket.client.delete_object(Bucket=self.bucket.name, Key=key)


@pytest.fixture(scope="module")
def training(make_bucket, tmp_path_factory):
    return Training(make_bucket(), tmp_path_factory.mktemp("training"))


@pytest.fixture
def store(training, monkeypatch):
    for name, value in training.environment.items():
        monkeypatch.setenv(name, value)
    return open_store(training.environment["STORE"])


@pytest.fixture
def undisturbed(training, store):
    """The result of a training that nothing disturbed."""
    training.forget()
    assert training.begin().wait(PATIENCE) == 0, training.log()
    found = training.result(store)
    training.forget()
    return found


def wait_until(holds, process=None):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        assert process is None or process.poll() is None
        time.sleep(0.02)


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_a_training_whose_checkpoints_a_rule_deleted_starts_over(training, store, undisturbed):
    """Killed in the middle, all checkpoints gone by a real rule: the next attempt begins at the first epoch."""
    process = training.begin()
    wait_until(training.checkpoints, process)
    process.kill()
    process.wait()
    assert find(store, "train", read_record(store, RUN, SEED, "train")["key"]) is None
    rule = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": f"{PREFIX}/checkpoints/"}, "Expiration": {"Days": 1}}
    bucket = training.bucket
    bucket.client.put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration={"Rules": [rule]})
    wait_until(lambda: not training.checkpoints())
    bucket.client.delete_bucket_lifecycle(Bucket=bucket.name)
    assert training.begin().wait(PATIENCE) == 0, training.log()
    assert "goes on after epoch" not in training.log()
    assert same(training.result(store), undisturbed)


def test_a_training_goes_on_while_its_checkpoints_vanish(training, store, undisturbed):
    """Whatever is deleted between two steps, the attempt ends with the same result and leaves nothing behind."""
    process, deleted = training.begin(), 0
    while process.poll() is None:
        for key in training.checkpoints():
            training.bucket.client.delete_object(Bucket=training.bucket.name, Key=key)
            deleted += 1
    assert process.returncode == 0, training.log()
    assert deleted > 1
    assert same(training.result(store), undisturbed)


def test_the_older_checkpoint_serves_where_the_newer_is_gone(store):
    """Rules count each object's age, so the older goes first; but whichever is there is used, and none is mixed."""
    saved(store, 1, 2, 3)
    (older, newer) = sorted(names(store))
    folder = "checkpoints/train/k1"
    body = store.read(f"{folder}/{newer}")
    store.delete(f"{folder}/{newer}")
    assert attempt(store).latest() == state(2)
    store.write(f"{folder}/{newer}", body[: len(body) // 2])
    assert attempt(store).latest() == state(2)
    store.delete(f"{folder}/{older}")
    assert attempt(store).latest() is None
