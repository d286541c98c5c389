"""`python -m tasks.local tasks COMMAND`: a command on the store of this machine, whether or not a server is up."""

import json
import os

import pytest

from tasks.local import processes
from tasks.local.__main__ import main
from tasks.local.private_file import write_private
from tasks.local.server import locked
from tasks.project import PROJECT


@pytest.fixture
def state(tmp_path, monkeypatch):
    folder = tmp_path / "a state"
    monkeypatch.setenv("LIKE_FOR_LIKE_STATE", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.delenv("STORE", raising=False)
    return folder


def test_a_command_starts_the_store_and_stops_it(state, capfd):
    """Without a server the embedded store runs for this command; the exit code is the command's, and nothing stays."""
    assert main(["tasks", "verify", "latest"]) == 64
    assert (
        "s3://like-for-like: expected a run with a report, received 'latest'; it has none yet" in capfd.readouterr().out
    )
    assert processes.leftovers(state) == []
    with locked(state / "server.lock") as is_free:
        assert is_free


def test_a_command_uses_the_server_that_is_up(state, tmp_path, capfd):
    """A server that is up says which store it has; nothing is started beside it."""
    state.mkdir()
    settings = {"STORE": (tmp_path / "theirs").as_uri()}
    described = {"pid": os.getpid(), "born": processes.birth(os.getpid()), "settings": settings, "environment": {}}
    write_private(state / "server.json", json.dumps(described))
    assert main(["tasks", "sweep", "--dry-run"]) == 0
    assert "would remove 0 objects" in capfd.readouterr().out
    assert (tmp_path / "theirs").is_dir()
    assert not (state / "store").exists()


def test_a_command_waits_for_no_server_that_starts(state, capfd):
    """While a server starts or stops, or another command is at work, one line says so; a retry may help."""
    state.mkdir()
    with locked(state / "server.lock"):
        assert main(["tasks", "sweep"]) == 1
    assert "another command has the store of this machine, or it is starting or stopping" in capfd.readouterr().err


def test_the_store_of_the_environment_goes_first(state, tmp_path, monkeypatch, capfd):
    """STORE names the store, and the embedded one is left alone."""
    monkeypatch.setenv("STORE", (tmp_path / "mine").as_uri())
    assert main(["tasks", "sweep", "--dry-run"]) == 0
    assert not state.exists()
