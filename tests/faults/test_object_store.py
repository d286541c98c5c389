"""The embedded object store, killed: what it acknowledged is there, and no process of it stays."""

import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tasks.local.swift.node import PORT
from tasks.local.swift.object_store import ObjectStore
from tasks.project import PROJECT
from tasks.storage.bucket import S3Store
from tasks.storage.contract import Store, StoreError
from tasks.storage.retries import RetryPolicy
from tests.support.embedded_store import WAY_OUT, opened, own_environment, processes  # noqa: F401 - a fixture
from tests.support.patience import PATIENCE


def test_kill_loses_no_acknowledged_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """After SIGKILL in the middle of writes, every acknowledged one is there and every other is whole or absent."""
    acknowledged: dict[str, bytes] = {}
    sent: dict[str, bytes] = {}

    def write(store: Store, start: str) -> None:
        with suppress(StoreError):
            for number in range(10_000):
                key = f"{start}/{number}"
                sent[key] = os.urandom(50_000)
                store.write(key, sent[key])
                acknowledged[key] = sent[key]

    for kill, victims in enumerate((slice(1), slice(None))):  # the supervisor alone, then all at once
        with ObjectStore.start(tmp_path) as server:
            opened(server, monkeypatch)
            store = S3Store("like-for-like", retries=RetryPolicy(0))
            writers = [threading.Thread(target=write, args=(store, f"{kill}/{n}")) for n in range(4)]
            for writer in writers:
                writer.start()
            time.sleep(0.6)
            alive = processes(tmp_path)
            for process in alive[victims]:
                process.kill()
            assert not psutil.wait_procs(alive, timeout=PATIENCE)[1], "a server outlived its supervisor"
            for writer in writers:
                writer.join()
    assert acknowledged
    with ObjectStore.start(tmp_path) as server:
        store = opened(server, monkeypatch)
        assert {key: store.read(key) for key in acknowledged} == acknowledged
        listed = set(store.list(""))
        assert acknowledged.keys() <= listed
        for key in listed - acknowledged.keys():
            assert store.read(key) == sent[key]


def test_what_cannot_be_listed_is_not_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """While the server cannot bring its listing up to date a write is tried again, and then it is listed."""
    with ObjectStore.start(tmp_path) as server:
        opened(server, monkeypatch)
        store = S3Store("like-for-like", retries=RetryPolicy(PATIENCE, longest_pause=0.2))
        store.write("before", b"")
        [database] = tmp_path.glob("devices/*/containers/**/*.db")
        with (database.parent / ".lock").open("w") as lock, ThreadPoolExecutor(1) as pool:
            fcntl.flock(lock, fcntl.LOCK_EX)
            write = pool.submit(store.write, "key", b"x", if_absent=True)
            while "Container update failed" not in (tmp_path / "server.log").read_text():
                assert not write.done()
                time.sleep(0.1)
            wait([write], timeout=1)
            assert not write.done()
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert write.result()
        assert list(store.list("")) == ["before", "key"]


def test_a_dead_server_ends_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A busy port is not fatal; a server that dies is: all end, with a status that says so and a line that names it."""
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # busy already, which serves as well
            busy.bind(("127.0.0.1", PORT))
            busy.listen()
        server = ObjectStore.start(tmp_path)
    with server:
        assert server.environment["AWS_ENDPOINT_URL_S3"] != f"http://127.0.0.1:{PORT}"
        assert opened(server, monkeypatch).write("key", b"")
        supervisor, *servers = processes(tmp_path)
        assert len(servers) == 4
        servers[2].kill()
        assert supervisor.wait(PATIENCE) == 1
        assert not psutil.wait_procs(servers, timeout=PATIENCE)[1]
        assert not server.alive()
    complaint = (tmp_path / "server.log").read_text().splitlines()[-1]
    assert complaint.startswith("object store: its ")
    assert complaint.endswith(WAY_OUT)


def test_the_server_ends_with_its_starter(tmp_path: Path):
    """A starter that is killed leaves no server behind; a start afterwards needs no cleaning."""
    script = "import sys, time, pathlib; from tasks.local.swift.object_store import ObjectStore as S; "
    script += f"S.start(pathlib.Path(sys.argv[1])); print(flush=True); time.sleep({PATIENCE})"
    starter = subprocess.Popen([sys.executable, "-c", script, tmp_path], cwd=PROJECT, stdout=subprocess.PIPE)
    assert starter.stdout
    starter.stdout.readline()
    alive = processes(tmp_path)
    starter.kill()
    starter.communicate()
    assert not psutil.wait_procs(alive, timeout=PATIENCE)[1]
