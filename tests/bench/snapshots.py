"""What a living source costs: the first snapshot of many small files, one after some were added, one of no change.

Each file is 500 bytes of noise, so that the cost is that of files, not of bytes. The store is a folder or a bucket of
the embedded server, on this machine's own disk. CPU seconds are those of this process, without the server's.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tasks.data.sources.locations import Folder
from tasks.data.sources.looks import take
from tasks.local.swift.object_store import ObjectStore
from tasks.runs.meter import Taken
from tasks.storage.contract import Store
from tasks.storage.location import open_store
from tasks.storage.snapshots import Shelf, Snapshot, materialize
from tests.bench.clock import seconds, timed
from tests.bench.section import Row, Section

FILE_BYTES = 500
ADDED = 100
FILES = {"folder": 50_000, "bucket": 1_000}  # to the embedded server each file is a request


def snapshots() -> Iterator[Section]:
    """A table for each kind of store."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        store = open_store(Path(folder, "store").as_uri())
        yield Section("Snapshots of a living folder, the store a folder", list(_rows(store, "folder", Path(folder))))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ObjectStore.start(Path(folder, "server")) as server:
        os.environ.update(server.environment)
        store = open_store(f"{server.uri}/bench")
        yield Section("Snapshots of a living folder, the store a bucket", list(_rows(store, "bucket", Path(folder))))


def _rows(store: Store, kind: str, folder: Path) -> Iterator[Row]:
    source, files = folder / "images", FILES[kind]
    _add(source, 0, files)
    for look, added in (("the first one", 0), (f"{ADDED} files added", ADDED), ("nothing changed", 0)):
        _add(source, files, added)
        files += added
        snapshot, taken = timed(lambda: take(Folder(source), "images", Shelf(store, "bench"), print))
        yield _row(look, snapshot, taken) | {"files read": snapshot.read, "listings": snapshot.listed}
    (folder / "input").mkdir()
    _, taken = timed(lambda: materialize(store, snapshot, folder / "input", print))
    yield _row("all files given to a stage, verified", snapshot, taken) | {"files read": files, "listings": 0}


def _row(what: str, snapshot: Snapshot, taken: Taken) -> Row:
    return {"what": what, "files": len(snapshot.files)} | seconds(taken)


def _add(folder: Path, first: int, count: int) -> None:
    """Add files of noise, in ten class folders."""
    for number in range(first, first + count):
        path = folder / f"class{number % 10}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(FILE_BYTES))
