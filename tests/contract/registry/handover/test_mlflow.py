"""A run for MLflow, on a real server: what it then has, and that asking again, or after a kill, gives it once."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest
import requests

from tasks.project import PROJECT
from tests.support.patience import PATIENCE
from tests.support.postgres import free_port
from tests.support.stage_commands import in_a_process, in_this_process

DYING = """
import os, runpy, signal, sys
left = int(sys.argv.pop(1))
def watch(event, details):
    global left
    if event != "http.client.send" or not isinstance(details[1], bytes):
        return
    left -= details[1].startswith(b"POST /api/2.0/mlflow/runs/create")
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
runpy.run_module("tasks", run_name="__main__", alter_sys=True)
"""
# The same, but it says so and waits for a line on its standard input, once.
WAITING = DYING.replace("os.kill(os.getpid(), signal.SIGKILL)", "left = 10**6; print('waits', flush=True); input()")
HAND_OVER = ("hand-over", "mlflow", "quick-1")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of MLflow's own server, with a database of SQLite and its artifacts in a folder."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    line = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    line += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "kept")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(line, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
    try:
        while not _healthy(address):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _healthy(address):
    try:
        return requests.get(f"{address}/health", timeout=PATIENCE).ok
    except requests.ConnectionError:
        return False


@pytest.fixture
def environment(server, store):
    """The variables of a command, with an experiment of the test's own."""
    return {"STORE": store.uri, "MLFLOW_TRACKING_URI": server, "MLFLOW_EXPERIMENT_NAME": uuid4().hex}


@pytest.fixture
def runs(server, environment):
    """A function that returns all active runs of the test's experiment, by name."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=server)

    def listed():
        experiment = client.get_experiment_by_name(environment["MLFLOW_EXPERIMENT_NAME"])
        return client.search_runs([experiment.experiment_id])

    def found():
        listed = found.listed()
        assert len({run.info.run_name for run in listed}) == len(listed)
        return {run.info.run_name: run for run in listed}

    found.client, found.listed = client, listed
    return found


def test_the_server_has_parameters_numbers_seeds_and_files(store, environment, runs):
    """A run for the whole, below it the families, below these the seeds; numbers are those of report.json."""
    assert in_this_process(environment, "hand-over", "mlflow", "latest") == 0
    report = json.loads(store.read("reports/quick-1/report.json"))
    dataset, found = report["datasets"][0], runs()
    assert len(found) == 1 + 2 + 6
    whole, family = found["quick-1"], found["cifar10/cnn/budget-250000"]
    seed = found["cifar10/cnn/budget-250000/seed-1"]
    assert family.data.tags["mlflow.parentRunId"] == whole.info.run_id
    assert seed.data.tags["mlflow.parentRunId"] == family.info.run_id
    assert {run.info.status for run in found.values()} == {"FINISHED"}
    cnn = next(model for model in dataset["models"] if model["family"] == "cnn")
    assert family.data.metrics["mean/accuracy"] == cnn["accuracy"]
    assert family.data.metrics["difference/low"] == dataset["differences"][0]["low"]
    assert seed.data.metrics["final/accuracy"] == cnn["replicates"][1]["accuracy"]
    assert (seed.data.params["seed"], seed.data.params["budget"]) == ("1", "250000")
    assert seed.data.params["depth"] == str(cnn["hyperparameters"]["depth"])
    assert family.data.tags["like_for_like.verdict"] == dataset["verdict"]
    assert seed.data.tags["like_for_like.artifact.train"] == cnn["replicates"][1]["digests"]["train"]
    curve = runs.client.get_metric_history(seed.info.run_id, "epoch/val_accuracy")
    told = [(each["epoch"], each["val_accuracy"]) for each in cnn["replicates"][1]["history"]]
    assert [(each.step, each.value) for each in curve] == told
    documents = {each.path for each in runs.client.list_artifacts(whole.info.run_id)}
    assert documents == {
        "report.json", "report.html", "report.csv", "report.md", "explore.ipynb", "SHA256SUMS"
    }  # fmt: skip
    kept = runs.client.list_artifacts(seed.info.run_id, "predictions")
    assert [each.path for each in kept] == ["predictions/cifar10-cnn-seed-1.npz"]


def test_a_second_time_does_nothing(environment, runs, capsys):
    """The same runs, and the command says that they are there."""
    ids = []
    for _ in range(2):
        assert in_this_process(environment, "hand-over", "mlflow", "quick-1") == 0
        ids.append({run.info.run_id for run in runs().values()})
    assert ids[0] == ids[1]
    assert "run quick-1 is there already, nothing was done" in capsys.readouterr().out


@pytest.mark.parametrize("begun", [1, 5])
def test_a_killed_hand_over_is_not_doubled(environment, runs, begun):
    """Killed before it begins one more run; repeated, every run is there once, and whole."""
    line = [sys.executable, "-c", DYING, str(begun), "hand-over", "mlflow", "quick-1"]
    done = in_its_environment(line, environment)
    assert done.returncode == -signal.SIGKILL
    assert len(runs()) == begun
    assert in_this_process(environment, "hand-over", "mlflow", "quick-1") == 0
    assert len(runs()) == 9
    assert {run.info.status for run in runs().values()} == {"FINISHED"}


@pytest.fixture
def held(environment):
    """A function that starts a hand-over and waits until it has begun so many runs and is about to begin one more."""
    started = []

    def start(begun):
        line = [sys.executable, "-c", WAITING, str(begun), *HAND_OVER]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(line, cwd=PROJECT, env=dict(os.environ) | environment, **pipes))
        assert "waits\n" in started[-1].stdout  # read as far as that line
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def gone_on(*processes):
    """All of them at once: how each ended, and what it said."""
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return [(said, process.returncode) for process in processes for said, _ in [process.communicate(timeout=PATIENCE)]]


def test_two_at_once_leave_it_there_once(runs, held):
    """Neither has begun anything when the other one looks. Both say that it is there, and it is, whole."""
    for said, code in gone_on(held(0), held(0)):
        assert (code, "run quick-1, 2 families' results and 6 seeds" in said) == (0, True), said
    assert len(runs()) == 9
    assert {run.info.status for run in runs().values()} == {"FINISHED"}
    assert "like_for_like.complete" in runs()["quick-1"].data.tags


def test_what_another_one_is_making_is_left_alone(runs, held):
    """One is whole while the other one, which began as early, is at work. It ends well, too, and then is there once."""
    first, second = held(0), held(5)
    ((said, code),) = gone_on(first)
    assert (code, len(runs.listed())) == (0, 9 + 5), said
    ((said, code),) = gone_on(second)
    assert code == 0, said
    assert len(runs()) == 9
    assert {run.info.status for run in runs().values()} == {"FINISHED"}


def test_one_that_another_one_overtook_leaves_nothing_of_its_own(environment, runs, held):
    """The other one is whole by then, so all is well."""
    first = held(5)
    assert in_this_process(environment, *HAND_OVER) == 0
    whole = {run.info.run_id for run in runs().values()}
    ((said, code),) = gone_on(first)
    assert code == 0, said
    assert {run.info.run_id for run in runs().values()} == whole
    assert len(whole) == 9


def test_one_that_another_one_overtakes_asks_for_patience(runs, held):
    """The other one is at work still: 1, as a retry helps. The other one then has all of it."""
    first, second = held(5), held(3)
    ((said, code),) = gone_on(first)
    assert (code, "another hand-over of run quick-1 is at work; wait for its end" in said) == (1, True), said
    assert len(runs()) == 3
    ((said, code),) = gone_on(second)
    assert code == 0, said
    assert len(runs()) == 9
    assert {run.info.status for run in runs().values()} == {"FINISHED"}


def in_its_environment(line, environment):
    return subprocess.run(line, cwd=PROJECT, env=dict(os.environ) | environment, check=False, timeout=PATIENCE)


def test_a_damaged_bundle_is_not_handed_over(store, environment, tmp_path, caplog):
    """65 with the file, before anything is asked of the server."""
    folder = shutil.copytree(Path(unquote(urlsplit(store.uri).path)) / "reports/quick-1", tmp_path / "report")
    (folder / "report.csv").write_text("forged")
    unreachable = environment | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    assert in_this_process(unreachable, "hand-over", "mlflow", str(folder)) == 65
    assert "received: report.csv: SHA-256" in caplog.text


def test_a_server_that_is_away_is_one_line_without_its_password(environment):
    """1, as a retry may help; nobody reads the login of the address."""
    address = "http://me:hunter2@127.0.0.1:9"
    away = environment | {"MLFLOW_TRACKING_URI": address, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    done = in_a_process(away, "hand-over", "mlflow", "latest")
    assert done.code == 1
    assert "http://***@127.0.0.1:9" in done.output
    assert "hunter2" not in done.output
    assert "Traceback" not in done.output


def test_what_is_missing_is_said(environment, monkeypatch, caplog):
    """64 without an address, and without the package, each with what to do."""
    assert in_this_process(environment | {"MLFLOW_TRACKING_URI": ""}, "hand-over", "mlflow", "latest") == 64
    assert "found none in --to or MLFLOW_TRACKING_URI; give one" in caplog.text
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert in_this_process(environment, "hand-over", "mlflow", "latest") == 64
    assert "expected the package mlflow-skinny, found none; type pip install" in caplog.text
