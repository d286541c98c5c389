"""The store: bytes under keys, in an S3 bucket or in a plain folder, with one meaning for both.

A write is atomic and, once it returned, lasting: a reader sees the old bytes or the new ones, never a mixture.
`write(..., if_absent=True)` has exactly one winner among any number of writers at once.
"""

import os
import re
import shutil
import stat
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote

from tasks.errors import RequestError

MIB = 1024 * 1024
MAX_KEY = 900  # S3 and Swift stop at 1,024 bytes; the store's own prefix needs room too
MAX_SEGMENT = 255  # what file systems take
ANY_SIZE = sys.maxsize
TEMPORARY = re.compile(r"~[0-9a-f]{32}")  # '~' keeps the name from being a key


class ObjectMissing(KeyError):  # noqa: N818 - a plain fact that callers expect, not a fault
    """The key that was to be read is not there."""

    __str__ = Exception.__str__  # a KeyError would show its message in quotes


class StoreError(RuntimeError):
    """The store refused or could not be reached: one line, which store, what happened, what to do."""


class TooLarge(StoreError):  # noqa: N818 - as above
    """More bytes came than were asked for at the most."""


class Bound:
    """Counts the bytes of one transfer, which may come from several threads.

    Raises:
        TooLarge: there are more than `limit`.
    """

    def __init__(self, limit: int):
        self._left, self._lock = limit, threading.Lock()

    def __call__(self, size: int) -> None:
        """Count `size` more bytes; fewer, where some are sent again."""
        with self._lock:
            self._left -= size
            if self._left < 0:
                raise TooLarge


@dataclass(frozen=True)
class Entry:
    """One object in a listing: its size in bytes, and when the store took it in, by the store's own clock."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Unfinished(Entry):
    """A write that has not ended, or never will; `key` may be a temporary name, and `discard` takes it away."""

    discard: Callable[[], None]


class Store(Protocol):
    """Bytes under keys; a key is a relative POSIX name of [A-Za-z0-9._/-], without empty, '.' or '..' segments.

    Every method raises ValueError for any other key, and StoreError when the store refuses or cannot be reached.
    """

    uri: str

    def read(self, key: str) -> bytes:
        """The bytes under `key`; ObjectMissing when there are none."""

    def write(self, key: str, data: bytes, *, if_absent: bool = False, content_type: str | None = None) -> bool:
        """Put `data` under `key`; False when it was to be absent and is not. The suffix decides the content type."""

    def upload(self, key: str, path: Path) -> None:
        """Put the file at `path` under `key`, streamed and atomic."""

    def download(self, key: str, path: Path, at_most: int = ANY_SIZE) -> None:
        """Bring `key` to `path`, streamed; `path` gets the whole file or stays as it is. ObjectMissing as in read.

        TooLarge, as soon as they come, when there are more than `at_most` bytes.
        """

    def exists(self, key: str) -> bool:
        """Whether there are bytes under `key`."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that start with `prefix` (text, not a folder), sorted."""

    def entries(self, prefix: str) -> Iterator[Entry]:
        """What `list` gives, with sizes and ages."""

    def unfinished(self) -> Iterator[Unfinished]:
        """Writes whose end is not there: at work now, or left by a killed writer."""

    def delete(self, key: str) -> None:
        """Take `key` away; an absent one is fine."""


def open_store(uri: str) -> Store:
    """The store at `s3://bucket/prefix` or `file:///folder`; S3 is reached by boto3's standard AWS variables.

    Raises:
        RequestError: the address is neither.
        StoreError: boto3 cannot use the AWS variables that it found.
    """
    scheme, _, rest = uri.partition("://")
    if scheme == "file" and rest.startswith("/"):
        return FileStore(Path(unquote(rest)))
    bucket, _, prefix = rest.rstrip("/").partition("/")
    if scheme == "s3" and re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket) and is_key(prefix or "x"):
        from tasks.bucket import S3Store  # here, as boto3 takes its time to import and a folder needs none of it

        return S3Store(bucket, prefix)
    raise RequestError(f"STORE: expected s3://bucket/prefix or file:///folder; received {uri!r}")


def is_key(key: str) -> bool:
    """Whether `key` is one, as Store defines it."""
    segments = key.split("/")
    fits = len(key) <= MAX_KEY and all(len(segment) <= MAX_SEGMENT for segment in segments)
    return fits and not {"", ".", ".."} & {*segments} and re.fullmatch(r"[A-Za-z0-9._/-]+", key) is not None


def checked_key(key: str) -> str:
    """`key` itself.

    Raises:
        ValueError: it is not a key, as Store defines it.
    """
    if not is_key(key):
        raise ValueError(
            f"key: expected a relative name of [A-Za-z0-9._/-] without empty, '.' or '..' segments, "
            f"at most {MAX_KEY} characters and {MAX_SEGMENT} a segment; received {key!r:.200}"
        )
    return key


def checked_prefix(prefix: str) -> str:
    """`prefix` itself: a key, or what some letter makes a key of.

    Raises:
        ValueError: no key starts like this.
    """
    return prefix if is_key(f"{prefix}x") else checked_key(prefix)


class FileStore:
    """A folder. One limit that S3 does not have: `a` and `a/b` cannot both be keys."""

    def __init__(self, folder: Path):
        self._folder = folder
        self.uri = folder.as_uri()

    def read(self, key: str) -> bytes:
        """See Store."""
        with self._opened(key) as source:
            return source.read()

    def write(self, key: str, data: bytes, *, if_absent: bool = False, content_type: str | None = None) -> bool:
        """See Store; a folder keeps no content types."""
        target = self._path(key)
        if if_absent and self.exists(key):
            return False
        with self._explained(key), self._landing(target) as (stream, temporary):
            stream.write(data)
            _sync(stream)
            return _linked(temporary, target) if if_absent else _moved(temporary, target)

    def upload(self, key: str, path: Path) -> None:
        """See Store."""
        target = self._path(key)
        with path.open("rb") as source, self._explained(key), self._landing(target) as (stream, temporary):
            shutil.copyfileobj(source, stream, MIB)
            _sync(stream)
            _moved(temporary, target)

    def download(self, key: str, path: Path, at_most: int = ANY_SIZE) -> None:
        """See Store."""
        count = Bound(at_most)
        with self._opened(key) as source, _temporary(path.parent) as (stream, temporary):
            while chunk := source.read(MIB):
                count(len(chunk))
                stream.write(chunk)
            stream.close()
            temporary.replace(path)

    def exists(self, key: str) -> bool:
        """See Store."""
        with self._explained(key):
            return self._path(key).is_file()

    def list(self, prefix: str) -> Iterator[str]:
        """See Store."""
        return (entry.key for entry in self.entries(prefix))

    def entries(self, prefix: str) -> Iterator[Entry]:
        """See Store; a name that is no key (a writer's temporary file) is passed over."""
        folder = self._folder / checked_prefix(prefix).rpartition("/")[0]
        with self._explained(prefix):
            found = [Entry(*about) for about in self._files(folder)]
        return iter(
            sorted((e for e in found if e.key.startswith(prefix) and is_key(e.key)), key=lambda entry: entry.key)
        )

    def unfinished(self) -> Iterator[Unfinished]:
        """See Store: the temporary files of `_temporary`."""
        with self._explained(""):
            for key, size, modified in self._files(self._folder):
                if TEMPORARY.fullmatch(key.rpartition("/")[2]):
                    yield Unfinished(key, size, modified, partial(self._unlink, key))

    def _files(self, folder: Path) -> Iterator[tuple[str, int, datetime]]:
        """Name, size and age of every file below `folder`; one that goes meanwhile is passed over."""
        for path in folder.rglob("*"):
            with suppress(FileNotFoundError):
                about = path.stat()
                if stat.S_ISREG(about.st_mode):
                    name = path.relative_to(self._folder).as_posix()
                    yield name, about.st_size, datetime.fromtimestamp(about.st_mtime, UTC)

    def delete(self, key: str) -> None:
        """See Store."""
        self._unlink(checked_key(key))

    def _unlink(self, name: str) -> None:
        path = self._folder / name
        with self._explained(name):
            if path.is_file():
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / checked_key(key)

    def _opened(self, key: str) -> BinaryIO:
        path = self._path(key)
        with self._explained(key):
            try:
                return path.open("rb")
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise ObjectMissing(f"{self.uri}/{key}: no such object") from None

    @contextmanager
    def _landing(self, target: Path) -> Iterator[tuple[BinaryIO, Path]]:
        _make(target.parent)
        with _temporary(target.parent) as landing:
            yield landing

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"{self.uri}/{key}: {error.strerror or error}; check the folder's permissions, free space and kind"
            ) from error


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file in `folder`, gone after the block unless it was moved."""
    path = folder / f"~{uuid.uuid4().hex}"
    try:
        with path.open("xb") as stream:
            yield stream, path
    finally:
        path.unlink(missing_ok=True)


def _sync(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _moved(source: Path, target: Path) -> bool:
    source.replace(target)
    _sync_folder(target.parent)
    return True


def _linked(source: Path, target: Path) -> bool:
    """Give `source` the name `target` too, unless that is taken: link(2) decides it atomically."""
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    _sync_folder(target.parent)
    return True


def _make(folder: Path) -> None:
    """Make `folder` and those above it, so that their names last."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make a new name last: https://man7.org/linux/man-pages/man2/fsync.2.html."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
