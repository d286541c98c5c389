"""Archives: named members of a .tar.gz, read safely.

An archive is read member by member as a stream. No path in an archive is ever used as a path here.
"""

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from tasks.errors import DataError
from tasks.storage.contract import MIB

MAX_MEMBER = 512 * MIB
MAX_MEMBERS = 1000
# An archive may unpack to 100 times its size. This limit is never below 64 MiB and never above 2 GiB.
MAX_RATIO = 100
SMALL_ARCHIVE = 64 * MIB
MAX_ARCHIVE = 2048 * MIB


def extract(path: Path, members: Iterable[str], folder: Path, address: str) -> Iterator[str]:
    """Write `members` of the archive at `path` into `folder`, each under its base name; yield these names one by one.

    `address` is where the archive came from, for messages.

    Raises:
        DataError: the archive is cut, not a plain one, too large, or without one of the members.
    """
    missing = set(members)
    try:
        with _BoundedGzip(path, address) as unzipped, tarfile.open(fileobj=unzipped, mode="r:") as archive:
            for member in _plain_members(archive, address):
                content = archive.extractfile(member) if member.name in missing else None
                if content:
                    missing.remove(member.name)
                    yield _written(content, folder / PurePosixPath(member.name).name)
                if not missing:
                    return  # the rest of the archive is not read
    # RecursionError: tarfile follows a chain of extended headers by calling itself.
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, RecursionError) as error:
        raise DataError(f"{address}: expected a whole .tar.gz, received one that cannot be read ({error})") from None
    raise DataError(f"{address}: expected the members {', '.join(sorted(missing))}, received an archive without them")


def _written(content: IO[bytes], path: Path) -> str:
    with path.open("wb") as target:
        shutil.copyfileobj(content, target, MIB)
    return path.name


class _BoundedGzip(gzip.GzipFile):
    """The unzipped archive, bounded as a whole and per read: tarfile reads a whole extended header at once."""

    def __init__(self, path: Path, address: str):
        super().__init__(path)
        self._address = address
        self._limit = min(MAX_ARCHIVE, max(SMALL_ARCHIVE, MAX_RATIO * path.stat().st_size))

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes; `size` must be a number, from 0 to 1 MiB."""
        if size is None or not 0 <= size <= MIB:
            raise DataError(f"{self._address}: expected plain headers, received one of {size:,} bytes")
        self._check(self.tell() + size)
        return super().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position, counted from the start."""
        self._check(offset)
        return super().seek(offset, whence)

    def _check(self, position: int) -> None:
        if position > self._limit + MIB:  # a reader may ask for more than there is
            raise DataError(f"{self._address}: expected at most {self._limit // MIB} MiB unpacked, received more")


def _plain_members(archive: tarfile.TarFile, address: str) -> Iterator[tarfile.TarInfo]:
    """The members of an archive, one by one, as long as they are few, small, and plain files or folders."""
    for number, member in enumerate(archive, 1):
        if number > MAX_MEMBERS or member.size > MAX_MEMBER:
            raise DataError(
                f"{address}: expected at most {MAX_MEMBERS} members of {MAX_MEMBER // MIB} MiB, received more"
            )
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise DataError(f"{address}: expected plain files in folders, received the member {member.name!r}")
        yield member
