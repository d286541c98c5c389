"""How a stage is executed: its command line, its environment, and what its exit code means."""

import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from dags.gpus import leased
from dags.stage_command import OutOfMemoryError
from dags.stage_operators import settings, workers
from tasks.project import PROJECT
from tasks.settings.loading import load_configuration
from tasks.settings.orchestration import Orchestration
from tasks.settings.workflow import POOL
from tests.support.lazy import Lazy
from tests.support.living import add_living
from tests.support.patience import PATIENCE
from tests.support.tiny_data import make_configuration

exceptions = Lazy("airflow.sdk.exceptions")

STAND_IN = """#!/usr/bin/env python3
import json, os, sys
heard = {"arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}
json.dump(heard, open(os.environ["HEARD"], "w"))
sys.exit(int(os.environ.get("CODE", 0)))
"""

# With all four DAGs: one looks at data, and one at the clock.
SITE = """
[orchestration.queues]
training = "gpu"
other = "cpu"

[notifications]
expected_hours = 1.0

[notifications.channels.team]
kind = "slack"
connection = "chat"
on = ["late"]
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Execute a stage whose interpreter only writes down what it was given."""
    stand_in, heard = tmp_path / "python", tmp_path / "heard.json"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    monkeypatch.setenv("STAGE_PYTHON", str(stand_in))
    monkeypatch.setenv("HEARD", str(heard))

    def execute(run_id="quick-1", code=0, **options):
        monkeypatch.setenv("CODE", str(code))
        operator = Lazy("dags.runners.local").LocalStage(task_id="stage", **options)
        operator.env = operator.env | {"RUN_ID": run_id}  # what rendering the template does
        operator.execute({})
        return json.loads(heard.read_text())

    return execute


def test_command_line(run):
    """A stage is `python -m tasks STAGE --run RUN` with the names of its place, from the project's folder."""
    heard = run(stage="train", dataset="cifar10", family="cnn", budget=30_000, seed=3)
    expected = "-m tasks train --run quick-1 --dataset cifar10 --family cnn --budget 30000 --seed 3"
    assert heard["arguments"] == expected.split()
    assert (Path(heard["folder"]) / "tasks" / "__main__.py").exists()


def test_seed_zero_is_a_seed(run):
    """The first replicate is named like any other."""
    assert run(stage="train", seed=0)["arguments"][-2:] == ["--seed", "0"]


def test_no_character_means_anything_to_the_shell(run):
    """A run id and parameters with quotes, spaces and substitutions arrive as they are and execute nothing."""
    hostile = """x"; touch /tmp/owned; $(touch /tmp/owned) `id` ' $HOME \n"""
    heard = run(run_id=hostile, stage="plan", env={"RUN_PARAMETERS": hostile})
    assert heard["arguments"] == ["-m", "tasks", "plan", "--run", hostile]
    assert heard["environment"]["RUN_PARAMETERS"] == hostile


def test_the_workers_environment_is_inherited(run, monkeypatch):
    """The store's address and credentials reach the stage without standing in a field of the operator."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    assert run(stage="fetch")["environment"]["AWS_SECRET_ACCESS_KEY"] == "s3cr3t"


def test_a_persons_shell_tells_a_stage_nothing(run, tmp_path, monkeypatch):
    """Their ~/.bashrc is not run, although a worker's standard input is a socket, as at a login by SSH."""
    (tmp_path / ".bashrc").write_text("export THEIR_TOKEN=s3cr3t\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SHLVL", raising=False)
    ours, theirs = socket.socketpair()
    own = os.dup(0)
    os.dup2(ours.fileno(), 0)
    try:
        environment = run(stage="fetch")["environment"]
    finally:
        os.dup2(own, 0)
        for each in (ours, theirs):
            each.close()
        os.close(own)
    assert "THEIR_TOKEN" not in environment


def test_a_stage_starts_whatever_a_worker_says_to_python_and_to_airflow(run, monkeypatch):
    """It finds the project in the folder that it starts in, and gets no password of Airflow's own set-up."""
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setenv("_AIRFLOW_WWW_USER_PASSWORD", "s3cr3t")
    environment = run(stage="fetch")["environment"]
    assert {"PYTHONSAFEPATH", "_AIRFLOW_WWW_USER_PASSWORD"} & environment.keys() == set()


def test_what_passed_through_airflow_has_its_own_name_in_a_stage(run, monkeypatch):
    """A proxy of the person reaches the stage, which downloads; Airflow's process saw it under another name."""
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.setenv("FOR_STAGES_HTTPS_PROXY", "http://proxy:3128")
    environment = run(stage="fetch")["environment"]
    assert environment["HTTPS_PROXY"] == "http://proxy:3128"
    assert "FOR_STAGES_HTTPS_PROXY" not in environment


@pytest.mark.parametrize("runner", ["local", "docker", "kubernetes"])
def test_an_engine_is_reached_as_the_person_reaches_it(monkeypatch, runner):
    """Once the stage begins, the clients in its task's process see proxies and certificates under their names."""
    operator = Lazy(f"dags.runners.{runner}").OPERATOR
    monkeypatch.setattr(os, "environ", {"FOR_STAGES_HTTPS_PROXY": "http://proxy:3128"})
    operator.pre_execute(object.__new__(operator), {})
    assert os.environ["HTTPS_PROXY"] == "http://proxy:3128"


def test_threads(run):
    """Every numeric library of a stage gets the configured number of threads, so that neighbours do not fight."""
    environment = run(**settings("train", Orchestration(threads=3)))["environment"]
    assert environment["OMP_NUM_THREADS"] == environment["TF_NUM_INTRAOP_THREADS"] == "3"


@pytest.mark.parametrize("code", [64, 65])
def test_what_cannot_heal_is_not_retried(run, code):
    """Bad configuration and bad data fail at once."""
    with pytest.raises(exceptions.AirflowFailException, match=str(code)):
        run(stage="fetch", code=code)


@pytest.mark.parametrize("code", [1, 2, 137])
def test_what_may_heal_is_retried(run, code):
    """Any other failure leaves the retries to Airflow."""
    with pytest.raises(exceptions.AirflowException) as caught:
        run(stage="fetch", code=code)
    assert not isinstance(caught.value, exceptions.AirflowFailException)


def test_not_asked_for_is_skipped(run):
    """A stage that the run leaves out is neither a success nor a failure."""
    with pytest.raises(exceptions.AirflowSkipException):
        run(stage="fetch", code=99)


def test_every_task_goes_to_its_workers(tmp_path, monkeypatch):
    """In every DAG, what trains waits in the queue of `training`, and everything else in that of `other`."""
    own = make_configuration(tmp_path / "config")
    add_living(own, "living", tmp_path)
    (own / "site.toml").write_text(SITE)
    monkeypatch.setenv("WORKFLOW_CONFIG", str(own))
    bag = Lazy("airflow.dag_processing.dagbag").DagBag(PROJECT / "dags")
    assert sorted(bag.dags) == ["compare_image_models", "late_runs", "promote_champion", "watch_data"]
    queues = {(task.pool == POOL, task.queue) for dag in bag.dags.values() for task in dag.tasks}
    assert queues == {(True, "gpu"), (False, "cpu")}


@pytest.mark.parametrize(
    ("queues", "training", "other"),
    [
        ({"training": "gpu"}, {"queue": "gpu"}, {}),
        ({"other": "cpu"}, {}, {"queue": "cpu"}),
        ({}, {}, {}),
    ],
)
def test_what_is_not_configured_is_airflows_to_say(queues, training, other):
    """A queue or an executor that nobody named stands in no task; the stages that train then go with the others."""
    orchestration = Orchestration(queues=queues, executors={name: f"{name}.Executor" for name in queues})
    named = [{"executor": f"{name}.Executor"} if name in queues else {} for name in ("training", "other")]
    for trains, queue, executor in ((True, training, named[0]), (False, other, named[1])):
        assert workers(orchestration, training=trains) == queue | executor


@pytest.fixture
def gpus(tmp_path, monkeypatch):
    """A machine with a GPU, of which two trainings at once may have a part."""
    own = make_configuration(tmp_path / "config")
    (own / "site.toml").write_text('[orchestration.gpus]\ndevices = ["3"]\ntrainings_per_gpu = 2\n')
    monkeypatch.setenv("WORKFLOW_CONFIG", str(own))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return load_configuration(own).orchestration.gpus


def test_a_training_sees_one_gpu_and_must_see_it(run, gpus):
    """What trains gets one of the machine's GPUs, and is told that it has one; nothing else gets any."""
    environment = run(stage="train")["environment"]
    assert (environment["CUDA_VISIBLE_DEVICES"], environment["GPU_EXPECTED"]) == ("3", "1")
    assert {"CUDA_VISIBLE_DEVICES", "GPU_EXPECTED"} & run(stage="fetch")["environment"].keys() == set()


def test_a_training_that_lacked_memory_is_tried_once_with_a_gpu_of_its_own(run, gpus, tmp_path):
    """It waits until nobody else is on the GPU. Where the memory does not suffice then, the attempt has failed."""
    heard, ended = tmp_path / "heard.json", []

    def train():
        with pytest.raises(OutOfMemoryError, match="exit code 75"):
            run(stage="train", code=75)
        ended.append(True)

    with leased(gpus):
        threading.Thread(target=train, daemon=True).start()
        until(lambda: heard.exists() and heard.read_text())
        heard.unlink()
        time.sleep(2)
        assert not ended
        assert not heard.exists()
    until(lambda: ended)
    assert json.loads(heard.read_text())["environment"]["CUDA_VISIBLE_DEVICES"] == "3"


def until(found):
    """Wait for a truth."""
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
