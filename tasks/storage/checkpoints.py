"""Checkpoints: the states of an unfinished stage, kept in the store until its artifact is committed.

    checkpoints/STAGE/KEY/STEP-SEAL

A checkpoint is one object, so the store's atomic write is its commit: a kill leaves the whole state or nothing new. The
seal is a digest in the object's name. It binds the bytes to the step, to the artifact key (settings, inputs, code) and
to the library releases. A checkpoint that was cut, altered, renamed or made by other work does not fit its seal, and is
ignored.

Attempts of one task may overlap, and need no lock. Any attempt may resume from any checkpoint: each is a complete state
of the same work. An attempt deletes only checkpoints that it saved, or found at its start. It does so only after it has
resumed from the highest one and saved a higher step. So the highest saved step never goes down, and an old attempt
cannot set back a newer one. Each attempt keeps its last two checkpoints.

All checkpoints are deleted when the artifact is committed. An old attempt may save one after that. It is deleted when
that attempt commits too, or when the artifact is reused.
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
        self._deletable: set[str] = set()  # checkpoints that this attempt found or saved, and has not deleted
        self._newest: list[str] = []  # the checkpoints that it keeps: the one it resumed from, and the last ones saved

    def latest(self) -> bytes | None:
        """The state of the highest step whose checkpoint fits its seal, or None.

        Raises:
            StoreError: the store cannot be reached; starting over would waste the states that it holds.
        """
        self._deletable = set(self._store.list(self._folder))
        for name in sorted(self._deletable, reverse=True):
            state = self._read(name)
            if state is not None:
                self._newest = [name]
                return state
        return None

    def save(self, step: int, state: bytes) -> None:
        """Keep `state`. When the store cannot be reached, only this checkpoint is lost; the work goes on."""
        name = self._name(step, state)
        try:
            self._store.write(name, state)
            self._deletable.add(name)
            self._newest = [*self._newest, name][-KEPT:]
            self._prune()
        except StoreError as error:
            log.warning("checkpoint of step %d: %s; the work goes on", step, error)

    def clear(self) -> None:
        """Delete every checkpoint; a failure does not matter, as the artifact is committed."""
        try:
            for name in self._store.list(self._folder):
                self._store.delete(name)
        except StoreError as error:
            log.warning("checkpoints of a finished stage are left behind: %s", error)

    def _read(self, name: str) -> bytes | None:
        try:
            state = self._store.read(name)
        except ObjectMissing:
            return None  # another attempt has deleted it
        step = name.removeprefix(self._folder).partition("-")[0]
        if step.isdecimal() and name == self._name(int(step), state):
            return state
        log.warning("%s/%s is damaged, or belongs to other work; it is ignored", self._store.uri, name)
        return None

    def _name(self, step: int, state: bytes) -> str:
        seal = hashlib.sha256(f"{self._work}/{step}/".encode() + state).hexdigest()
        return f"{self._folder}{step:06d}-{seal}"

    @cached_property
    def _work(self) -> str:
        return digest_of({"stage": self._stage, "key": self._key, "versions": versions()})

    def _prune(self) -> None:
        """Delete all but the last two checkpoints, and those that other attempts have saved since this one began."""
        for name in self._deletable - {*self._newest}:
            self._store.delete(name)
        self._deletable = {*self._newest}
