"""The embedded object store: its start, its end, and what it keeps through both."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil
import pytest

from tasks.local.swift.node import serve
from tasks.local.swift.object_store import ObjectStore
from tasks.project import PROJECT
from tasks.storage.contract import StoreError
from tasks.storage.location import open_store
from tests.support.embedded_store import WAY_OUT, opened, own_environment, processes  # noqa: F401 - a fixture
from tests.support.patience import PATIENCE


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_data_survives_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What was stored is there after a stop and a start, under the same credentials; the end removes the address."""
    big = os.urandom(17 * 1024 * 1024)
    (tmp_path / "big").write_bytes(big)
    folder = tmp_path / "ein ördner; with 'signs' $HOME"
    with ObjectStore.start(folder) as server:
        first = server.environment
        store = opened(server, monkeypatch)
        store.write("small", b"small")
        store.upload("big", tmp_path / "big")
    assert not server.alive()
    assert not (folder / "connection.json").exists()
    with ObjectStore.start(folder) as server:
        assert server.environment["AWS_SECRET_ACCESS_KEY"] == first["AWS_SECRET_ACCESS_KEY"]
        store = opened(server, monkeypatch)
        assert store.read("small") == b"small"
        assert store.read("big") == big
        assert not store.write("small", b"other", if_absent=True)
        assert list(store.list("")) == ["big", "small"]


def test_secrets_stay_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The secret is on no command line, in no process's environment, in no log; files are their owner's alone."""
    with ObjectStore.start(tmp_path / "store") as server:
        secret = server.environment["AWS_SECRET_ACCESS_KEY"]
        store = opened(server, monkeypatch)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        with pytest.raises(StoreError, match="SignatureDoesNotMatch"):
            open_store(server.uri).read("key")
        store.write("key", b"")
        for process in processes(tmp_path / "store"):
            assert secret not in " ".join(process.cmdline())
            assert secret not in process.environ().values()
    assert secret not in (tmp_path / "store" / "server.log").read_text()
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
    holders = [path for path in _files(tmp_path / "store") if secret.encode() in path.read_bytes()]
    assert {path.name for path in holders} == {"secrets.json", "proxy.conf"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in holders} == {0o600}


def test_nothing_of_a_persons_own_s3_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It starts, and serves who follows its variables, beside a profile, a file and a certificate that lead away."""
    theirs = {
        "HOME": str(tmp_path),
        "AWS_PROFILE": "gone",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_CA_BUNDLE": "/missing.pem",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "[::1],fd00::/8",
    }
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    with ObjectStore.start(tmp_path / "store") as server:
        store = opened(server, monkeypatch)
        store.write("key", b"value")
        assert store.read("key") == b"value"


def test_one_folder_one_server(tmp_path: Path):
    """A second server on the same data is refused in one line, and the first goes on undisturbed."""
    with ObjectStore.start(tmp_path) as server:
        with pytest.raises(StoreError, match=f"^object store: .*another server runs on this folder.*{WAY_OUT}$"):
            ObjectStore.start(tmp_path)
        assert server.alive()
        assert (tmp_path / "connection.json").exists()


def test_foreground(tmp_path: Path):
    """By hand: it writes a private connection.json when it is ready, and Ctrl-C ends it with status 0."""
    process = subprocess.Popen([sys.executable, "-m", "tasks.local.swift.object_store", tmp_path / "new"], cwd=PROJECT)
    connection = tmp_path / "new" / "connection.json"
    while not connection.exists():
        assert process.poll() is None
        time.sleep(0.05)
    assert stat.S_IMODE(connection.stat().st_mode) == 0o600
    assert json.loads(connection.read_text())["uri"] == "s3://like-for-like"
    alive = processes(tmp_path / "new")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    assert not psutil.wait_procs(alive, timeout=PATIENCE)[1]


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
