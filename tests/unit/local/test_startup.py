"""The start of the server as a person sees it: phase by phase, and with the reason when it ends."""

import io
import re
import subprocess
import sys

import pytest
from rich.console import Console

from tasks.local.airflow import AirflowError
from tasks.local.server import READY
from tasks.local.startup import _Startup, inherited
from tasks.local.view.voice import Voice
from tasks.project import PROJECT

# A stand-in for the server: it says what is ready, one thing after another, and then what a client needs to know.
SERVER = f"""
import json, os, sys, time
from pathlib import Path
from tasks.local.processes import birth
print("{READY}object store", flush=True)
time.sleep(0.3)
print("{READY}database", flush=True)
Path(sys.argv[1], "server.json").write_text(json.dumps({{"pid": os.getpid(), "born": birth(os.getpid())}}))
time.sleep(60)
"""
ENDED = f"print('{READY}object store'); print('no room on the disk'); print('{READY}database'); exit(1)"


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start a stand-in for the server; its start as a client follows it, and what the client says."""
    monkeypatch.setenv("LIKE_FOR_LIKE_STATE", str(tmp_path))
    monkeypatch.delenv("STORE", raising=False)
    running = []

    def started(code):
        with (tmp_path / "server.log").open("wb") as log:
            running.append(subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=log, cwd=PROJECT))
        out = io.StringIO()
        return _Startup(Voice(Console(file=out, width=100)), running[-1], running[-1].pid), out

    yield started
    for process in running:
        process.kill()
        process.wait()


def test_what_is_started_here_inherits_what_is_listed(tmp_path, monkeypatch):
    """The state folder, and the numeric libraries' variables, about which a stage decides; nobody's token."""
    monkeypatch.setenv("LIKE_FOR_LIKE_STATE", str(tmp_path / "link" / ".." / "state"))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "1")
    monkeypatch.setenv("TF_TOKEN_app_terraform_io", "canary")
    told = inherited()
    assert told["LIKE_FOR_LIKE_STATE"] == str(tmp_path / "state")
    assert (told["KERAS_BACKEND"], told["KERAS_MAX_EPOCHS"]) == ("jax", "1")
    assert "canary" not in told.values()


def test_what_a_document_offers_is_inherited(monkeypatch):
    """Each variable of the table in `config/README.md` reaches the stages; their parameters come from the DAG."""
    rows = re.findall(r"^\| `([A-Z_]+)` \|", (PROJECT / "config" / "README.md").read_text(), re.M)
    documented = [name for name in rows if name not in ("RUN_PARAMETERS", "RUN_TRIGGER")]
    assert {"STORE", "LIKE_FOR_LIKE_STATE", "AWS_REQUEST_CHECKSUM_CALCULATION"} <= {*documented}
    for name in documented:
        monkeypatch.setenv(name, "1")
    assert {*documented} - inherited().keys() == set()


def test_each_phase_has_its_line_when_it_is_over(start):
    """In their order, once each, with the seconds since the start."""
    startup, out = start(SERVER)
    described = startup.described()
    assert described["pid"] == startup._pid
    assert [line.split(" ready after")[0].strip() for line in out.getvalue().splitlines()] == [
        "object store",
        "database",
    ]
    assert all(line.endswith(" s") for line in out.getvalue().splitlines())


def test_a_server_that_ends_is_told_with_its_reason(start, tmp_path):
    """The last line of its log that is no phase, and where the log lies."""
    startup, _ = start(ENDED)
    with pytest.raises(AirflowError) as caught:
        startup.described()
    assert str(caught.value) == f"the server ended: no room on the disk (log: {tmp_path / 'server.log'})"


def test_a_server_that_was_told_to_stop_is_no_failure_of_it(start):
    """Whoever waits for it hears that it was stopped, and by what."""
    startup, _ = start("print('no room on the disk')")
    with pytest.raises(AirflowError) as caught:
        startup.described()
    assert str(caught.value) == "the server was stopped while it started, by `make down` or a signal"
