"""The server of this machine: several of them at once."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from importlib import metadata

import pytest

from tasks.project import PROJECT
from tasks.storage.provenance import cores
from tests.support.patience import PATIENCE

STARTERS = 4


@pytest.fixture
def starters(tmp_path):
    """Servers of as many checkouts, started at once; each finds its Airflow prepared, as after a first start."""
    prepared = json.dumps({"airflow": metadata.version("apache-airflow"), "slots": max(2, cores())})
    running = {}
    for number in range(STARTERS):
        state = tmp_path / str(number)
        (state / "airflow").mkdir(parents=True)
        (state / "airflow" / "prepared.json").write_text(prepared)
        with closing(sqlite3.connect(state / "airflow" / "airflow.db")) as database:
            database.execute("CREATE TABLE dag (is_stale)")
        environment = os.environ | {"LIKE_FOR_LIKE_STATE": str(state), "STORE": (tmp_path / "store").as_uri()}
        line = [sys.executable, "-m", "tasks.local", "serve"]
        running[state] = subprocess.Popen(line, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL)
    yield running
    for process in running.values():
        process.terminate()
    for process in running.values():
        process.wait(PATIENCE)


def test_servers_that_start_at_once_never_share_a_port(starters):
    """Checkouts that start in the same second each announce an address of their own."""
    addresses = [announced(state, process)["url"] for state, process in starters.items()]
    assert len(set(addresses)) == STARTERS, addresses


def announced(state, process):
    """What a server writes about itself once its port is chosen."""
    end = time.monotonic() + PATIENCE
    while not (state / "server.json").exists():
        assert process.poll() is None, f"a server ended with {process.returncode}"
        assert time.monotonic() < end, "a server announced nothing"
        time.sleep(0.02)
    return json.loads((state / "server.json").read_text())
