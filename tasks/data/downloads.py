"""Upstream files: downloaded from their addresses, or from a mirror, and kept only when every digest agrees.

Addresses are tried in order. Each is tried a few times when its fault may be temporary.
"""

import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

from tasks.data.archives import extract
from tasks.data.transfer import FAULTS, MAX_DOWNLOAD, receive
from tasks.errors import DataError, DiscreetError
from tasks.settings.addresses import folder_of
from tasks.settings.dataset import Source
from tasks.settings.perimeter import Perimeter
from tasks.storage.artifacts import file_digest
from tasks.storage.contract import MIB, ObjectMissing, StoreError, TooLarge
from tasks.storage.location import open_store

log = logging.getLogger(__name__)

ATTEMPTS = 3
NOT_WORTH_A_RETRY = {400, 401, 403, 404, 405, 410, 451}
LEADS_NOWHERE = (requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL, requests.TooManyRedirects)


class DownloadError(DiscreetError, RuntimeError):
    """No address could be reached; a later attempt may succeed."""


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
        DataError: the file is missing, its bytes do not have the configured digests, or the address leads into a
            private network that is not in `allowed_addresses`.
        DownloadError: no address could be reached.
    """
    perimeter = Perimeter(allowed_addresses)
    addresses = [f"{mirror}/{source.name}"] if mirror else list(source.urls)
    with tempfile.TemporaryDirectory(prefix="download-") as scratch:
        arrived = Path(scratch, source.name)
        address = _first_that_serves(addresses, arrived, perimeter, progress)
        for name in _put_into(folder, source, arrived, address):
            _check(folder / name, source.digests[name], address)


def _put_into(folder: Path, source: Source, arrived: Path, address: str) -> Iterator[str]:
    """The names of the files that are put into `folder`: the source's file itself, or its members."""
    if source.members:
        return extract(arrived, source.members, folder, address)
    shutil.copyfile(arrived, folder / source.name)
    return iter([source.name])


def _check(path: Path, expected: str, address: str) -> None:
    received = file_digest(path)
    if received != expected:
        path.unlink()
        raise DataError(
            f"{path.name} from {address}: expected SHA-256 {expected}, received {received}; "
            "the file was cut or changed: fetch it again, or correct the digest in config/datasets"
        )


def _first_that_serves(
    addresses: list[str], target: Path, perimeter: Perimeter, progress: Callable[[str], None]
) -> str:
    """Download from the first address that works, and return it. If none works, raise the last address's fault."""
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
    """Download from a mirror that is a store: a folder, file:// or s3://. The file's name is the key."""
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
    """Download in up to ATTEMPTS attempts, some seconds apart, when the fault may be temporary."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            receive(address, target, perimeter, progress)
            return
        except LEADS_NOWHERE as error:
            raise DataError(f"{address}: expected the file, the address leads nowhere ({error}); check it") from None
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
