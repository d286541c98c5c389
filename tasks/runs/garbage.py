"""Garbage: what a store holds and no run can use any more.

Only what is older than an age goes. A writer that has stored its files and not yet their manifest looks like garbage,
and so does a checkpoint of a training at work: the age is what protects them. It is counted by the store's own clock
alone, so that a machine whose clock is wrong sweeps nothing away.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import NamedTuple

from tasks.runs.records import RECORD
from tasks.storage.artifacts import DamagedError, find
from tasks.storage.contract import Entry, ObjectMissing, Store


class Garbage(NamedTuple):
    """One thing to remove: its name in the store, its size in bytes, why nobody needs it, and what removes it."""

    name: str
    size: int
    reason: str
    discard: Callable[[], None]


def find_garbage(store: Store, age: timedelta, *, unused: bool = False) -> Iterator[Garbage]:
    """All that is garbage and older than `age`; with `unused`, also the artifacts that no run's records name.

    An artifact's manifest comes before its files: a sweep that is killed leaves garbage, never half an artifact.
    """
    before = _clock(store) - age
    used = _used(store) if unused else None
    for place, entries in _groups(store, "artifacts/"):
        yield from _of_artifact(store, place, entries, before, used)
    for _, entries in _groups(store, "checkpoints/"):
        if all(entry.modified <= before for entry in entries):
            yield from (_garbage(store, entry, "old checkpoint") for entry in entries)
    for write in store.unfinished():
        if write.modified <= before:
            yield Garbage(write.key, write.size, "unfinished write", write.discard)


def _of_artifact(
    store: Store, place: str, entries: list[Entry], before: datetime, used: set[str] | None
) -> Iterator[Garbage]:
    """The garbage in one artifact's folder. What a damaged manifest names is unknown, so all of it stays."""
    try:
        manifest = find(store, *place.split("/")[1:])
    except DamagedError:
        return
    if manifest and used is not None and place not in used and all(entry.modified <= before for entry in entries):
        in_order = sorted(entries, key=lambda entry: not entry.key.endswith("/manifest.json"))
        yield from (_garbage(store, entry, "artifact that no run uses") for entry in in_order)
        return
    named = {file.object for file in manifest.files.values()} | {f"{place}/manifest.json"} if manifest else set()
    for entry in entries:
        if entry.key not in named and entry.modified <= before:
            yield _garbage(store, entry, "file that no manifest names")


def _garbage(store: Store, entry: Entry, reason: str) -> Garbage:
    return Garbage(entry.key, entry.size, reason, partial(_remove, store, entry))


def _remove(store: Store, entry: Entry) -> None:
    """Delete what was listed, unless a writer has put it there anew since."""
    if list(store.entries(entry.key))[:1] == [entry]:
        store.delete(entry.key)


def _groups(store: Store, prefix: str) -> Iterator[tuple[str, list[Entry]]]:
    """What lies under `prefix`, by its folder `PREFIX/STAGE/KEY`."""
    for place, entries in groupby(store.entries(prefix), lambda entry: "/".join(entry.key.split("/")[:3])):
        yield place, list(entries)


def _used(store: Store) -> set[str]:
    """The places of the artifacts that a record of any run, of any attempt, names."""
    found = set()
    for key in store.list("runs/"):
        if RECORD.fullmatch(key):
            with suppress(ObjectMissing):
                record = json.loads(store.read(key))
                found.add(f"artifacts/{record['stage']}/{record['key']}")
    return found


def _clock(store: Store) -> datetime:
    """This moment by the store's clock."""
    probe = f"clock/{uuid.uuid4().hex}"
    store.write(probe, b"")
    (entry,) = store.entries(probe)
    store.delete(probe)
    return entry.modified
