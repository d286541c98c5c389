"""A full disk: one line, the old bytes intact, nothing half, and all well again once there is room."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from tasks.local.swift.object_store import ObjectStore
from tasks.project import PROJECT
from tasks.report.bundle import download, published
from tasks.report.verification import verify_folder
from tasks.storage.bucket import S3Store
from tasks.storage.contract import StoreError
from tasks.storage.folder import FileStore
from tasks.storage.retries import RetryPolicy
from tests.support import synthetic
from tests.support.patience import PATIENCE
from tests.support.published_runs import publish_report
from tests.support.small_disk import MIB, fill, small_disk

LIMITED = """
import resource, sys
from pathlib import Path
from tasks.storage.location import open_store
from tasks.storage.contract import StoreError
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
store = open_store(sys.argv[1])
for use in (lambda: store.write("key", b"x" * 20_000), lambda: store.upload("key", Path(sys.argv[2]))):
    try:
        use()
    except StoreError as error:
        print(error)
store.write("small", b"x" * 5_000)
"""


def test_a_write_beyond_a_limit_leaves_the_old_bytes(tmp_path):
    """The folder store at the end of its room (here the process's own limit): refused in one line, nothing half."""
    store = FileStore(tmp_path / "store")
    store.write("key", b"before")
    (tmp_path / "big").write_bytes(b"x" * 20_000)
    line = [sys.executable, "-c", LIMITED, store.uri, tmp_path / "big"]
    done = subprocess.run(line, cwd=PROJECT, capture_output=True, text=True, check=True)
    said = f"{store.uri}/key: File too large; check the folder's permissions, free space and file system"
    assert done.stdout.splitlines() == [said, said]
    assert store.read("key") == b"before"
    assert list(store.list("")) == ["key", "small"]
    assert list(store.unfinished()) == []


@pytest.fixture(name="small_disk")
def a_small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB, in memory."""
    try:
        with small_disk(tmp_path / "disk") as folder:
            yield folder
    except PermissionError as refused:
        pytest.skip(str(refused))


def test_a_full_disk_under_a_folder(small_disk, tmp_path):
    """ENOSPC is one line, what was there stays readable, and a deletion makes room."""
    fill_and_mend(FileStore(small_disk / "store"), tmp_path, "No space left on device")


def test_a_full_disk_under_the_embedded_server(small_disk, tmp_path, monkeypatch):
    """The server says no to writes, goes on answering reads, and takes writes again when there is room."""
    with ObjectStore.start(small_disk / "store") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        fill_and_mend(S3Store("like-for-like", "", RetryPolicy(2, 0.5)), tmp_path, "its disk may be full")


def fill_and_mend(store, tmp_path, said):
    """Write until the disk is full, read all back, delete one, write again."""
    body = os.urandom(6 * MIB)
    (tmp_path / "file").write_bytes(body)
    written = []

    def fill():
        for number in range(12):
            store.upload(f"full/{number}", tmp_path / "file")
            written.append(f"full/{number}")

    with pytest.raises(StoreError, match=said) as raised:
        fill()
    assert "\n" not in str(raised.value)
    assert len(written) >= 4
    assert list(store.list("full/")) == written
    assert all(store.read(key) == body for key in written)
    store.delete(written.pop())
    store.write("again", b"x" * MIB)
    assert store.read("again") == b"x" * MIB


def test_what_is_written_around_a_full_disk_is_there_and_listed(small_disk, tmp_path, monkeypatch):
    """However little room is left, the server lives; who waits for room has written, and every listing says so."""
    with ObjectStore.start(small_disk / "store") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        store = S3Store("like-for-like", "", RetryPolicy(PATIENCE, longest_pause=0.2))
        for room in range(0, 64, 4):
            ballast = fill(small_disk)
            os.truncate(ballast, ballast.stat().st_size - room * 1024)
            with ThreadPoolExecutor(4) as pool:
                keys = [f"{room:02d}/{number}" for number in range(8)]
                writes = [pool.submit(store.write, key, os.urandom(3_000), if_absent=True) for key in keys]
                wait(writes, timeout=0.5)
                ballast.unlink()
                assert all(write.result() for write in writes), room
            assert list(store.list(f"{room:02d}/")) == keys
        assert server.alive()


def test_a_download_to_a_full_disk_says_so_and_goes_on_once_there_is_room(small_disk: Path, tmp_path: Path):
    """One line with the reason, no half file under a name, and the next attempt brings the rest."""
    store = FileStore(tmp_path / "store")
    publish_report(store, synthetic.request())
    report, home = published(store, "quick-1"), small_disk / "home"
    home.mkdir()
    ballast = fill(small_disk)
    with pytest.raises(OSError, match="received: No space left on device; mend that, or name another folder"):
        download(store, report, home, lambda progress: None)
    assert [path for path in home.rglob("*") if path.is_file()] == []
    ballast.unlink()
    assert download(store, report, home, lambda progress: None) == 12
    assert not verify_folder(home).findings
