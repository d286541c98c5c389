"""The embedded object store: its start, its end, and what it keeps through both."""

import errno
import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

import boto3
import psutil
import pytest

from tasks.local.swift.node import PORT, serve
from tasks.local.swift.object_store import ObjectStore
from tasks.project import PROJECT
from tasks.storage.bucket import S3Store
from tasks.storage.contract import Store, StoreError
from tasks.storage.location import open_store
from tasks.storage.retries import RetryPolicy

WAY_OUT = "to run without it, set STORE=file:///folder"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test puts into the environment is gone after it."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "")


def _opened(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return open_store(server.uri)


def _processes(folder: Path) -> list[psutil.Process]:
    """The supervisor and its servers."""
    supervisor = psutil.Process(json.loads((folder / "connection.json").read_text())["pid"])
    return [supervisor, *supervisor.children()]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_data_survives_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What was stored is there after a stop and a start, under the same credentials; the end removes the address."""
    big = os.urandom(17 * 1024 * 1024)
    (tmp_path / "big").write_bytes(big)
    folder = tmp_path / "ein ördner; with 'signs' $HOME"
    with ObjectStore.start(folder) as server:
        first = server.environment
        store = _opened(server, monkeypatch)
        store.write("small", b"small")
        store.upload("big", tmp_path / "big")
    assert not server.alive()
    assert not (folder / "connection.json").exists()
    with ObjectStore.start(folder) as server:
        assert server.environment["AWS_SECRET_ACCESS_KEY"] == first["AWS_SECRET_ACCESS_KEY"]
        store = _opened(server, monkeypatch)
        assert store.read("small") == b"small"
        assert store.read("big") == big
        assert not store.write("small", b"other", if_absent=True)
        assert list(store.list("")) == ["big", "small"]


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
            _opened(server, monkeypatch)
            store = S3Store("like-for-like", retries=RetryPolicy(0))
            writers = [threading.Thread(target=write, args=(store, f"{kill}/{n}")) for n in range(4)]
            for writer in writers:
                writer.start()
            time.sleep(0.6)
            processes = _processes(tmp_path)
            for process in processes[victims]:
                process.kill()
            assert not psutil.wait_procs(processes, timeout=5)[1], "a server outlived its supervisor"
            for writer in writers:
                writer.join()
    assert acknowledged
    with ObjectStore.start(tmp_path) as server:
        store = _opened(server, monkeypatch)
        assert {key: store.read(key) for key in acknowledged} == acknowledged
        listed = set(store.list(""))
        assert acknowledged.keys() <= listed
        for key in listed - acknowledged.keys():
            assert store.read(key) == sent[key]


def test_what_cannot_be_listed_is_not_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """While the server cannot bring its listing up to date a write is tried again, and then it is listed."""
    with ObjectStore.start(tmp_path) as server:
        _opened(server, monkeypatch)
        store = S3Store("like-for-like", retries=RetryPolicy(60, longest_pause=0.2))
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


def test_secrets_stay_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The secret is on no command line, in no process's environment, in no log; files are their owner's alone."""
    with ObjectStore.start(tmp_path / "store") as server:
        secret = server.environment["AWS_SECRET_ACCESS_KEY"]
        store = _opened(server, monkeypatch)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        with pytest.raises(StoreError, match="SignatureDoesNotMatch"):
            open_store(server.uri).read("key")
        store.write("key", b"")
        for process in _processes(tmp_path / "store"):
            assert secret not in " ".join(process.cmdline())
            assert secret not in process.environ().values()
    assert secret not in (tmp_path / "store" / "server.log").read_text()
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
    holders = [path for path in _files(tmp_path / "store") if secret.encode() in path.read_bytes()]
    assert {path.name for path in holders} == {"secrets.json", "proxy.conf"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in holders} == {0o600}


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
        assert _opened(server, monkeypatch).write("key", b"")
        supervisor, *servers = _processes(tmp_path)
        assert len(servers) == 4
        servers[2].kill()
        assert supervisor.wait(10) == 1
        assert not psutil.wait_procs(servers, timeout=5)[1]
        assert not server.alive()
    complaint = (tmp_path / "server.log").read_text().splitlines()[-1]
    assert complaint.startswith("object store: its ")
    assert complaint.endswith(WAY_OUT)


def test_one_folder_one_server(tmp_path: Path):
    """A second server on the same data is refused in one line, and the first goes on undisturbed."""
    with ObjectStore.start(tmp_path) as server:
        with pytest.raises(StoreError, match=f"^object store: .*another server runs on this folder.*{WAY_OUT}$"):
            ObjectStore.start(tmp_path)
        assert server.alive()
        assert (tmp_path / "connection.json").exists()


def test_the_server_ends_with_its_starter(tmp_path: Path):
    """A starter that is killed leaves no server behind; a start afterwards needs no cleaning."""
    script = "import sys, time, pathlib; from tasks.local.swift.object_store import ObjectStore as S; "
    script += "S.start(pathlib.Path(sys.argv[1])); print(flush=True); time.sleep(60)"
    starter = subprocess.Popen([sys.executable, "-c", script, tmp_path], cwd=PROJECT, stdout=subprocess.PIPE)
    assert starter.stdout
    starter.stdout.readline()
    processes = _processes(tmp_path)
    starter.kill()
    starter.communicate()
    assert not psutil.wait_procs(processes, timeout=10)[1]


def test_foreground(tmp_path: Path):
    """By hand: it writes a private connection.json when it is ready, and Ctrl-C ends it with status 0."""
    process = subprocess.Popen([sys.executable, "-m", "tasks.local.swift.object_store", tmp_path / "new"], cwd=PROJECT)
    connection = tmp_path / "new" / "connection.json"
    while not connection.exists():
        assert process.poll() is None
        time.sleep(0.05)
    assert stat.S_IMODE(connection.stat().st_mode) == 0o600
    assert json.loads(connection.read_text())["uri"] == "s3://like-for-like"
    processes = _processes(tmp_path / "new")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert not psutil.wait_procs(processes, timeout=1)[1]


def test_presigned_report_opens(s3_environment: ObjectStore):
    """A presigned address of a report opens in a browser, as a page; a changed one does not."""
    open_store(s3_environment.uri).write("report.html", b"<!doctype html>")
    client = boto3.client("s3", config=boto3.session.Config(signature_version="s3v4"))
    address = client.generate_presigned_url("get_object", Params={"Bucket": "like-for-like", "Key": "report.html"})
    with urllib.request.urlopen(address) as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.read() == b"<!doctype html>"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(address.replace("report.html", "other.html"))


def test_no_extended_attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file system that Swift cannot use is named, before anything starts."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(StoreError, match=r"needs user extended attributes.*\(Operation not supported\)"):
        serve(tmp_path, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["100%", "run #1"])
def test_folders_that_swift_cannot_read(tmp_path: Path, name: str):
    """A folder whose name Swift would misread is refused by name."""
    with pytest.raises(StoreError, match=f"{name}: Swift cannot use a folder with"):
        serve(tmp_path / name, None)


def test_lost_secrets(tmp_path: Path):
    """Data whose secrets are gone is not served as an empty store."""
    (tmp_path / "devices").mkdir()
    with pytest.raises(StoreError, match=f"^object store: .*secrets.json: missing.*{WAY_OUT}$"):
        ObjectStore.start(tmp_path)


def test_eventlet_stays_out():
    """The process that starts the store imports nothing of Swift or eventlet."""
    script = "import sys, tasks.local.swift.object_store; assert not {'eventlet', 'swift', 'boto3'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", script], cwd=PROJECT, check=True)
