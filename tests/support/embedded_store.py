"""The embedded object store, started by a test of its own: how to reach it, and its processes."""

import json
from pathlib import Path

import psutil
import pytest

from tasks.local.swift.object_store import ObjectStore
from tasks.storage.contract import Store
from tasks.storage.location import open_store
from tests.support.store_fixtures import patched_to

WAY_OUT = "to run without it, set STORE=file:///folder"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test puts into the environment is gone after it; autouse where a test file imports it."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "")


def opened(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store of `server`, which the environment leads to from now on."""
    patched_to(server, monkeypatch)
    return open_store(server.uri)


def processes(folder: Path) -> list[psutil.Process]:
    """The supervisor and its servers."""
    supervisor = psutil.Process(json.loads((folder / "connection.json").read_text())["pid"])
    return [supervisor, *supervisor.children()]
