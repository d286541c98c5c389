"""A command of `python -m tasks` on the store of this machine: the one that is up, or else started for this command."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager

from rich.console import Console

from tasks.environment import lead_to
from tasks.errors import UnsettledError
from tasks.local import processes
from tasks.local.server import locked, read_server
from tasks.local.startup import state_folder
from tasks.local.swift.object_store import ObjectStore
from tasks.local.view.voice import Voice


def run(words: Sequence[str]) -> int:
    """Run `python -m tasks` with these words, and return its exit code.

    Raises:
        UnsettledError: another command has the store, or it is being started or stopped right now.
        StoreError: the embedded store does not start.
    """
    environment = dict(os.environ)
    with connected(environment) as connection:
        if connection:
            lead_to(environment, connection)
        return subprocess.run([sys.executable, "-m", "tasks", *words], env=environment, check=False).returncode


@contextmanager
def connected(environment: MutableMapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The variables that lead to the store, where they do not stand in `environment` already."""
    if described := read_server(state_folder()):
        settings = {name: value for name, value in described["settings"].items() if not environment.get(name)}
        environment.update(settings)
        yield {} if environment.get("STORE") else described["environment"]
    elif environment.get("STORE"):
        yield {}
    else:
        with _started() as connection:
            yield connection


@contextmanager
def _started() -> Iterator[Mapping[str, str]]:
    """The variables of the embedded store, which runs during the block; no server starts meanwhile."""
    state = state_folder()
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(state / "server.lock") as is_ours:
        if not is_ours:
            raise UnsettledError("another command has the store of this machine, or it is starting or stopping; wait")
        processes.stop(processes.leftovers(state))
        voice = Voice(Console(stderr=True))
        with voice.keeping_alive(), voice.busy("starting the object store"):
            store = ObjectStore.start(state / "store")
        with store:
            yield store.environment | {"STORE": store.uri}
