"""Fixtures: a store in a folder, the embedded object store, really started once, and both kinds of store."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tasks.environment import STORE_CLIENT
from tasks.local.swift.object_store import ObjectStore
from tasks.storage.contract import Store
from tasks.storage.location import open_store


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """The embedded S3 server; `uri` and `environment` lead to it."""
    with ObjectStore.start(tmp_path_factory.mktemp("object store")) as server:
        yield server


def patched_to(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process's environment lead to `server` until the test ends; no other variable of AWS stays."""
    for name in [name for name in os.environ if name.startswith(STORE_CLIENT)]:
        monkeypatch.delenv(name)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def s3_environment(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The embedded server, with this process's environment leading to it."""
    patched_to(object_store, monkeypatch)
    return object_store


@pytest.fixture(params=["file", "s3"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind."""
    if request.param == "file":
        return open_store((tmp_path / "a store").as_uri())
    server = request.getfixturevalue("s3_environment")
    return open_store(f"{server.uri}/{uuid4().hex}")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store in a folder. A module whose tests need more has a fixture of its own by this name."""
    return open_store((tmp_path / "store").as_uri())
