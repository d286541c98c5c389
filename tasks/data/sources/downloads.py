"""Upstream files: downloaded from their addresses, or from a mirror, and kept only when every digest agrees.

Addresses are tried in order. Each is tried a few times while its fault may pass: no answer, a busy server, or wrong
bytes. Wrong bytes may be a login page or a cut file.
"""

import codecs
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.data.sources.archives import extract
from tasks.data.sources.faults import DownloadError, explaining
from tasks.data.sources.transfer import Answer, receive
from tasks.errors import DataError, shown
from tasks.settings.addresses import folder_of
from tasks.settings.dataset import Source
from tasks.settings.perimeter import Perimeter
from tasks.storage.artifacts import file_digest
from tasks.storage.contract import MIB, ObjectMissing, StoreError, TooLarge
from tasks.storage.location import open_store

log = logging.getLogger(__name__)

ATTEMPTS = 3
MAX_DOWNLOAD = 1024 * MIB
LONGEST_PAUSE = 60.0  # seconds; a server that asks for a longer one is left, and the next address asked
EXCERPT = 80  # characters that a message shows of what is not the file
WAY_OUT = "check the network, or name a mirror (MIRROR=folder or address)"


class NotTheFileError(DataError):
    """An address served other bytes than the file's; `digest` is their SHA-256."""

    def __init__(self, message: str, digest: str):
        super().__init__(message)
        self.digest = digest


class Download(NamedTuple):
    """One source on its way: where its file arrives, where the kept files go, and how far a download may reach."""

    source: Source
    arrived: Path
    folder: Path
    perimeter: Perimeter
    progress: Callable[[str], None]


def bring(
    source: Source,
    mirror: str | None,
    folder: Path,
    progress: Callable[[str], None],
    allowed_addresses: tuple[str, ...] = (),
) -> tuple[str, Answer]:
    """Put the files of `source` into `folder`, from upstream or from `mirror` (a folder, file://, http(s):// or s3://).

    Returns the address that served them, and what it said of the file.

    Raises:
        RequestError: the mirror is a folder that is not in `allowed_addresses`.
        DataError: the file is missing, its bytes do not have the configured digests, or the address leads into a
            private network that is not in `allowed_addresses`.
        DownloadError: no address gave the file, and at least one of them may give it later.
    """
    perimeter, faults = Perimeter(allowed_addresses), []
    addresses = addresses_of(source, mirror)
    with tempfile.TemporaryDirectory(prefix="download-") as scratch:
        download = Download(source, Path(scratch, source.name), folder, perimeter, progress)
        for left, address in zip(reversed(range(len(addresses))), addresses, strict=True):
            try:
                return address, _from_address(address, download)
            except (DataError, DownloadError) as fault:
                faults.append(fault)
                if left:
                    log.warning("%s; trying the next address", fault)
    raise _summary(source, faults)


def addresses_of(source: Source, mirror: str | None) -> list[str]:
    """Where a source is asked for, in order: at the mirror alone where there is one."""
    return [f"{mirror}/{source.name}"] if mirror else list(source.urls)


def _summary(source: Source, faults: Sequence[DataError | DownloadError]) -> DataError | DownloadError:
    """One error that says what each address gave. A later run may succeed if it may at one of them."""
    said = "; ".join(f"({number}) {fault}" for number, fault in enumerate(faults, 1))
    text = str(faults[0]) if len(faults) == 1 else f"{source.name}: none of {len(faults)} addresses gave it: {said}"
    if any(isinstance(fault, DownloadError) for fault in faults):
        return DownloadError(f"{text}; {WAY_OUT}")
    return DataError(text)


def _from_address(address: str, download: Download) -> Answer:
    """The files from one address, in up to ATTEMPTS attempts, some seconds apart. A store has attempts of its own."""
    download.perimeter.check(address)
    attempts = ATTEMPTS if _is_http(address) else 1
    digests = set()
    for attempt in range(1, attempts + 1):
        try:
            return _attempt(address, download)
        except DownloadError as error:
            fault: DataError | DownloadError = error
            pause = max(error.pause, 2.0**attempt)
            if pause > LONGEST_PAUSE:
                break
        except NotTheFileError as error:
            fault, pause = error, 2.0**attempt
            if error.digest in digests:  # the same bytes once more are no accident on the way
                break
            digests.add(error.digest)
        if attempt < attempts:
            log.warning("%s (attempt %d of %d)", fault, attempt, attempts)
            time.sleep(pause)
    raise fault


def _attempt(address: str, download: Download) -> Answer:
    """Download the file, check it, and put what is wanted of it into the folder."""
    arrived = download.arrived
    answer = _from_http(address, download) if _is_http(address) else _from_store(address, arrived)
    try:
        for name in _put_into(download, address):
            _check(download.folder / name, download.source.digests[name], address)
    except DataError as error:
        described = _described(answer, arrived, download.perimeter)
        raise NotTheFileError(f"{error} ({described})", file_digest(arrived)) from None
    return answer


def _put_into(download: Download, address: str) -> Iterator[str]:
    """The names of the files that are put into the folder: the source's file itself, or its members."""
    source, arrived, folder = download.source, download.arrived, download.folder
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
            "the file was cut or changed: name a mirror that has it, or correct the digest in config/datasets"
        )


def _described(answer: Answer, arrived: Path, perimeter: Perimeter) -> str:
    """What came in place of the file: what the server said, the size, and the start of a text."""
    parts = [answer.said, f"{arrived.stat().st_size:,} bytes"]
    if perimeter.may_quote(answer.url) and (excerpt := _excerpt(arrived)):
        parts.append(f"beginning with {shown(excerpt, EXCERPT)}")
    return ", ".join(filter(None, parts))


def _excerpt(path: Path) -> str:
    """The first words of a file of text; nothing of any other."""
    with path.open("rb") as stream:
        head = stream.read(100 * EXCERPT)  # secrets are hidden before the text is cut
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the end may fall into a character
    except UnicodeDecodeError:
        return ""
    words = " ".join(text.split())
    return words if words.isprintable() else ""


def _is_http(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def _from_http(address: str, download: Download) -> Answer:
    with explaining(address):
        return receive(address, download.arrived, download.perimeter, download.progress, MAX_DOWNLOAD)


def _from_store(address: str, target: Path) -> Answer:
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
    return Answer(address, "", target.stat().st_size)
