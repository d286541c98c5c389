"""The smoke profile through the real scheduler, a container a stage on a real engine: left alone, and disturbed."""

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import docker
import pytest

from tasks.local.swift.object_store import ObjectStore
from tests.engine.conftest import containers, missing
from tests.support.machine import Machine
from tests.support.patience import PATIENCE
from tests.support.results import keys, manifests, numbers

DAEMON = Path(__file__).with_name("daemon")
AWAY = 60  # seconds without a store


class Watch:
    """What the engine tells of the stages' containers while it watches; it goes on when the engine comes back."""

    def __init__(self):
        self.created: list[dict[str, str]] = []
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        while True:
            try:
                wanted = {"type": "container", "event": "create", "label": "like-for-like.stage"}
                for event in docker.from_env().events(decode=True, filters=wanted):
                    self.created.append(event["Actor"]["Attributes"])
            except docker.errors.DockerException:
                time.sleep(0.5)

    def stages(self, run: str) -> Counter:
        """How many containers each stage of `run` had."""
        mine = [labels for labels in self.created if labels["like-for-like.run"] == run]
        return Counter(labels["like-for-like.stage"] for labels in mine)


@pytest.fixture(scope="module")
def watch(engine):
    return Watch()


@pytest.fixture(scope="module")
def machine(tmp_path_factory, watch):
    return Machine(tmp_path_factory.mktemp("a person"), RUNNER="docker")


@pytest.fixture(scope="module")
def first(machine):
    """The first run, undisturbed."""
    return machine.run()


def test_every_stage_has_a_container_of_its_own(first, watch, engine):
    """The run succeeds, its report comes from the bucket, and each stage ran once, in its own container."""
    code, output, report = first
    assert (code, report["status"]) == (0, "complete"), output
    assert watch.stages(report["run"]) == Counter(stage["stage"] for stage in report["stages"])
    assert watch.stages(report["run"])["train"] == 8
    assert containers(engine, run=report["run"]) == []


def test_what_a_stage_says_is_in_its_tasks_log(machine, first):
    """The container's lines are Airflow's task log, as the stage wrote them."""
    logs = machine.state.glob("airflow/logs/dag_id=*/run_id=*/task_id=cifar10.train_cnn/*/attempt=1.log")
    texts = [path.read_text() for path in logs]
    assert len(texts) == 2
    assert all("epoch 1/2, val_accuracy" in text and "epoch 2/2, val_accuracy" in text for text in texts)


def test_another_runner_reuses_everything(machine, first):
    """A local run of the same code and data has the same keys, byte for byte, and makes nothing again."""
    machine.environment["RUNNER"] = "local"
    code, output, report = machine.run()
    machine.environment["RUNNER"] = "docker"
    assert code == 0, output
    assert keys(report) == keys(first[2])
    assert all(stage["cached"] for stage in report["stages"] if stage["key"])
    assert len(keys(report)) >= 20


def test_the_engine_is_asked_before_anything_starts(machine, first):
    """Without an engine the run is refused in one line, and no server was started for it."""
    machine.environment["DOCKER_HOST"] = "unix:///nowhere.sock"
    code, output = machine.type("run", "--profile", "smoke")
    del machine.environment["DOCKER_HOST"]
    assert code == 64
    assert output.strip().startswith("Docker engine at unix:///nowhere.sock: nothing answers")
    assert len(output.strip().splitlines()) == 1


def test_a_run_outlives_kills_a_restarted_engine_and_an_absent_store(tmp_path, first, watch, engine):
    """A killed training, an engine that restarts, a store away for a minute: nothing is lost, and nothing done twice.

    The report is that of the undisturbed run, number by number.
    """
    if not (os.environ.get("REQUIRE_ENGINE") and os.geteuid() == 0):
        missing("the engine is restarted only where REQUIRE_ENGINE=1 says that it may be, as root")
    with ObjectStore.start(tmp_path / "store") as server:
        store = {"STORE": f"{server.uri}/disturbed", **server.environment}
        machine = Machine(tmp_path, RUNNER="docker", **store)
        faults = threading.Thread(target=_disturb, args=(tmp_path / "store",), daemon=True)
        faults.start()
        code, output, report = machine.run()
        faults.join(PATIENCE)
        assert not faults.is_alive(), "the run was over before every fault had come"
        assert (code, report["status"]) == (0, "complete"), output
        assert numbers(report) == numbers(first[2])
        made = manifests(store)
    assert Counter(manifest.stage for manifest in made) == Counter(place[0] for place in keys(report))
    assert watch.stages(report["run"])["train"] > 8  # the disturbed ones were tried again
    assert containers(engine, run=report["run"]) == []


def _disturb(store_folder):
    """One fault after the other, each while a training is in its container."""
    server = json.loads((store_folder / "connection.json").read_text())
    mine = f"AWS_ENDPOINT_URL_S3={server['environment']['AWS_ENDPOINT_URL_S3']}"
    running(mine, stage="train", dataset="cifar10")[0].kill()
    running(mine, stage="train", seed="1")
    subprocess.run([DAEMON, "restart"], check=True, timeout=PATIENCE)
    running(mine, stage="train")
    os.killpg(server["pid"], signal.SIGSTOP)  # the leader of its process group
    time.sleep(AWAY)
    os.killpg(server["pid"], signal.SIGCONT)


def running(variable, **names):
    """The running containers of such stages with that environment variable, waited for."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = [each for each in containers(docker.from_env(), **names) if each.status == "running"]
        if found := [each for each in found if variable in each.attrs["Config"]["Env"]]:
            return found
        time.sleep(0.2)
    raise AssertionError(f"no container of {names}")
