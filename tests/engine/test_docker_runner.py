"""The docker runner on a real engine: what a container may do, what its end means, what a dead worker leaves."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest

from tasks.project import PROJECT
from tasks.settings.loading import load_configuration
from tasks.settings.orchestration import Docker, Orchestration
from tests.engine.conftest import ANOTHER, IMAGE, RUN, containers
from tests.support.lazy import Lazy
from tests.support.patience import PATIENCE
from tests.support.tiny_data import make_configuration, make_mirror

exceptions = Lazy("airflow.sdk.exceptions")
stage_command = Lazy("dags.stage_command")
runner = Lazy("dags.runners.docker")
pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def worker(s3_environment, tmp_path, monkeypatch):
    """The environment of a worker: a store, a mirror, a configuration."""
    monkeypatch.setenv("STORE", f"{s3_environment.uri}/{uuid4().hex}")
    monkeypatch.setenv("WORKFLOW_CONFIG", str(make_configuration(tmp_path / "config")))
    monkeypatch.setenv("DATASET_MIRROR", str(make_mirror(tmp_path / "mirror")))


@pytest.fixture
def stage(engine, worker):
    """An operator as the DAG makes it; `command` in place of the stage's own for what needs a certain end."""

    def make(name, command=None, settings=None, **names):
        orchestration = Orchestration(runner="docker", docker=Docker(**settings or {}))
        operator = runner.DockerStage(
            task_id="stage", stage=name, **names, **runner.options(name, orchestration), do_xcom_push=False
        )
        # What rendering does, and Airflow's worker.
        operator.command = command or [part.replace("{{ run_id }}", RUN) for part in operator.command]
        return operator

    return make


def run(operator, run_id=RUN):
    operator.execute({"run_id": run_id})


def until(found):
    """Wait for a truth, and return it."""
    end = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return value


def in_background(operator):
    """Start a task in a thread; the list gets how it ended."""
    ended = []

    def work():
        try:
            run(operator)
            ended.append(None)
        except BaseException as error:
            ended.append(error)

    threading.Thread(target=work, daemon=True).start()
    return ended


def test_a_stage_works_in_its_container(stage, engine):
    """A real stage finds the worker's store, mirror and configuration; its container is gone afterwards."""
    run(stage("plan"))
    run(stage("fetch", dataset="cifar10"))
    with pytest.raises(exceptions.AirflowSkipException):
        run(stage("fetch", dataset="mnist"))
    assert containers(engine, run=RUN) == []


def test_a_wrong_request_is_not_retried(stage, monkeypatch):
    """Exit code 64 of a real stage fails the task for good."""
    monkeypatch.setenv("KERAS_BACKEND", "abacus")
    with pytest.raises(exceptions.AirflowFailException, match="exit code 64"):
        run(stage("plan"))


def test_wrong_data_is_not_retried(stage, tmp_path):
    """Exit code 65 of a real stage fails the task for good."""
    run(stage("plan"))
    (tmp_path / "mirror" / "cifar-10" / "cifar-10-binary.tar.gz").write_bytes(b"nothing like it")
    with pytest.raises(exceptions.AirflowFailException, match="exit code 65"):
        run(stage("fetch", dataset="cifar10"))


@pytest.mark.parametrize("code", [1, 137])
def test_what_may_heal_is_retried(stage, engine, code):
    """Any other exit code leaves the retries to Airflow, and no container."""
    with pytest.raises(exceptions.AirflowException) as caught:
        run(stage("plan", ["sh", "-c", f"exit {code}"]))
    assert not isinstance(caught.value, exceptions.AirflowFailException)
    assert containers(engine, run=RUN) == []


def test_a_container_is_confined(stage, engine):
    """Not root, nothing writable but /tmp, no capability, no new rights, and the limits that are configured."""
    limits = {"memory": "200m", "cpus": 0.5, "shared_memory": "64m", "network": "bridge"}
    look = "grep -E 'CapEff|NoNew' /proc/self/status"
    probe = f"exec 2>&1; id -u; touch /app/x; touch /tmp/y && echo scratch; {look}; sleep 60"
    in_background(stage("train", ["sh", "-c", probe], limits, dataset="cifar10", family="cnn", seed=3))
    container = until(lambda: containers(engine, run=RUN, stage="train", dataset="cifar10", family="cnn", seed="3"))[0]
    said = until(lambda: (text := container.logs().decode()) and "NoNewPrivs" in text and text)
    assert said.startswith("10001\n")
    assert "Read-only file system" in said
    assert "scratch" in said
    assert "CapEff:\t0000000000000000" in said
    assert "NoNewPrivs:\t1" in said
    host = container.attrs["HostConfig"]
    assert (host["Memory"], host["NanoCpus"], host["ShmSize"]) == (200 * 2**20, 5 * 10**8, 64 * 2**20)
    assert host["NetworkMode"] == "bridge"
    assert all(not mount["RW"] for mount in container.attrs["Mounts"])


def test_a_killed_container_is_a_retry(stage, engine):
    """`docker kill` ends the attempt in a way that Airflow retries; nothing of it stays."""
    ended = in_background(stage("plan", ["sleep", "60"]))
    until(lambda: [found for found in containers(engine, run=RUN, stage="plan") if found.status == "running"])[0].kill()
    until(lambda: ended)
    assert isinstance(ended[0], exceptions.AirflowException)
    assert not isinstance(ended[0], exceptions.AirflowFailException)
    assert containers(engine, run=RUN) == []


def test_a_killed_task_takes_its_container_along(stage, engine):
    """What Airflow calls when a task is stopped removes the container."""
    operator = stage("plan", ["sleep", "60"])
    in_background(operator)
    until(lambda: [found for found in containers(engine, run=RUN, stage="plan") if found.status == "running"])
    operator.on_kill()
    assert until(lambda: containers(engine, run=RUN) == [])


def test_what_a_dead_worker_left_is_replaced(stage, engine, worker):
    """A worker killed with SIGKILL leaves its container; the next attempt removes it, and others' it leaves alone."""
    code = (
        "from dags.runners.docker import DockerStage\n"
        "stage = DockerStage(task_id='stage', stage='plan', image='{image}', network_mode='host')\n"
        "stage.command = ['sleep', '60']\n"
        "stage.execute({{'run_id': '{run}'}})\n"
    )
    for run_id in (RUN, ANOTHER):
        line = [sys.executable, "-c", code.format(image=IMAGE, run=run_id)]
        dying = subprocess.Popen(line, cwd=PROJECT, env=os.environ | {"PYTHONPATH": str(PROJECT)})
        until(lambda run_id=run_id: [c for c in containers(engine, run=run_id) if c.status == "running"])
        dying.send_signal(signal.SIGKILL)
        dying.wait()
    run(stage("plan"))
    assert containers(engine, run=RUN) == []
    assert len(containers(engine, run=ANOTHER)) == 1


def test_the_credentials_reach_the_container_and_nothing_that_airflow_keeps(stage, engine, monkeypatch):
    """They are in the container's environment alone: not in its command or labels, nor in the operator's fields."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a canary")
    operator = stage("plan", ["sleep", "60"])
    in_background(operator)
    container = until(lambda: containers(engine, run=RUN, stage="plan"))[0]
    described = container.attrs["Config"]
    assert "AWS_SECRET_ACCESS_KEY=a canary" in described["Env"]
    assert "a canary" not in str([described["Cmd"], described["Labels"], container.attrs["Name"]])
    assert not any("a canary" in str(getattr(operator, field)) for field in operator.template_fields)


def test_a_store_that_containers_cannot_reach_is_refused(stage, monkeypatch, tmp_path):
    """A folder of the worker's machine is no store for a container: one line, no retry."""
    monkeypatch.setenv("STORE", tmp_path.as_uri())
    with pytest.raises(exceptions.AirflowFailException, match="expected s3://"):
        run(stage("plan"))


def test_an_image_that_the_engine_lacks_is_known_before_anything_is_queued(engine, stage):
    """The preflight says in one line that it is missing, and a task fails for good: no retry brings one."""
    settings = {"image": "like-for-like/nowhere:1"}
    complaint = "image like-for-like/nowhere:1: expected it on the engine"
    with pytest.raises(stage_command.RunnerError) as caught:
        runner.check(Orchestration(runner="docker", docker=Docker(**settings)))
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)
    with pytest.raises(exceptions.AirflowFailException, match=complaint):
        run(stage("plan", settings=settings))


@pytest.mark.skipif(os.path.exists("/dev/nvidia0"), reason="this machine has a GPU")
def test_a_gpu_that_the_engine_lacks_is_known_before_anything_is_queued(engine, stage):
    """The preflight names the devices in one line, and a training fails for good; other stages need none."""
    config = Path(os.environ["WORKFLOW_CONFIG"])
    (config / "site.toml").write_text('[orchestration.gpus]\ndevices = ["0", "GPU-x"]\n')
    with pytest.raises(stage_command.RunnerError) as caught:
        runner.check(load_configuration(config).orchestration)
    assert str(caught.value).startswith("GPUs: the engine cannot give 0, GPU-x; install the NVIDIA Container Toolkit")
    assert "\n" not in str(caught.value)
    with pytest.raises(exceptions.AirflowFailException, match="GPUs: the engine cannot give 0"):
        run(stage("train", dataset="cifar10", family="cnn", seed=0))
    run(stage("plan"))
