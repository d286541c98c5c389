"""Upstream files: from their addresses, or from a mirror, into a folder, only when every digest agrees.

Addresses are tried in order, each a few times when the fault can heal. Archives are read member by member as a stream:
no path of an archive is ever used as a path here.
"""

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
from pooch import HTTPDownloader

from tasks.artifacts import file_digest
from tasks.errors import DataError
from tasks.request import Source
from tasks.store import ObjectMissing, StoreError, open_store

log = logging.getLogger(__name__)

ATTEMPTS = 3
TIMEOUT = (10, 60)  # seconds to connect, and between two reads
MIB = 2**20
MAX_DOWNLOAD = 1024 * MIB
MAX_MEMBER = 512 * MIB
MAX_ARCHIVE = 2048 * MIB
MAX_MEMBERS = 1000
NOT_WORTH_A_RETRY = {400, 401, 403, 404, 405, 410, 451}


class DownloadError(RuntimeError):
    """No address could be reached; a later attempt may."""


def bring(source: Source, mirror: str | None, folder: Path, progress: Callable[[str], None]) -> None:
    """Put the files of `source` into `folder`, from upstream or from `mirror` (a folder, file://, http(s):// or s3://).

    Raises:
        DataError: the file is not there, or its bytes are not those of the configured digests.
        DownloadError: no address could be reached.
    """
    addresses = [f"{mirror}/{source.name}"] if mirror else list(source.urls)
    with tempfile.TemporaryDirectory(prefix="download-") as scratch:
        arrived = Path(scratch, source.name)
        address = _first_that_serves(addresses, arrived, progress)
        for name, content in _contents(source, arrived, address):
            with (folder / name).open("wb") as target:
                shutil.copyfileobj(content, target, MIB)
            _check(folder / name, source.digests[name], address)


def _check(path: Path, expected: str, address: str) -> None:
    received = file_digest(path)
    if received != expected:
        path.unlink()
        raise DataError(
            f"{path.name} from {address}: expected SHA-256 {expected}, received {received}; "
            "the file was cut or changed: fetch it anew, or correct the digest in config/datasets"
        )


def _first_that_serves(addresses: list[str], target: Path, progress: Callable[[str], None]) -> str:
    """Download from the first address that works; which one it was. The last address's fault is raised."""
    for number, address in enumerate(addresses, 1):
        try:
            _download(address, target, progress)
        except (DataError, DownloadError) as error:
            if number == len(addresses):
                raise
            log.warning("%s; trying the next address", error)
        else:
            break
    return address


def _download(address: str, target: Path, progress: Callable[[str], None]) -> None:
    if address.startswith(("http://", "https://")):
        _from_http(address, target, progress)
    else:
        _from_store(address, target)


def _from_store(address: str, target: Path) -> None:
    """A folder, file:// or s3:// mirror is a store to read one key from."""
    place, _, name = address.rpartition("/")
    uri = place if "://" in place else Path(place).resolve().as_uri()
    try:
        open_store(uri).download(name, target)
    except ObjectMissing:
        raise DataError(f"{address}: expected the upstream file here, found none; check the mirror") from None
    except StoreError as error:
        raise DownloadError(f"{address}: {error}") from None


def _from_http(address: str, target: Path, progress: Callable[[str], None]) -> None:
    """Download with a few attempts, apart by seconds, where the fault can heal."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            meter = Meter(address, progress)
            HTTPDownloader(progressbar=meter, chunk_size=MIB, timeout=TIMEOUT)(address, str(target), None)
            return
        except requests.RequestException as error:
            status = error.response.status_code if error.response is not None else None
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


class Meter:
    """Progress of one download in the form that pooch asks for: a line each tenth of the way, and the bound on size."""

    def __init__(self, address: str, progress: Callable[[str], None]):
        self._address, self._progress = address, progress
        self.total = 0
        self._received = self._shown = 0

    def update(self, size: int) -> None:
        """Count `size` more bytes."""
        self._received += size
        if self._received > MAX_DOWNLOAD:
            raise DataError(
                f"{self._address}: expected at most {MAX_DOWNLOAD // MIB} MiB, received more; check the address"
            )
        # pooch counts whole chunks, the last one too, which is shorter
        share = 10 * min(self._received, self.total) // self.total if self.total else 0
        if share > self._shown:
            self._shown = share
            self._progress(f"{PurePosixPath(self._address).name}: {10 * share} % of {self.total / MIB:.0f} MiB")

    def reset(self) -> None:
        """Start again from nothing; pooch calls this at the end of a download."""
        self._received = 0

    def close(self) -> None:
        """Nothing to close."""


def _contents(source: Source, arrived: Path, address: str) -> Iterator[tuple[str, IO[bytes]]]:
    """The files of a source as (name to keep, stream): the file itself, or the archive's members that are asked for."""
    if not source.members:
        with arrived.open("rb") as stream:
            yield source.name, stream
        return
    missing = set(source.members)
    try:
        with tarfile.open(arrived, "r|gz") as archive:
            for member in _bounded(archive, address):
                content = archive.extractfile(member) if member.name in missing else None
                if content:
                    missing.remove(member.name)
                    yield PurePosixPath(member.name).name, content
                if not missing:
                    return  # whatever follows is not read
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{address}: expected a whole .tar.gz, received one that cannot be read ({error})") from None
    raise DataError(f"{address}: expected the members {', '.join(sorted(missing))}, received an archive without them")


def _bounded(archive: tarfile.TarFile, address: str) -> Iterator[tarfile.TarInfo]:
    """The members of an archive, as long as it looks like a plain, bounded one."""
    total = 0
    for number, member in enumerate(archive, 1):
        total += member.size
        if number > MAX_MEMBERS or member.size > MAX_MEMBER or total > MAX_ARCHIVE:
            raise DataError(
                f"{address}: expected at most {MAX_MEMBERS} members and {MAX_ARCHIVE // MIB} MiB, received more"
            )
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise DataError(f"{address}: expected plain files in folders, received the member {member.name!r}")
        yield member
