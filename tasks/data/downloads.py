"""Upstream files: from their addresses, or from a mirror, into a folder, only when every digest agrees.

Addresses are tried in order, each a few times when the fault can heal. Archives are read member by member as a stream:
no path of an archive is ever used as a path here.
"""

import gzip
import logging
import shutil
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

import requests

from tasks.data.transfer import FAULTS, MAX_DOWNLOAD, MIB, receive
from tasks.errors import DataError
from tasks.settings.addresses import folder_of
from tasks.settings.dataset import Source
from tasks.settings.perimeter import Perimeter
from tasks.storage.artifacts import file_digest
from tasks.storage.contract import ObjectMissing, StoreError, TooLarge
from tasks.storage.location import open_store

log = logging.getLogger(__name__)

ATTEMPTS = 3
MAX_MEMBER = 512 * MIB
MAX_MEMBERS = 1000
# An archive unpacks to at most 2 GiB, and to 100 times its size where that is less and not little.
MAX_ARCHIVE = 2048 * MIB
MAX_RATIO = 100
SMALL_ARCHIVE = 64 * MIB
NOT_WORTH_A_RETRY = {400, 401, 403, 404, 405, 410, 451}
LED_NOWHERE = (requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL, requests.TooManyRedirects)


class DownloadError(RuntimeError):
    """No address could be reached; a later attempt may."""


def bring(
    source: Source,
    mirror: str | None,
    folder: Path,
    progress: Callable[[str], None],
    allowed_addresses: tuple[str, ...] = (),
) -> None:
    """Put the files of `source` into `folder`, from upstream or from `mirror` (a folder, file://, http(s):// or s3://).

    Raises:
        RequestError: the mirror is a folder that is not in `allowed_addresses`.
        DataError: the file is not there, its bytes are not those of the configured digests, or the address leads into
            a private network that is not in `allowed_addresses`.
        DownloadError: no address could be reached.
    """
    perimeter = Perimeter(allowed_addresses)
    addresses = [f"{mirror}/{source.name}"] if mirror else list(source.urls)
    with tempfile.TemporaryDirectory(prefix="download-") as scratch:
        arrived = Path(scratch, source.name)
        address = _first_that_serves(addresses, arrived, perimeter, progress)
        for name in _unpacked(source, arrived, folder, address):
            _check(folder / name, source.digests[name], address)


def _check(path: Path, expected: str, address: str) -> None:
    received = file_digest(path)
    if received != expected:
        path.unlink()
        raise DataError(
            f"{path.name} from {address}: expected SHA-256 {expected}, received {received}; "
            "the file was cut or changed: fetch it anew, or correct the digest in config/datasets"
        )


def _first_that_serves(
    addresses: list[str], target: Path, perimeter: Perimeter, progress: Callable[[str], None]
) -> str:
    """Download from the first address that works; which one it was. The last address's fault is raised."""
    for number, address in enumerate(addresses, 1):
        try:
            _download(address, target, perimeter, progress)
        except (DataError, DownloadError) as error:
            if number == len(addresses):
                raise
            log.warning("%s; trying the next address", error)
        else:
            break
    return address


def _download(address: str, target: Path, perimeter: Perimeter, progress: Callable[[str], None]) -> None:
    perimeter.check(address)
    if address.startswith(("http://", "https://")):
        _from_http(address, target, perimeter, progress)
    else:
        _from_store(address, target)


def _from_store(address: str, target: Path) -> None:
    """A folder, file:// or s3:// mirror is a store to read one key from."""
    place, _, name = address.rpartition("/")
    folder = folder_of(place)
    uri = folder.as_uri() if folder else place
    try:
        open_store(uri).download(name, target, at_most=MAX_DOWNLOAD)
    except TooLarge:
        limit = MAX_DOWNLOAD // MIB
        raise DataError(f"{address}: expected at most {limit} MiB, received more; check the mirror") from None
    except ObjectMissing:
        raise DataError(f"{address}: expected the upstream file here, found none; check the mirror") from None
    except StoreError as error:
        raise DownloadError(f"{address}: {error}") from None


def _from_http(address: str, target: Path, perimeter: Perimeter, progress: Callable[[str], None]) -> None:
    """Download with a few attempts, apart by seconds, where the fault can heal."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            receive(address, target, perimeter, progress)
            return
        except LED_NOWHERE as error:
            raise DataError(f"{address}: expected the file, was led astray ({error}); check the address") from None
        except FAULTS as error:
            answer = getattr(error, "response", None)
            status = answer.status_code if answer is not None else None
            if status in NOT_WORTH_A_RETRY:
                raise DataError(f"{address}: expected the file, received HTTP {status}; check the address") from None
            reason = f"HTTP {status}" if status else type(error).__name__
            log.warning("%s: %s (attempt %d of %d)", address, reason, attempt, ATTEMPTS)
            if attempt == ATTEMPTS:
                raise DownloadError(
                    f"{address}: expected an answer, received {reason} in {ATTEMPTS} attempts; check the network, "
                    "or name a mirror (MIRROR=folder or address)"
                ) from None
            time.sleep(2**attempt)


def _unpacked(source: Source, arrived: Path, folder: Path, address: str) -> Iterator[str]:
    """The names of the files that are put into `folder`: the source itself, or the members that it asks for."""
    if not source.members:
        shutil.copyfile(arrived, folder / source.name)
        yield source.name
        return
    missing = set(source.members)
    try:
        with _Unzipped(arrived, address) as unzipped, tarfile.open(fileobj=unzipped, mode="r:") as archive:
            for member in _plain(archive, address):
                content = archive.extractfile(member) if member.name in missing else None
                if content:
                    missing.remove(member.name)
                    yield _kept(content, folder / PurePosixPath(member.name).name)
                if not missing:
                    return  # whatever follows is not read
    # Recursion: tarfile follows a chain of extended headers by calling itself.
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, RecursionError) as error:
        raise DataError(f"{address}: expected a whole .tar.gz, received one that cannot be read ({error})") from None
    raise DataError(f"{address}: expected the members {', '.join(sorted(missing))}, received an archive without them")


def _kept(content: IO[bytes], path: Path) -> str:
    with path.open("wb") as target:
        shutil.copyfileobj(content, target, MIB)
    return path.name


class _Unzipped(gzip.GzipFile):
    """What tarfile reads of an archive, as long as it is no bomb: in all, and at once (its extended headers)."""

    def __init__(self, arrived: Path, address: str):
        super().__init__(arrived)
        self._address = address
        self._limit = min(MAX_ARCHIVE, max(SMALL_ARCHIVE, MAX_RATIO * arrived.stat().st_size))

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes, a number that must be given."""
        if size is None or not 0 <= size <= MIB:
            raise DataError(f"{self._address}: expected plain headers, received one of {size:,} bytes")
        self._check(self.tell() + size)
        return super().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position, counted from the start."""
        self._check(offset)
        return super().seek(offset, whence)

    def _check(self, position: int) -> None:
        if position > self._limit + MIB:  # a reader asks for more than there is
            raise DataError(f"{self._address}: expected at most {self._limit // MIB} MiB unpacked, received more")


def _plain(archive: tarfile.TarFile, address: str) -> Iterator[tarfile.TarInfo]:
    """The members of an archive, as long as it looks like a plain, bounded one."""
    for number, member in enumerate(archive, 1):
        if number > MAX_MEMBERS or member.size > MAX_MEMBER:
            raise DataError(
                f"{address}: expected at most {MAX_MEMBERS} members of {MAX_MEMBER // MIB} MiB, received more"
            )
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise DataError(f"{address}: expected plain files in folders, received the member {member.name!r}")
        yield member
