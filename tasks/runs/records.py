"""Run records: the small JSON that each stage keeps under `runs/RUN/`, from its start to its end.

They are what the live table shows, where a stage finds its inputs' keys, and what the report joins. Every attempt of a
stage keeps a record of its own, STAGE.json and then STAGE.2.json, and readers take the highest number. An old attempt
that still works cannot overwrite a newer one. A record names its own place, so a damaged or exchanged one is never
believed.
"""

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel

from tasks.errors import BlockedError, redacted
from tasks.runs.meter import cpu_seconds
from tasks.runs.requests import NEW_RUN
from tasks.runs.stage import Input
from tasks.settings.place import Place
from tasks.settings.values import FileName, Name
from tasks.settings.workflow import position
from tasks.storage.artifacts import REMEDY, Manifest, find
from tasks.storage.contract import Store, StoreError
from tasks.storage.documents import DamagedError, read_document
from tasks.storage.threads import spread

log = logging.getLogger(__name__)
MAX_REASON = 1000  # characters
RECORD = re.compile(
    r"(?P<stem>runs/(?P<run>[^/]+)/(?:(?P<dataset>[a-z][a-z0-9_]*)/(?:(?P<family>[a-z][a-z0-9_]*)/)?"
    r"(?:budget-(?P<budget>\d+)/)?(?:seed-(?P<seed>\d+)/)?(?:shard-(?P<shard>\d+)/)?)?(?P<stage>(?!(?:request|estimate)\.)[a-z]+))"
    r"(?:\.(?P<attempt>[2-9]|[1-9]\d+))?\.json"
)


class Fields(BaseModel):
    """What a record says: where it stands, and how far the attempt came; seconds, and moments as ISO 8601 in UTC.

    Attributes:
        cpu_seconds: of the process since its start, and of those that it started and that have ended.
        gpus: how many it holds; null where that is not known yet.
    """

    run: str | None = None  # null in records older than this field
    stage: Name
    dataset: Name | None = None
    family: Name | None = None
    budget: int | None = None
    seed: int | None = None
    shard: int | None = None
    status: Literal["running", "done", "failed"]
    cached: bool = False
    key: FileName | None = None
    progress: str = ""
    error: str | None = None
    started: str | None = None
    ended: str | None = None
    seconds: float = 0.0
    setup_seconds: float = 0.0
    cpu_seconds: float | None = None
    gpus: int | None = None

    def stem(self, run: str) -> str:
        """The key of this record without attempt and suffix. `run` is used when the record names no run."""
        place = Place(self.dataset, self.family, self.seed, self.shard, budget=self.budget)
        return _stem(self.run or run, place, self.stage)


def record_at(store: Store, key: str) -> dict[str, Any]:
    """The fields of the record under `key`, which is one of RECORD.

    Raises:
        DamagedError: it is no record, or that of another run, place or stage.
    """
    named = _named(key)
    fields = read_document(store, key, Fields, "the record of a stage", NEW_RUN)
    if (said := fields.stem(named["run"])) != named["stem"]:
        difference = f"expected the record of this place, received that of {said}"
        raise DamagedError(f"{store.uri}/{key}", difference, NEW_RUN)
    return fields.model_dump()


def read_record(store: Store, run: str, place: Place, stage: str) -> dict[str, Any] | None:
    """What the newest attempt of `stage` at `place` last wrote, or None when there was none; raises as `record_at`."""
    stem = _stem(run, place, stage)
    attempt = _newest(store, f"{stem}.").get(stem)
    return record_at(store, _numbered(stem, attempt)) if attempt else None


def read_records(store: Store, run: str, dataset: str | None = None) -> list[dict[str, Any]]:
    """The newest record of every stage of a run, or of one of its datasets.

    They come in the workflow's order, because a clock may be set back. A damaged record is replaced by a failed one:
    `error` names the damage, and `damaged` is true.
    """
    found = dict(spread(partial(_record_or_damage, store), newest_records(store, run, dataset)))
    return sorted(found.values(), key=_position)


def newest_records(store: Store, run: str, dataset: str | None = None) -> list[str]:
    """The keys of the records that `read_records` reads."""
    prefix = f"runs/{run}/{dataset}/" if dataset else f"runs/{run}/"
    return [_numbered(stem, attempt) for stem, attempt in _newest(store, prefix).items()]


def _record_or_damage(store: Store, key: str) -> dict[str, Any]:
    try:
        return record_at(store, key)
    except DamagedError as error:
        named = _named(key)
        place = {name: named[name] for name in ("run", "stage", "dataset", "family", "budget", "seed", "shard")}
        failed = Fields.model_validate(place | {"status": "failed", "error": f"damaged: {error}"})
        return failed.model_dump() | {"damaged": True}


def _named(key: str) -> dict[str, Any]:
    """What the key of a record says, by the names in RECORD."""
    found = RECORD.fullmatch(key)
    if found is None:
        raise ValueError(f"expected the key of a record, received {key!r:.200}")
    return found.groupdict()


def _position(record: dict[str, Any]) -> tuple[int, str, str, int, int, int]:
    budget, seed, shard = (-1 if record[name] is None else record[name] for name in ("budget", "seed", "shard"))
    return position(record["stage"]), record["dataset"] or "", record["family"] or "", budget, seed, shard


def _newest(store: Store, prefix: str) -> dict[str, int]:
    """The highest attempt of each stage whose records start with `prefix`."""
    found: dict[str, int] = {}
    for key in store.list(prefix):
        if name := RECORD.fullmatch(key):
            found[name["stem"]] = max(found.get(name["stem"], 0), int(name["attempt"] or 1))
    return found


def input_manifest(store: Store, run: str, source: Input) -> Manifest:
    """The manifest that an input's stage left in this run.

    Raises:
        BlockedError: the stage has not finished in this run.
        DamagedError: as in `recorded_manifest`.
    """
    record = read_record(store, run, source.place, source.stage)
    if record is None or record["status"] != "done":
        found = record["status"] if record else "no record"
        where = f"run {run}, {source.place}"
        raise BlockedError(f"{where}: expected {source.stage} to be done, found {found}; run it first")
    return recorded_manifest(store, record)


def recorded_manifest(store: Store, record: Mapping[str, Any]) -> Manifest:
    """The manifest of the artifact that a stage recorded as done.

    Raises:
        DamagedError: it is not there any more, or not as it was.
    """
    manifest = find(store, record["stage"], record["key"])
    if manifest is None:
        place = f"{store.uri}: {record['stage']} {record['key']}"
        raise DamagedError(place, "expected the artifact that its record names, found none", REMEDY)
    return manifest


class Record:
    """The record of one attempt of a stage while it works; each change is written to the store at once."""

    def __init__(self, store: Store, run: str, place: Place, stage: str):
        self._store, self._stem = store, _stem(run, place, stage)
        self._clock = time.monotonic()
        begun = Fields(run=run, stage=stage, **vars(place), status="running", started=now(), gpus=0)
        # CPU seconds spent before any work: the start of the interpreter and the imports.
        self.fields = begun.model_dump() | {"setup_seconds": round(time.process_time(), 3)}
        self.attempt = self._claimed()

    def _claimed(self) -> int:
        """The number of this attempt, which no other can take; writes the record's first version."""
        attempt = self._newest() + 1
        while not self._store.write(_numbered(self._stem, attempt), self._body(), if_absent=True):
            attempt += 1
        return attempt

    def _newest(self) -> int:
        return _newest(self._store, f"{self._stem}.").get(self._stem, 0)

    def _body(self) -> bytes:
        return json.dumps(self.fields, indent=1).encode()

    def check_newest(self) -> None:
        """Refuse to go on in the place of a newer attempt.

        Raises:
            StoreError: there is one.
        """
        if (newest := self._newest()) > self.attempt:
            raise StoreError(f"{self._stem}: attempt {newest} has begun; attempt {self.attempt} leaves the rest to it")

    def spent_on_setup(self, seconds: float) -> None:
        """Count `seconds` that just passed as set-up, not as work."""
        self.fields["setup_seconds"] = round(self.fields["setup_seconds"] + seconds, 3)
        self._clock += seconds

    def update(self, **fields: Any) -> None:
        """Change fields and write the record; a record that cannot be written must not stop the work."""
        spent = {"seconds": time.monotonic() - self._clock, "cpu_seconds": cpu_seconds()}
        self.fields |= fields | {name: round(number, 3) for name, number in spent.items()}
        try:
            self._store.write(_numbered(self._stem, self.attempt), self._body())
        except StoreError as error:
            if self.fields["status"] != "running":
                raise
            log.warning("progress not recorded: %s", error)

    def progress(self, *lines: str) -> None:
        """Log lines, and show the last one as the stage's progress, without secrets."""
        for line in lines:
            log.info("%s", line)
        if lines:
            self.update(progress=redacted(lines[-1]))


@contextmanager
def recorded(store: Store, run: str, place: Place, stage: str) -> Iterator[Record]:
    """Keep the record of a stage around the block: running, then done, or failed with the reason."""
    record = Record(store, run, place, stage)
    try:
        yield record
    except BaseException as error:
        reason = redacted(f"{type(error).__name__}: {error}").splitlines()[0][:MAX_REASON]
        record.update(status="failed", error=reason, ended=now())
        raise
    record.update(status="done", ended=now())


def _stem(run: str, place: Place, stage: str) -> str:
    return "/".join(part for part in ("runs", run, str(place), stage) if part)


def _numbered(stem: str, attempt: int) -> str:
    return f"{stem}.json" if attempt == 1 else f"{stem}.{attempt}.json"


def now() -> str:
    """This moment, in UTC, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
