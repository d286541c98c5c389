"""What lies at a location that may change: a folder, one file, the objects under an s3:// prefix, one over HTTP.

A location is listed without reading its files. Each entry has a mark that is another one when its content is: the time
of change in a folder, the ETag elsewhere.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from tasks.data.part import is_hidden
from tasks.data.sources.archives import ARCHIVES
from tasks.errors import DataError, UnsettledError, shown
from tasks.settings.addresses import folder_of
from tasks.settings.perimeter import Perimeter
from tasks.storage.contract import MIB

CORRECT = "correct `location` in the dataset's file"
# A file that is changed twice within one tick of the clock has one time of change. A tick is some milliseconds.
TICK = 0.1  # seconds


class Entry(NamedTuple):
    """One file at a location: its name there, with folders, its size in bytes, and its mark.

    An empty mark tells nothing: the content may be another one.
    """

    name: str
    size: int
    mark: str


class Listing(NamedTuple):
    """What lies at a location; `is_file` where that is one file, and the location is the file's."""

    entries: list[Entry]
    is_file: bool

    @property
    def is_archive(self) -> bool:
        """Whether it is one archive, by its name: its members are what counts."""
        return self.is_file and self.entries[0].name.lower().endswith(ARCHIVES)


class Location(Protocol):
    """A location, which can be listed, and whose entries can be brought here. `where` names it in messages."""

    where: str

    def listing(self) -> Listing:
        """What is there now, sorted by name, without what is hidden.

        Raises:
            DataError: there is nothing, or something that must not or cannot be read.
            StoreError, DownloadError: the place cannot be reached now.
        """

    def bring(self, entry: Entry, target: Path, count: Callable[[int], None]) -> None:
        """Write the content of `entry` to `target`; `count` gets the number of bytes of each piece.

        Raises:
            UnsettledError: the entry is not any more as it was listed.
            DataError, StoreError, DownloadError: as `listing`.
        """


def location_at(address: str, allowed: tuple[str, ...], progress: Callable[[str], None]) -> Location:
    """The location at an address. It is the owner's own, so it needs no place in `allowed`, the allowed addresses."""
    if folder := folder_of(address):
        return Folder(folder)
    if address.startswith("s3://"):
        from tasks.data.sources.objects import Objects  # importing boto3 is slow

        return Objects(address)
    from tasks.data.sources.web_file import WebFile

    return WebFile(address, Perimeter((*allowed, address)), progress)


def listed(location: Location) -> Listing:
    """What lies at a location now; raises as `Location.listing` does."""
    entries, is_file = location.listing()
    entries = [entry for entry in entries if not is_hidden(entry.name)]
    if not entries:
        raise DataError(f"{location.where}: expected files, found none; {CORRECT}, or put files there")
    for entry in entries:
        check_name(entry.name, location.where)
    return Listing(sorted(entries), is_file)


def check_name(name: str, where: str) -> None:
    """Refuse a name that is no text.

    Raises:
        DataError: it is not.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DataError(f"{where}: expected names in UTF-8, received {shown(name)}; rename the file") from None


def file_name(address: str) -> str:
    """The name of the file at an address."""
    return PurePosixPath(unquote(urlsplit(address).path)).name


class Folder:
    """A folder of this machine with all below it, or one file of it."""

    def __init__(self, path: Path):
        self._path = self._root = path
        self.where = f"location {path.name or path}"  # no path of this machine goes into a report

    def listing(self) -> Listing:
        """See Location."""
        is_file = self._path.is_file()
        self._root = self._path.parent if is_file else self._path
        return Listing([self._entry(self._path.name)] if is_file else list(self._below("")), is_file)

    def _below(self, folder: str) -> Iterator[Entry]:
        """The files below a folder, which has a slash at its end unless it is the first one."""
        try:
            with os.scandir(self._root / folder) as found:
                names = [(each.name, each.is_dir(follow_symlinks=False)) for each in found]
        except OSError as error:
            raise self._explained(folder, error) from None
        for name, is_folder in names:
            if is_hidden(name):
                continue
            if is_folder:
                yield from self._below(f"{folder}{name}/")
            else:
                yield self._entry(f"{folder}{name}")

    def _entry(self, name: str) -> Entry:
        """The entry of a file, which may be a link to another one below the same folder."""
        path = self._root / name
        try:
            if path.is_symlink():
                self._check_link(name, path)
            status = path.stat()
        except OSError as error:
            raise self._explained(name, error) from None
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{self.where}: expected files and folders, received {shown(name)}, which is neither")
        if not os.access(path, os.R_OK):
            raise self._unreadable(name)
        return Entry(name, status.st_size, str(status.st_mtime_ns))

    def _check_link(self, name: str, path: Path) -> None:
        target = Path(os.path.realpath(path))
        if not (target.is_relative_to(self._root) and target.is_file()):
            raise DataError(
                f"{self.where}: expected links to files of this folder only, received {shown(name)}, which leads "
                "elsewhere; put the file itself there"
            )

    def bring(self, entry: Entry, target: Path, count: Callable[[int], None]) -> None:
        """See Location."""
        age = time.time_ns() - int(entry.mark)
        if 0 <= age < TICK * 1e9:
            time.sleep(TICK)
        try:
            source = (self._root / entry.name).open("rb")
        except OSError as error:
            raise self._explained(entry.name, error) from None
        left = entry.size
        with source, target.open("wb") as copy:
            while left > 0 and (piece := source.read(min(left, MIB))):  # a file that grows would fill the disk
                copy.write(piece)
                count(len(piece))
                left -= len(piece)
        if self._entry(entry.name) != entry:
            raise UnsettledError(f"{self.where}: {shown(entry.name)} changed while it was read")

    def _explained(self, name: str, error: OSError) -> Exception:
        """The error in our words. What is not there any more was there when it was listed, but for the first folder."""
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            if name:
                return UnsettledError(f"{self.where}: {shown(name)} vanished while the folder was read")
            return DataError(f"{self.where}: expected a folder or a file, found neither; {CORRECT}")
        if isinstance(error, PermissionError):
            return self._unreadable(name)
        return OSError(error.errno, f"{self.where}: {shown(name)}: {error.strerror}")

    def _unreadable(self, name: str) -> DataError:
        what = shown(name) if name else "the folder"
        return DataError(f"{self.where}: expected files that may be read, received {what}; change its permissions")
