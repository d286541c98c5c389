"""Snapshots: the files that a living source had at one moment, each content stored once under its digest.

    files/SHA256                               the bytes of a file
    snapshots/DATASET.json                     what the last look listed, and the files taken from each entry
    versions/DATASET/NNNNNN-VERSION.json       one for each run that fetched; the highest is the present one

A snapshot never changes: it is a list of names, digests and sizes. Its version is the digest of that list. What the
last look listed only saves work. Whoever loses it reads the source again, and finds the same version.
"""

import json
import logging
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from tasks.settings.values import Frozen, Sha256
from tasks.storage.artifacts import Manifest, digest_of, file_digest, read_file
from tasks.storage.contract import MIB, ObjectMissing, Store
from tasks.storage.documents import DamagedError, read_document
from tasks.storage.threads import Pulse, spread

log = logging.getLogger(__name__)
SNAPSHOT = "snapshot.json"  # the one file of an artifact that is a snapshot
FILES = "files/"
SMALL = 8 * MIB  # a file that is read and written in one piece
REMEDY = "run the workflow again, and `fetch` brings the file again"
VERSION = re.compile(r"(?P<number>\d{6,})-(?P<version>[0-9a-f]{40})\.json")


class StoredFile(Frozen):
    """A file: its name at the source, with folders as in `a/b.png`, its SHA-256, and its size in bytes."""

    name: str
    sha256: Sha256
    size: int


class Snapshot(Frozen):
    """The files of a source at one moment, sorted by name.

    `listed` and `read` say what the look that made it did: how often it listed the source, and the files that it read.
    """

    files: tuple[StoredFile, ...]
    listed: int = Field(default=0, exclude=True)
    read: int = Field(default=0, exclude=True)

    @property
    def version(self) -> str:
        """The digest of the list."""
        return digest_of([[file.name, file.sha256, file.size] for file in self.files])


class Taken(Frozen):
    """One entry of a listing (name, size in bytes, and a mark that changes with its content), and its files.

    An archive has a file for each member; any other entry is one file.
    """

    name: str
    size: int
    mark: str
    files: tuple[StoredFile, ...]


class Look(Frozen):
    """What a look at a location listed and took."""

    location: str
    entries: tuple[Taken, ...]

    @property
    def snapshot(self) -> Snapshot:
        """All files, under their names below the folders that are common to all."""
        files = _without_top([file for entry in self.entries for file in entry.files])
        return Snapshot(files=tuple(sorted(files, key=lambda file: file.name)))


def _without_top(files: list[StoredFile]) -> list[StoredFile]:
    """The files without a top folder that holds all the others, so that an archive of a folder is like the folder.

    A single top folder goes as long as it holds folders itself. One that holds only files stays: it is a class.
    """
    names = [file.name for file in files]
    while names and all(name.startswith(start := f"{names[0].partition('/')[0]}/") for name in names):
        below = [name.removeprefix(start) for name in names]
        if not any("/" in name for name in below):
            break
        names = below
    return [file.model_copy(update={"name": name}) for file, name in zip(files, names, strict=True)]


class Shelf:
    """The files and the last look of one dataset, in a store."""

    def __init__(self, store: Store, dataset: str):
        self._store, self._dataset, self._key = store, dataset, f"snapshots/{dataset}.json"
        self._sizes: dict[str, int] | None = None
        self._lock = threading.Lock()

    @property
    def store_uri(self) -> str:
        """The address of the store."""
        return self._store.uri

    def last(self) -> Look | None:
        """The last look, or None when there was none. A damaged one is none: it only saves work."""
        try:
            return read_document(self._store, self._key, Look, "what the last look listed", REMEDY)
        except ObjectMissing:
            return None
        except DamagedError as error:
            log.warning("%s", error)
            return None

    def present_version(self) -> str | None:
        """The version that the last run fetched, or None when none did."""
        entries = fetched(self._store, self._dataset)
        return entries[-1].version if entries else None

    def keep(self, look: Look) -> None:
        """Remember `look` as the last one."""
        self._store.write(self._key, look.model_dump_json().encode())

    def has(self, file: StoredFile) -> bool:
        """Whether the store has a file of this digest, and of its size; the first question lists them all."""
        return self._stored.get(file.sha256) == file.size

    def put(self, name: str, path: Path) -> StoredFile:
        """Store the bytes at `path`, unless they are stored; several threads may call it."""
        file = StoredFile(name=name, sha256=file_digest(path), size=path.stat().st_size)
        if not self.has(file):
            if file.size <= SMALL:
                self._store.write(_object(file.sha256), path.read_bytes())
            else:
                self._store.upload(_object(file.sha256), path)
            self._stored[file.sha256] = file.size
        return file

    @property
    def _stored(self) -> dict[str, int]:
        with self._lock:
            if self._sizes is None:
                self._sizes = {entry.key.removeprefix(FILES): entry.size for entry in self._store.entries(FILES)}
            return self._sizes


def _object(sha256: str) -> str:
    return f"{FILES}{sha256}"


def snapshot_in(store: Store, manifest: Manifest) -> Snapshot | None:
    """The snapshot that an artifact is; None where the artifact is another one.

    Raises:
        DamagedError: its bytes are not those that the manifest promises.
    """
    if SNAPSHOT not in manifest.files:
        return None
    return Snapshot.model_validate_json(read_file(store, manifest, SNAPSHOT))


def materialize(store: Store, snapshot: Snapshot, folder: Path, progress: Callable[[str], None]) -> None:
    """Put every file of the snapshot into `folder`, verified, under its SHA-256 as name.

    Raises:
        DamagedError: files are missing, or have other bytes. These are deleted, so that the next `fetch` brings them.
    """
    damaged = []
    for file, is_right in _brought(store, snapshot, folder, progress, "files in place"):
        if not is_right:
            store.delete(_object(file.sha256))
            damaged.append(file)
    _refuse(store, damaged)


def verify(store: Store, snapshot: Snapshot, progress: Callable[[str], None]) -> None:
    """Read every file of the snapshot and check its digest; nothing is deleted, and what was read leaves the disk.

    Raises:
        DamagedError: files are missing, or have other bytes.
    """
    damaged = []
    with tempfile.TemporaryDirectory(prefix="verify-") as name:
        folder = Path(name)
        for file, is_right in _brought(store, snapshot, folder, progress, "files verified"):
            (folder / file.sha256).unlink(missing_ok=True)
            if not is_right:
                damaged.append(file)
    _refuse(store, damaged)


def _brought(
    store: Store, snapshot: Snapshot, folder: Path, progress: Callable[[str], None], what: str
) -> Iterator[tuple[StoredFile, bool]]:
    """Each content, in `folder` now, and whether its stored bytes are there and right; `what` is said meanwhile."""
    contents = {file.sha256: file for file in snapshot.files}
    pulse = Pulse(progress, what, len(contents))
    for file, is_right in spread(partial(_materialized, store, folder), contents.values()):
        pulse.count(1, file.size)
        yield file, is_right


def _refuse(store: Store, damaged: list[StoredFile]) -> None:
    if damaged:
        place = f"{store.uri}/{_object(damaged[0].sha256)}"
        more = f", and {len(damaged) - 1} more such files" if len(damaged) > 1 else ""
        raise DamagedError(place, f"expected the bytes of {damaged[0].name!r:.200}, found none or others{more}", REMEDY)


def _materialized(store: Store, folder: Path, file: StoredFile) -> bool:
    """Whether the stored bytes are right. Wrong ones are read twice: the transfer may be at fault."""
    path = folder / file.sha256
    for _ in range(2):
        try:
            _download(store, file, path)
        except ObjectMissing:
            return False
        if file_digest(path) == file.sha256:
            return True
    return False


def _download(store: Store, file: StoredFile, path: Path) -> None:
    if file.size <= SMALL:
        path.write_bytes(store.read(_object(file.sha256)))
    else:
        store.download(_object(file.sha256), path)


class Fetched(NamedTuple):
    """One run that fetched a dataset: its place in their order, the version that it found, and its key in the store."""

    number: int
    version: str
    key: str


class _Entry(Frozen):
    version: str
    run: str
    at: str


def fetched(store: Store, dataset: str) -> list[Fetched]:
    """The runs that fetched a dataset, in order. One listing tells; no document is read."""
    keys = ((key, VERSION.fullmatch(key.rpartition("/")[2])) for key in store.list(f"versions/{dataset}/"))
    return sorted(Fetched(int(name["number"]), name["version"], key) for key, name in keys if name)


def run_of(store: Store, entry: Fetched) -> str:
    """The run that an entry is of.

    Raises:
        DamagedError: the document is not what was written.
    """
    return read_document(store, entry.key, _Entry, "the run that fetched a version", "delete it").run


def note(store: Store, dataset: str, version: str, run: str, at: str) -> None:
    """Note that `run` fetched this version, once: what it says is true of a retry too."""
    known = fetched(store, dataset)
    if known and known[-1].version == version and run_of(store, known[-1]) == run:
        return
    number = known[-1].number + 1 if known else 1
    body = json.dumps({"version": version, "run": run, "at": at}, indent=1).encode()
    store.write(f"versions/{dataset}/{number:06d}-{version}.json", body, if_absent=True)
