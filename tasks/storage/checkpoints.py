"""Checkpoints: the states of an unfinished stage in the store, until its artifact is there.

    checkpoints/STAGE/KEY/STEP-SEAL

A checkpoint is one object, so the store's atomic write is its commit: a kill leaves the whole state or nothing new. The
seal, a digest in its name, binds the bytes to the step, to the artifact key (settings, inputs, code) and to the
releases. What is cut, flipped, renamed or made by other work does not fit its seal, and is passed over.

Attempts of one task may overlap, and need no lock. Whose checkpoint it is does not matter, as each is a state of the
very same work, whole in itself. An attempt takes away only its own older ones and what it found when it began, and that
only after it has gone on from the highest of them and saved a higher one: so the highest step never falls, and a stale
attempt cannot throw back the newer one, nor their successor. Each attempt keeps its last two; all go when the artifact
is committed, and what a stale one saves after that goes when the artifact is committed by it too, or reused.
"""

import hashlib
import logging
from functools import cached_property

from tasks.storage.artifacts import digest_of
from tasks.storage.contract import ObjectMissing, Store, StoreError
from tasks.storage.provenance import versions

log = logging.getLogger(__name__)
KEPT = 2


class StoredCheckpoints:
    """The checkpoints of the artifact `key` of `stage`; keeps the promise of `tasks.runs.stage.Checkpoints`."""

    def __init__(self, store: Store, stage: str, key: str):
        self._store, self._stage, self._key = store, stage, key
        self._folder = f"checkpoints/{stage}/{key}/"
        self._known: set[str] = set()  # what this attempt found or saved, as far as it has not taken it away
        self._whole: list[str] = []  # what it went on from or saved last

    def latest(self) -> bytes | None:
        """The state of the highest step that is whole and of this very work, or None.

        Raises:
            StoreError: the store cannot be reached; starting over would throw away what it holds.
        """
        self._known = set(self._store.list(self._folder))
        for name in sorted(self._known, reverse=True):
            state = self._read(name)
            if state is not None:
                self._whole = [name]
                return state
        return None

    def save(self, step: int, state: bytes) -> None:
        """Keep `state`; a store that is away costs this checkpoint, not the work."""
        name = self._name(step, state)
        try:
            self._store.write(name, state)
            self._known.add(name)
            self._whole = [*self._whole, name][-KEPT:]
            self._prune()
        except StoreError as error:
            log.warning("checkpoint of step %d: %s; the work goes on", step, error)

    def clear(self) -> None:
        """Take every checkpoint away; the artifact stands, whether or not this succeeds."""
        try:
            for name in self._store.list(self._folder):
                self._store.delete(name)
        except StoreError as error:
            log.warning("checkpoints of a finished stage are left behind: %s", error)

    def _read(self, name: str) -> bytes | None:
        try:
            state = self._store.read(name)
        except ObjectMissing:
            return None  # another attempt has moved on
        step = name.removeprefix(self._folder).partition("-")[0]
        if step.isdecimal() and name == self._name(int(step), state):
            return state
        log.warning("%s/%s is damaged, or of other work; it is ignored", self._store.uri, name)
        return None

    def _name(self, step: int, state: bytes) -> str:
        seal = hashlib.sha256(f"{self._work}/{step}/".encode() + state).hexdigest()
        return f"{self._folder}{step:06d}-{seal}"

    @cached_property
    def _work(self) -> str:
        return digest_of({"stage": self._stage, "key": self._key, "versions": versions()})

    def _prune(self) -> None:
        """Keep the last two, and what other attempts have saved since this one began."""
        for name in self._known - {*self._whole}:
            self._store.delete(name)
        self._known = {*self._whole}
