"""Archives: named members of a .tar, plain or packed, or of a .zip, read safely.

An archive is read member by member. No path in an archive is ever used as a path here. What is not asked for is passed
over, be it a link or a device; what is asked for must be a plain file.
"""

import bz2
import gzip
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from tasks.errors import DataError, shown
from tasks.storage.contract import MIB

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")  # what their names end with
# An archive may unpack to 100 times its size. This limit is never below 64 MiB, and never above that of its Limits.
MAX_RATIO = 100
SMALL_ARCHIVE = 64 * MIB
# What a file begins with says how it is packed; https://en.wikipedia.org/wiki/List_of_file_signatures
PACKED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
ZIPPED = (b"PK\3\4", b"PK\5\6")
FOLDER = "is not a plain file but a folder"
SIGNATURE = 6  # bytes, of the longest of them
NAMED = 10  # files that a message names
# RecursionError: tarfile follows a chain of extended headers by calling itself. The others are what the readers of the
# standard library raise when bytes make no sense.
DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    UnicodeError,
    EOFError,
    NotImplementedError,
    RecursionError,
)


class Limits(NamedTuple):
    """How many members an archive may have, and how many bytes unpacked, each of them and all together."""

    members: int
    member: int
    archive: int


PINNED = Limits(1000, 512 * MIB, 2048 * MIB)  # an archive of known files
LIVING = Limits(2_000_000, 2**37, 2**40)  # one of the owner's own choice, with an image in each member


class Member(NamedTuple):
    """One entry of an archive: its name without `./`, its unpacked size in bytes, and its content.

    `fault` says why it cannot be taken; it is empty for a plain file.
    """

    name: str
    size: int
    fault: str
    open: Callable[[], IO[bytes] | None]


def extract(path: Path, members: Iterable[str], folder: Path, address: str) -> Iterator[str]:
    """Write `members` of the archive at `path` into `folder`, each under its base name; yield these names one by one.

    `address` is where the archive came from, for messages.

    Raises:
        DataError: the archive is cut, of an unknown kind, too large, without one of the members, or one of them is
            not a plain file.
    """
    missing, others = set(members), []
    with _readable(address):
        for member in _harmless(path, PINNED, address, wanted=missing):
            if member.name in missing:
                missing.remove(member.name)
                yield _written(member, folder / PurePosixPath(member.name).name).name
            elif not member.fault:
                others.append(shown(member.name, 80))
            if not missing:
                return  # the rest of the archive is not read
    raise DataError(
        f"{address}: expected the members {', '.join(sorted(missing))}, "
        f"received an archive without them; {_listed(others)}"
    )


def unpack(path: Path, folder: Path, address: str) -> Iterator[tuple[str, Path]]:
    """Write every file of the archive at `path` into `folder`, under numbers; yield the name and the path of each.

    The caller takes each file away, or all of them stay. Of two members of one name the later one counts, as elsewhere.

    Raises:
        DataError: as `extract`; every member must be a plain file or a folder.
    """
    with _readable(address):
        for number, member in enumerate(_harmless(path, LIVING, address)):
            if member.fault != FOLDER:
                yield member.name, _written(member, folder / str(number))


@contextmanager
def _readable(address: str) -> Iterator[None]:
    """What the readers of the standard library raise, in our words."""
    try:
        yield
    except (*DAMAGED, OSError) as error:
        if getattr(error, "errno", None) is not None:  # this machine's disk
            raise
        raise DataError(
            f"{address}: expected a whole .tar.gz, .tar.bz2, .tar.xz, .tar or .zip, "
            f"received one that cannot be read ({error})"
        ) from None


def _listed(names: list[str]) -> str:
    """Some of the names, as messages show them, on one line."""
    if not names:
        return "it has no other files"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"its other files are {', '.join(names[:NAMED])}{more}"


def _written(member: Member, path: Path) -> Path:
    content = member.open()
    with path.open("wb") as target:
        if content:
            shutil.copyfileobj(content, target, MIB)
    return path


def _harmless(path: Path, limits: Limits, address: str, wanted: set[str] | None = None) -> Iterator[Member]:
    """The members of an archive, one by one, as long as they are few and small, and the wanted ones plain files.

    Without `wanted`, all are wanted, and a folder is no fault.
    """
    limit, total = min(limits.archive, max(SMALL_ARCHIVE, MAX_RATIO * path.stat().st_size)), 0
    for number, member in enumerate(_members(path, limit, address), 1):
        if number > limits.members or member.size > limits.member:
            raise DataError(
                f"{address}: expected at most {limits.members} members, each of at most {limits.member // MIB} MiB, "
                "received more; name a smaller archive"
            )
        place = PurePosixPath(member.name)
        is_wanted = member.fault != FOLDER if wanted is None else member.name in wanted
        fault = member.fault if is_wanted else ""
        if fault or place.is_absolute() or ".." in place.parts:
            reason = f", which {fault}" if fault else ""
            raise DataError(
                f"{address}: expected plain files in folders, received the member {shown(member.name)}{reason}"
            )
        total += member.size if is_wanted else 0
        if total > limit:
            raise _too_large(address, limit)
        yield member


def _members(path: Path, limit: int, address: str) -> Iterator[Member]:
    """The entries of the archive at `path`, whatever its kind; at most `limit` bytes of a packed one are unpacked."""
    with path.open("rb") as file:
        signature = file.read(SIGNATURE)
        if signature.startswith(ZIPPED):
            with zipfile.ZipFile(_BoundedZip(file, path.stat().st_size + MIB, address)) as zipped:  # type: ignore[call-overload]
                yield from (_of_zip(zipped, entry) for entry in zipped.infolist())
            return
    unpacked: Callable[..., Any] = next(
        (kind for start, kind in PACKED.items() if signature.startswith(start)), Path.open
    )
    with unpacked(path, "rb") as stream:
        bounded = _Bounded(stream, limit, address)
        with tarfile.open(fileobj=bounded, mode="r:") as archive:  # type: ignore[call-overload]
            yield from (_of_tar(archive, entry) for entry in archive)


def _of_tar(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> Member:
    fault = "" if entry.isfile() else FOLDER if entry.isdir() else "is not a plain file"
    return Member(_name(entry.name), entry.size, fault, lambda: archive.extractfile(entry))


def _of_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Member:
    mode = stat.S_IFMT(entry.external_attr >> 16)  # 0 where the archive was not made on Unix
    if entry.is_dir() or mode == stat.S_IFDIR:
        fault = FOLDER
    elif mode not in (0, stat.S_IFREG):
        fault = "is not a plain file"
    elif entry.flag_bits & 1:
        fault = "has a password"
    elif entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # Python unpacks the others in pieces whose size has no bound.
        fault = "is packed in another way than deflate"
    else:
        fault = ""
    return Member(_name(entry.filename), entry.file_size, fault, lambda: archive.open(entry))


def _name(path: str) -> str:
    """The name of a member as the configuration writes it: `./a//b` is `a/b`."""
    return str(PurePosixPath(path))


def _too_large(address: str, limit: int) -> DataError:
    return DataError(f"{address}: expected at most {limit // MIB} MiB unpacked, received more")


class _Bounded:
    """The unpacked bytes of an archive, bounded as a whole and per read: tarfile reads a whole extended header at once.

    `stream` unpacks as it is read, so that no more than the bounds is ever in memory.
    """

    def __init__(self, stream: Any, limit: int, address: str):
        self._stream, self._limit, self._address = stream, limit, address

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; `size` must be a number, from 0 to 1 MiB."""
        if not 0 <= size <= MIB:
            raise DataError(f"{self._address}: expected plain headers, received one of {size:,} bytes")
        self._check(self.tell() + size)
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position, counted from the start or, in a file, from the end."""
        if whence == os.SEEK_SET:
            self._check(offset)
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """The position, counted from the start."""
        return self._stream.tell()

    def seekable(self) -> bool:
        """Whether `seek` works."""
        return True

    def _check(self, position: int) -> None:
        if position < 0:
            raise EOFError(f"a position of {position:,}")
        if position > self._limit + MIB:  # a reader may ask for more than there is
            raise _too_large(self._address, self._limit)


class _BoundedZip(_Bounded):
    """The bytes of a .zip, bounded. `zipfile` reads the directory in one piece, and the file's end without a size."""

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, or 1 MiB where no size is named."""
        return super().read(MIB if size < 0 else size)

    def _check(self, position: int) -> None:
        if not 0 <= position <= self._limit:
            raise EOFError(f"a position of {position:,}")
