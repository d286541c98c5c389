"""`run`, `up` and `down` when things go wrong: a clock that was set back, an interruption."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass

import psutil
import pytest

from tasks.local import __main__ as command_line
from tasks.local.airflow import Secrets
from tasks.local.airflow_api import AirflowApi
from tasks.local.processes import leftovers
from tasks.local.server import read_server
from tasks.project import PROJECT
from tasks.settings.workflow import DAG_ID
from tests.support.patience import PATIENCE
from tests.support.tiny_data import make_configuration, make_mirror


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """The state folder of a checkout, and this process's environment leading to it."""
    folder = tmp_path_factory.mktemp("checkout")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LIKE_FOR_LIKE_STATE", str(folder / "a state"))
        patched.setenv("WORKFLOW_CONFIG", str(make_configuration(folder / "config")))
        patched.setenv("DATASET_MIRROR", str(make_mirror(folder / "mirror")))
        patched.setenv("PYTHONPATH", str(PROJECT))
        yield folder / "a state"


@pytest.fixture(scope="module")
def interrupted(state):
    """A run that got Ctrl-C while a stage was at work: its exit status and output."""
    line = [sys.executable, "-m", "tasks.local", "run", "--profile", "smoke", "--families", "ann", "--trials", "1"]
    place = {"cwd": state.parent, "env": os.environ}
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **place)
    output = []
    for text in process.stdout:
        output.append(text)
        if "search_ann" in text and "running" in text:
            process.send_signal(signal.SIGINT)
            break
    output += process.stdout.readlines()
    return process.wait(PATIENCE), "".join(output)


@pytest.fixture(scope="module")
def restarted(interrupted, state):
    """The server started again, with a database that says the DAG was read in 2099, and what was seen meanwhile."""
    with closing(sqlite3.connect(state / "airflow" / "airflow.db")) as database, database:
        update = "UPDATE dag SET last_parsed_time = '2099-01-01 00:00:00.000000' WHERE dag_id = ?"
        assert database.execute(update, (DAG_ID,)).rowcount == 1
    starting = subprocess.Popen([sys.executable, "-m", "tasks.local", "up"], cwd=PROJECT)
    try:
        reader = awaited(lambda: dag_processor(state))
        reader.suspend()  # so that nothing is read until this test has looked
        api = AirflowApi(awaited(lambda: read_server(state))["url"], Secrets.load(state / "airflow").password)
        seen = Seen(api, awaited(api.dag)["last_parsed_time"])
        time.sleep(2)  # many times as long as the pause between two looks of `up`
        seen.waited = starting.poll() is None
        reader.resume()
        seen.code = starting.wait(PATIENCE)
        yield seen
    finally:
        command_line.main(["down"])


@dataclass
class Seen:
    """What a start of the server looked like from outside."""

    api: AirflowApi
    read_before: str
    waited: bool = False
    code: int | None = None


def test_ctrl_c_leaves_no_process(interrupted, state):
    """A run that is interrupted ends with status 130, and nothing of it runs any more."""
    code, output = interrupted
    assert code == 130, output
    assert read_server(state) is None
    assert leftovers(state) == []


def test_no_clock_says_whether_the_dag_was_read_again(restarted):
    """A DAG that was read before the clock was set back by years is not taken for the one that this start reads."""
    assert restarted.read_before > "2099"
    assert restarted.waited
    assert restarted.code == 0
    assert restarted.api.dag()["last_parsed_time"] < "2099"


def test_an_interrupted_run_does_not_resume(restarted):
    """The next server finds no active run."""
    assert restarted.api.active() == []


def test_down_leaves_no_process(restarted, state):
    """`down` ends the server with all that it started."""
    assert command_line.main(["down"]) == 0
    assert leftovers(state) == []


def awaited(look):
    """What `look` finds, once it finds something."""
    end = time.monotonic() + PATIENCE
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
