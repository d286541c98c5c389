"""The store in a plain folder."""

import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from tasks.errors import RequestError
from tasks.storage.contract import (
    ANY_SIZE,
    MIB,
    Bound,
    Entry,
    ObjectMissing,
    Refused,
    StoreError,
    Unfinished,
    checked_key,
    checked_prefix,
    is_key,
)

TEMPORARY = re.compile(r"~[0-9a-f]{32}")  # '~' keeps the name from being a key


class FileStore:
    """A store in a folder. Unlike in S3, `a` and `a/b` cannot both be keys."""

    def __init__(self, folder: Path):
        self._folder = folder
        self.uri = folder.as_uri()

    def read(self, key: str) -> bytes:
        """See Store."""
        with self._opened(key) as source:
            return source.read()

    def write(self, key: str, data: bytes, *, if_absent: bool = False, content_type: str | None = None) -> bool:
        """See Store. A folder keeps no content types."""
        target = self._path(key)
        if if_absent and self.exists(key):
            return False
        with self._explained(key), self._temporary_beside(target) as (stream, temporary):
            stream.write(data)
            _sync(stream)
            return _linked(temporary, target) if if_absent else _moved(temporary, target)

    def upload(self, key: str, path: Path) -> None:
        """See Store."""
        target = self._path(key)
        with path.open("rb") as source, self._explained(key), self._temporary_beside(target) as (stream, temporary):
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
        """See Store. Names that are not keys are skipped: a writer's temporary file, for example."""
        folder, _, start = checked_prefix(prefix).rpartition("/")
        with self._explained(prefix):
            entries = [Entry(*file) for file in self._files(self._folder / folder, start)]
        matching = (entry for entry in entries if entry.key.startswith(prefix) and is_key(entry.key))
        return iter(sorted(matching, key=lambda entry: entry.key))

    def unfinished(self) -> Iterator[Unfinished]:
        """See Store: the temporary files of `_temporary`."""
        with self._explained(""):
            for key, size, modified in self._files(self._folder):
                if TEMPORARY.fullmatch(key.rpartition("/")[2]):
                    yield Unfinished(key, size, modified, partial(self._unlink, key))

    def _files(self, folder: Path, start: str = "") -> Iterator[tuple[str, int, datetime]]:
        """Name, size and time of change of every file below `folder`, in what has a name that begins with `start`.

        A file that vanishes meanwhile is skipped, and so is a folder that nobody may read.
        """
        children: list[os.DirEntry[str]] = []
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            children = [child for child in os.scandir(folder) if child.name.startswith(start)]
        for child in children:
            if child.is_dir(follow_symlinks=False):
                yield from self._files(Path(child.path))
                continue
            with suppress(FileNotFoundError):
                status = child.stat()
                if stat.S_ISREG(status.st_mode):
                    name = Path(child.path).relative_to(self._folder).as_posix()
                    yield name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)

    def delete(self, key: str) -> None:
        """See Store."""
        self._unlink(checked_key(key))

    def link(self, key: str, seconds: int) -> str:
        """See Store."""
        raise RequestError(f"{self.uri}: expected a store in S3, received a folder; nobody else can open links to it")

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
    def _temporary_beside(self, target: Path) -> Iterator[tuple[BinaryIO, Path]]:
        _make(target.parent)
        with _temporary(target.parent) as file:
            yield file

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise (Refused if isinstance(error, PermissionError) else StoreError)(
                f"{self.uri}/{key}: {error.strerror or error}; "
                "check the folder's permissions, free space and file system"
            ) from error


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file in `folder`; it is deleted after the block unless it was moved."""
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
    """Give `source` the additional name `target`, unless that is taken; link(2) decides it atomically."""
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    _sync_folder(target.parent)
    return True


def _make(folder: Path) -> None:
    """Make `folder` and its parents, so that their names survive a crash."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Let a new name in `folder` survive a crash: https://man7.org/linux/man-pages/man2/fsync.2.html."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
