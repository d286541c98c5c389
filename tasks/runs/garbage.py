"""Garbage: objects in a store that no run can use any more.

Only objects older than a given age are removed. The age protects work in progress: files whose manifest is not written
yet, and the checkpoints of a running training. It is measured by the store's own clock, so a wrong clock on this
machine does no harm.
"""

import json
import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import NamedTuple

from tasks.runs.records import RECORD, record_at
from tasks.settings.workflow import CHAMPIONS
from tasks.storage.artifacts import find
from tasks.storage.contract import PROBES, Entry, ObjectMissing, Store, take_away
from tasks.storage.documents import DamagedError
from tasks.storage.snapshots import FILES, snapshot_in

log = logging.getLogger(__name__)


class Garbage(NamedTuple):
    """One thing to remove: its name in the store, its size in bytes, the reason, and the function that removes it."""

    name: str
    size: int
    reason: str
    discard: Callable[[], None]


def find_garbage(store: Store, age: timedelta, *, unused: bool = False) -> Iterator[Garbage]:
    """All garbage older than `age`; with `unused`, also artifacts that neither runs nor champions name.

    An artifact's manifest comes before its files. So a killed sweep leaves garbage, never half an artifact.
    """
    before = _clock(store) - age
    used = _Used(store) if unused else None
    kept = _Kept(store)
    for place, entries in _groups(store, "artifacts/"):
        garbage = list(_of_artifact(store, place, entries, before, used))
        if f"{place}/manifest.json" not in {each.name for each in garbage}:
            kept.artifact(place)
        yield from garbage
    for entry in store.entries(FILES):
        if entry.modified <= before and not kept.has(entry.key):
            yield _garbage(store, entry, "file that no snapshot names")
    for _, entries in _groups(store, "checkpoints/"):
        if all(entry.modified <= before for entry in entries):
            yield from (_garbage(store, entry, "old checkpoint") for entry in entries)
    for entry in store.entries(PROBES):
        if entry.modified <= before:
            yield _garbage(store, entry, "probe that was killed")
    for write in store.unfinished():
        if write.modified <= before:
            yield Garbage(write.key, write.size, "unfinished write", write.discard)


class _Used:
    """What `--unused` spares: the artifacts that records of runs and attempts name, and those of champions.

    A damaged record may have named any artifact of its stage, so that the whole stage is spared. A damaged document of
    a champion may have named any artifact.
    """

    def __init__(self, store: Store):
        self._recorded, self._keys = _recorded(store), _of_champions(store)

    def has(self, place: str) -> bool:
        """Whether the artifact at `place` stays."""
        stage, _, key = place.rpartition("/")
        return self._keys is None or key in self._keys or not self._recorded.isdisjoint((place, stage))


def _of_artifact(
    store: Store, place: str, entries: list[Entry], before: datetime, used: _Used | None
) -> Iterator[Garbage]:
    """The garbage in one artifact's folder. With a damaged manifest, all files stay: it may name any of them."""
    _, stage, key = place.split("/")
    try:
        manifest = find(store, stage, key)
    except DamagedError:
        return
    if manifest and used and not used.has(place) and all(entry.modified <= before for entry in entries):
        in_order = sorted(entries, key=lambda entry: not entry.key.endswith("/manifest.json"))
        yield from (_garbage(store, entry, "artifact that no run uses") for entry in in_order)
        return
    named = {file.object for file in manifest.files.values()} | {f"{place}/manifest.json"} if manifest else set()
    for entry in entries:
        if entry.key not in named and entry.modified <= before:
            yield _garbage(store, entry, "file that no manifest names")


class _Kept:
    """The files of the snapshots that stay. One that cannot be read may name any file, so that then all stay."""

    def __init__(self, store: Store):
        self._store, self._digests, self._is_any = store, set[str](), False

    def artifact(self, place: str) -> None:
        """Keep the files of the artifact at `place`, if it is a snapshot."""
        _, stage, key = place.split("/")
        if stage != "fetch":
            return
        try:
            manifest = find(self._store, stage, key)
            if manifest and (snapshot := snapshot_in(self._store, manifest)):
                self._digests.update(file.sha256 for file in snapshot.files)
        except DamagedError as error:
            log.warning("%s; every file of a snapshot is kept", error)
            self._is_any = True

    def has(self, key: str) -> bool:
        """Whether the object of a file stays."""
        return self._is_any or key.removeprefix(FILES) in self._digests


def _garbage(store: Store, entry: Entry, reason: str) -> Garbage:
    return Garbage(entry.key, entry.size, reason, partial(_remove, store, entry))


def _remove(store: Store, entry: Entry) -> None:
    """Delete the object that was listed, unless a writer has replaced it since."""
    if list(store.entries(entry.key))[:1] == [entry]:
        store.delete(entry.key)


def _groups(store: Store, prefix: str) -> Iterator[tuple[str, list[Entry]]]:
    """The objects under `prefix`, grouped by their folder `PREFIX/STAGE/KEY`; what lies in none is left out."""
    within = (entry for entry in store.entries(prefix) if entry.key.count("/") > 2)
    for place, entries in groupby(within, lambda entry: "/".join(entry.key.split("/")[:3])):
        yield place, list(entries)


def _recorded(store: Store) -> set[str]:
    """The folders of the artifacts that the records of all runs and attempts name, or of whole stages."""
    folders = set()
    for key in store.list("runs/"):
        if name := RECORD.fullmatch(key):
            try:
                folders.add(f"artifacts/{name['stage']}/{record_at(store, key)['key']}")
            except DamagedError as error:
                log.warning("%s; every artifact of %s is kept", error, name["stage"])
                folders.add(f"artifacts/{name['stage']}")
            except ObjectMissing:
                pass  # deleted since it was listed
    return folders


def _of_champions(store: Store) -> set[str] | None:
    """Every text in a document of champions: the keys of artifacts are among them. None where one is damaged."""
    found: set[str] = set()
    for key in store.list(CHAMPIONS):
        try:
            found.update(_texts(json.loads(store.read(key))))
        except ObjectMissing:
            pass  # deleted since it was listed
        except ValueError:
            log.warning(
                "%s/%s: expected a document of a champion, received no JSON; every artifact is kept", store.uri, key
            )
            return None
    return found


def _texts(value: object) -> Iterator[str]:
    """Every text in what JSON says, but the names of fields."""
    if isinstance(value, str):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(member)


def _clock(store: Store) -> datetime:
    """The present time by the store's clock."""
    probe = f"{PROBES}{uuid.uuid4().hex}"
    store.write(probe, b"")
    (entry,) = store.entries(probe)
    take_away(store, probe)
    return entry.modified
