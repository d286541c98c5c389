"""Whether the sources of a dataset are still as they were when its files were downloaded.

The size and the marks of a file are compared, and no file is read. A look is bounded in time. What it finds changes
nothing: the files that were downloaded are used, since their digests are right.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

from tasks.data.sources.downloads import addresses_of
from tasks.data.sources.faults import FAULTS, DownloadError, explained
from tasks.data.sources.transfer import Answer, ask
from tasks.settings.addresses import folder_of
from tasks.settings.dataset import Source
from tasks.settings.perimeter import Perimeter
from tasks.storage.contract import ObjectMissing, StoreError
from tasks.storage.location import open_store
from tasks.storage.retries import RetryPolicy

LOOK_SECONDS = 5.0  # for all sources together: a machine without a network goes on soon
WAIT_SECONDS = 2.0  # for one connection, and for one answer
IMPATIENT = RetryPolicy(seconds=0, silence=WAIT_SECONDS)
# Why a look can show nothing. DataError and RequestError are ValueErrors, as is an address that is no key of a store.
BLIND = (ValueError, DownloadError, StoreError, OSError)
GONE = (404, 410)
MARKS = {"size": "size", "etag": "ETag", "modified": "time of change"}  # of a file, by the name of their note


def note(address: str, answer: Answer, perimeter: Perimeter) -> dict[str, Any]:
    """What a download notes of its source for later looks.

    A folder or a bucket is looked at again, as its download does not tell the time of change.
    """
    if not address.startswith(("http://", "https://")):
        with suppress(ObjectMissing, *BLIND):
            answer = _look(address, perimeter)
    return _noted(address, answer)


def _noted(address: str, answer: Answer) -> dict[str, Any]:
    marks = answer._asdict()
    return {"address": address} | {name: marks[name] for name in MARKS}


def look_again(
    sources: Sequence[Source], mirror: str | None, perimeter: Perimeter, notes: Mapping[str, Any], downloaded: str
) -> tuple[str, bool]:
    """One line about the present state of `sources`, by what the download of the time `downloaded` noted of each.

    Returns it with whether it is a warning. Nothing that happens during the look is an error.
    """
    findings: dict[str, str] = {}
    fault = _within(LOOK_SECONDS, lambda: _look_at_all(sources, mirror, perimeter, notes, findings))
    changed = [f"{name} {finding}" for name, finding in dict(findings).items() if finding]
    moment = downloaded[:16].replace("T", " ")
    if changed:
        return f"{'; '.join(changed)}; this run uses the files of {moment} UTC", True
    if fault:
        return f"downloaded {moment} UTC; the source could not be looked at now: {fault}", False
    return f"downloaded {moment} UTC; the source was looked at now and has not changed", False


def _within(seconds: float, action: Callable[[], str]) -> str:
    """What `action` returns, or that it took too long. It goes on then, unheard, until the process ends."""
    results: list[str] = []

    def look() -> None:
        try:
            results.append(action())
        except Exception as error:  # nothing that happens during a look is an error
            results.append(f"{type(error).__name__}: {error}")

    thread = Thread(target=look, daemon=True)
    thread.start()
    thread.join(seconds)
    return results[0] if results else f"no answer within {seconds:g} s"


def _look_at_all(
    sources: Sequence[Source],
    mirror: str | None,
    perimeter: Perimeter,
    notes: Mapping[str, Any],
    findings: dict[str, str],
) -> str:
    """Put a finding for each source into `findings`, empty where nothing changed. Return why one could not be seen.

    That ends the look: the other sources are most often at the same place.
    """
    for source in sources:
        noted, addresses = notes.get(source.name) or {}, addresses_of(source, mirror)
        address = noted["address"] if noted.get("address") in addresses else addresses[0]
        try:
            findings[source.name] = _difference(noted, _noted(address, _look(address, perimeter)))
        except ObjectMissing:
            findings[source.name] = f"is gone from {address}"
        except BLIND as error:
            return str(error)
    return ""


def _difference(noted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """What differs between two notes of a source; at two addresses only the sizes can be compared."""
    comparable = MARKS if noted.get("address") == found["address"] else ["size"]
    differing = [name for name in comparable if noted.get(name) and found[name] and noted[name] != found[name]]
    changes = (f"{MARKS[name]} {noted[name]} is now {found[name]}" for name in differing)
    return f"has changed at {found['address']}: {', '.join(changes)}" if differing else ""


def _look(address: str, perimeter: Perimeter) -> Answer:
    """What is at `address` now.

    Raises:
        ObjectMissing: nothing is.
        BLIND: it cannot be told.
    """
    perimeter.check(address)
    if folder := folder_of(address):
        return _in_folder(folder)
    if address.startswith("s3://"):
        return _in_bucket(address)
    try:
        return ask(address, perimeter, WAIT_SECONDS)
    except FAULTS as error:
        if getattr(getattr(error, "response", None), "status_code", None) in GONE:
            raise ObjectMissing(address) from None
        raise explained(address, error) from None


def _in_folder(path: Path) -> Answer:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise ObjectMissing(str(path)) from None
    modified = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds")
    return Answer(str(path), "", status.st_size, modified=modified)


def _in_bucket(address: str) -> Answer:
    place, _, name = address.rpartition("/")
    for entry in open_store(place, IMPATIENT).entries(name):
        if entry.key == name:
            return Answer(address, "", entry.size, modified=entry.modified.isoformat(timespec="seconds"))
    raise ObjectMissing(address)
