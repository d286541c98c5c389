"""`run`, `up` and `down` when things go wrong: a clock that was set back, an interruption."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress

import psutil
import pytest

from tasks.local import __main__ as command_line
from tasks.local.airflow import Secrets
from tasks.local.airflow_api import AirflowApi
from tasks.local.processes import leftovers
from tasks.local.server import read_server
from tasks.project import PROJECT
from tests.support.tiny_data import make_configuration, make_mirror

SECONDS = 300


@pytest.fixture
def state(tmp_path, monkeypatch):
    folder = tmp_path / "a state"
    monkeypatch.setenv("LIKE_FOR_LIKE_STATE", str(folder))
    monkeypatch.setenv("WORKFLOW_CONFIG", str(make_configuration(tmp_path / "config")))
    monkeypatch.setenv("DATASET_MIRROR", str(make_mirror(tmp_path / "mirror")))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    return folder


def test_no_clock_says_whether_the_dag_was_read_again(state, capsys):
    """A DAG that was read before the clock was set back by years is not taken for the one that this start reads."""
    assert command_line.main(["up"]) == 0, capsys.readouterr()
    assert command_line.main(["down"]) == 0
    with closing(sqlite3.connect(state / "airflow" / "airflow.db")) as database, database:
        assert database.execute("UPDATE dag SET last_parsed_time = '2099-01-01 00:00:00.000000'").rowcount == 1
    try:
        with subprocess.Popen([sys.executable, "-m", "tasks.local", "up"], cwd=PROJECT) as starting:
            reader = awaited(lambda: dag_processor(state))
            reader.suspend()  # so that nothing is read until this test has looked
            api = AirflowApi(awaited(lambda: read_server(state))["url"], Secrets.load(state / "airflow").password)
            assert awaited(api.dag)["last_parsed_time"] > "2099"
            time.sleep(2)  # many times as long as the pause between two looks of `up`
            assert starting.poll() is None
            reader.resume()
        assert starting.returncode == 0
        assert api.dag()["last_parsed_time"] < "2099"
    finally:
        assert command_line.main(["down"]) == 0


def awaited(look):
    """What `look` finds, once it finds something."""
    end = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def dag_processor(state):
    for pid in leftovers(state):
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if "dag-processor" in process.cmdline():
                return process
    return None


@pytest.fixture
def interrupted(state, tmp_path):
    """A run that got Ctrl-C while a stage was at work: its exit status and output."""
    line = [sys.executable, "-m", "tasks.local", "run", "--profile", "smoke", "--families", "ann"]
    process = subprocess.Popen(
        line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
    )
    output = []
    for text in process.stdout:
        output.append(text)
        if "search_ann" in text and "running" in text:
            process.send_signal(signal.SIGINT)
            break
    output += process.stdout.readlines()
    return process.wait(timeout=SECONDS), "".join(output)


def test_ctrl_c_leaves_no_process_and_no_run_that_would_resume(interrupted, state, capsys):
    """Status 130; nothing runs any more; the next server finds no active run, and the finished stages in the store."""
    code, output = interrupted
    assert code == 130, output
    assert read_server(state) is None
    assert leftovers(state) == []
    try:
        assert command_line.main(["up"]) == 0, capsys.readouterr()
        time.sleep(3)
        api = AirflowApi(read_server(state)["url"], Secrets.load(state / "airflow").password)
        assert api.active() == []
    finally:
        assert command_line.main(["down"]) == 0
    assert leftovers(state) == []
