"""A look at a location: it is listed, what is new is read and stored, and all that lies there makes a snapshot.

Only an entry whose name, size and mark are not known from the last look is read. One that changes or vanishes while it
is read is listed and read again. So no snapshot ever holds half of a file, or a file that was never there.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

from tasks.data.part import is_hidden
from tasks.data.sources.archives import unpack
from tasks.data.sources.locations import CORRECT, Entry, Listing, Location, check_name, listed
from tasks.errors import DataError, RequestError, UnsettledError, shown
from tasks.settings.addresses import folder_of
from tasks.storage.contract import StoreError
from tasks.storage.snapshots import Look, Shelf, Snapshot, StoredFile, Taken
from tasks.storage.threads import Pulse, spread

PAUSES = (1.0, 4.0)  # seconds before what changed meanwhile is listed and read again
# What a store writes, as tasks/README.md lists it.
OWN = ("artifacts", "checkpoints", "files", "order", "probe", "reports", "runs", "snapshots", "versions")
KEPT_EVERY = 60.0  # seconds: a killed look has read at most this long in vain


def take(
    location: Location, address: str, shelf: Shelf, progress: Callable[[str], None], *, afresh: bool = False
) -> Snapshot:
    """The snapshot of what lies at a location now; its files are on the shelf. `afresh` reads all of them again.

    Raises:
        RequestError: the location holds what the store itself writes.
        DataError: there is nothing, or something that must not or cannot be read.
        UnsettledError: files changed or vanished while they were read, several times.
        StoreError, DownloadError: the location or the store cannot be reached now.
    """
    check_apart(address, shelf.store_uri)
    look = _Take(location, address, shelf, progress, afresh)
    for pause in PAUSES:
        if not (faults := look.read_new()):
            return look.snapshot()
        progress(f"{faults[0]}; listing again in {pause:g} s")
        time.sleep(pause)
    if faults := look.read_new():
        more = f", and {len(faults) - 1} more files did so" if len(faults) > 1 else ""
        raise UnsettledError(f"{faults[0]}{more}, {len(PAUSES) + 1} times; try again when nobody writes there")
    return look.snapshot()


def check_apart(address: str, store: str) -> None:
    """Refuse a location that holds what the store at `store` writes: every look would find its own files there.

    Raises:
        RequestError: it does.
    """
    own = [f"{store.rstrip('/')}/{name}" for name in ("", *OWN)]
    place = folder.as_uri() if (folder := folder_of(address)) else address.rstrip("/")
    inside, around = any(f"{place}/".startswith(f"{each}/") for each in own[1:]), own[0].startswith(f"{place}/")
    if inside or around:
        raise RequestError(
            f"location: expected a place apart from the store's own files, received {shown(address)}; "
            "move the images, or name another store"
        )


def is_changed(location: Location, address: str, shelf: Shelf) -> bool:
    """Whether a listing of the location is another one than that of the last snapshot that a run fetched."""
    found, last = listed(location), shelf.last()
    return (
        last is None
        or last.location != address
        or found.entries != sorted(map(_entry, last.entries))
        or last.snapshot.version != shelf.present_version()
    )


def _entry(taken: Taken) -> Entry:
    return Entry(taken.name, taken.size, taken.mark)


class _Take:
    """One look, from its first listing to its snapshot."""

    def __init__(
        self, location: Location, address: str, shelf: Shelf, progress: Callable[[str], None], is_afresh: bool
    ):
        self._location, self._address, self._shelf, self._progress = location, address, shelf, progress
        self._last = None if is_afresh else shelf.last()
        known = self._last.entries if self._last and self._last.location == address else ()
        self._known = {_entry(taken): taken for taken in known if all(map(shelf.has, taken.files))}
        self._listing = Listing([], is_file=False)
        self._listings = self._read = 0
        self._next_keep = time.monotonic() + KEPT_EVERY

    def read_new(self) -> list[UnsettledError]:
        """List the location and read what is not known; what changed or vanished meanwhile."""
        self._listing, self._listings = listed(self._location), self._listings + 1
        new = [entry for entry in self._listing.entries if not entry.mark or entry not in self._known]
        read = self._read_archive if self._listing.is_archive else self._read_plain
        try:
            with tempfile.TemporaryDirectory(prefix="take-") as scratch:
                return list(read(new, Path(scratch)))
        finally:
            with suppress(StoreError):
                self._remember()  # whatever happened: what was read is not read again

    def snapshot(self) -> Snapshot:
        """What lies at the location, all of it stored."""
        look = self._remember()
        if not (snapshot := look.snapshot).files:
            raise DataError(f"{self._location.where}: expected files in the archive, found none; {CORRECT}")
        return snapshot.model_copy(update={"listed": self._listings, "read": self._read})

    def _remember(self) -> Look:
        """The listed entries that are known, which are now the last look."""
        known = tuple(self._known[entry] for entry in self._listing.entries if entry in self._known)
        look = Look(location=self._address, entries=known)
        if known and look != self._last:
            self._shelf.keep(look)
            self._last = look
        return look

    def _read_plain(self, new: list[Entry], scratch: Path) -> Iterator[UnsettledError]:
        """Read entries that are one file each."""
        pulse = Pulse(self._progress, "read", len(new))
        for entry, found in spread(partial(self._stored, scratch, pulse), new):
            if isinstance(found, UnsettledError):
                yield found
                continue
            self._know(entry, (found,))
            if time.monotonic() >= self._next_keep:
                self._remember()
                self._next_keep = time.monotonic() + KEPT_EVERY

    def _know(self, entry: Entry, files: tuple[StoredFile, ...]) -> None:
        self._known[entry] = Taken(name=entry.name, size=entry.size, mark=entry.mark, files=files)
        self._read += 1

    def _stored(self, scratch: Path, pulse: Pulse, entry: Entry) -> StoredFile | UnsettledError:
        """The file of an entry, read and stored, or why it could not be."""
        path = scratch / uuid4().hex
        try:
            self._location.bring(entry, path, partial(pulse.count, 0))
            file = self._shelf.put(entry.name, path)
        except UnsettledError as error:
            return error
        finally:
            path.unlink(missing_ok=True)
        pulse.count(1)
        return file

    def _read_archive(self, new: list[Entry], scratch: Path) -> Iterator[UnsettledError]:
        """Read an archive, if it is new: its members are the files."""
        for entry in new:
            packed, pulse = scratch / "archive", Pulse(self._progress, entry.name)
            try:
                self._location.bring(entry, packed, partial(pulse.count, 0))
            except UnsettledError as error:
                yield error
                return
            members = spread(partial(self._stored_member, pulse), self._members(packed, scratch))
            self._know(entry, tuple(sorted((file for _, file in members), key=lambda file: file.name)))

    def _members(self, packed: Path, scratch: Path) -> Iterator[tuple[str, Path]]:
        """Name and place of each member that counts."""
        names: set[str] = set()
        for name, path in unpack(packed, scratch, self._location.where):
            if is_hidden(name):
                path.unlink()
                continue
            check_name(name, self._location.where)
            if name in names:
                raise DataError(f"{self._location.where}: expected each name once, received {shown(name)} twice")
            names.add(name)
            yield name, path

    def _stored_member(self, pulse: Pulse, member: tuple[str, Path]) -> StoredFile:
        name, path = member
        try:
            file = self._shelf.put(name, path)
        finally:
            path.unlink(missing_ok=True)
        pulse.count(1, file.size)
        return file
