"""The objects under an s3:// prefix, one object, or the members of an archive that is an object."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.data.part import is_hidden
from tasks.data.sources.locations import CORRECT, Entry
from tasks.data.sources.objects import Objects
from tasks.errors import DataError, UnsettledError
from tasks.registry.prediction.file import (
    NO_FILES,
    Asked,
    UnreadableError,
    check_size,
    on_disk,
    unreadable,
    without_name,
)
from tasks.registry.prediction.members import members

REMEDY = "correct the address"


def objects(address: str) -> Iterator[Asked]:
    """What lies at an address, sorted by key; the names are listed first, and each object is read when it is asked for.

    Raises:
        StoreError: the server cannot be reached, now or at a later object.
    """
    location = Objects(address)
    try:
        listing = location.listing()
    except DataError as error:
        yield unreadable(address, _reason(error, address))
        return
    entries = sorted(entry for entry in listing.entries if not is_hidden(entry.name))
    if not entries:
        yield unreadable(address, NO_FILES)
    elif listing.is_archive:
        yield from _archived(location, entries[0], address)
    else:
        names = [address] if listing.is_file else [f"{address.rstrip('/')}/{entry.name}" for entry in entries]
        yield from (
            Asked(name, partial(_read, location, entry, name)) for name, entry in zip(names, entries, strict=True)
        )


def _archived(location: Objects, entry: Entry, address: str) -> Iterator[Asked]:
    with TemporaryDirectory(prefix="archive-") as folder:
        file = Path(folder, "archive")
        try:
            location.bring(entry, file, lambda _: None)
        except (DataError, UnsettledError) as error:
            yield unreadable(address, _reason(error, address))
            return
        yield from members(str(file), address)


def _read(location: Objects, entry: Entry, name: str) -> bytes:
    check_size(entry.size)
    with TemporaryDirectory(prefix="object-") as folder:
        file = Path(folder, "object")
        try:
            location.bring(entry, file, lambda _: None)
        except (DataError, UnsettledError) as error:
            raise UnreadableError(_reason(error, name)) from None
        return on_disk(str(file)).read()


def _reason(error: Exception, name: str) -> str:
    """Why something cannot be read, for who typed the address: no dataset's file has it."""
    return without_name(error, name).replace(CORRECT, REMEDY)
