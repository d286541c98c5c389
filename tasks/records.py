"""Run records: the small JSON that each stage keeps under `runs/RUN/`, from its start to its end.

They are what the live table shows, where a stage finds its inputs' keys, and what the report joins.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from tasks.artifacts import Manifest, find
from tasks.errors import RequestError
from tasks.request import Request, parse
from tasks.stage import Input, Place
from tasks.store import ObjectMissing, Store, StoreError

log = logging.getLogger(__name__)


def read_request(store: Store, run: str) -> Request:
    """The frozen request of `run`.

    Raises:
        RequestError: `plan` has not written one, or it is not of this version.
    """
    key = f"runs/{run}/request.json"
    try:
        return parse(Request, json.loads(store.read(key)), key)
    except ObjectMissing:
        raise RequestError(f"{store.uri}/{key}: expected the run's request, found none; run `plan` first") from None


def write_request(store: Store, request: Request) -> bool:
    """Freeze the request of its run; False when the run has one, which stands."""
    key = f"runs/{request.run}/request.json"
    return store.write(key, request.model_dump_json(indent=1).encode(), if_absent=True)


def read_record(store: Store, run: str, place: Place, stage: str) -> dict[str, Any] | None:
    """What `stage` last wrote at `place`, or None when it never started."""
    try:
        return json.loads(store.read(_object(run, place, stage)))
    except ObjectMissing:
        return None


def read_records(store: Store, run: str) -> list[dict[str, Any]]:
    """Every record of a run, in the order in which the stages started."""
    keys = [key for key in store.list(f"runs/{run}/") if not key.endswith("/request.json")]
    return sorted((json.loads(store.read(key)) for key in keys), key=lambda record: record["started"])


def input_manifest(store: Store, run: str, source: Input) -> Manifest:
    """The manifest that an input's stage left in this run.

    Raises:
        StoreError: the stage has not finished in this run.
    """
    record = read_record(store, run, source.place, source.stage)
    if record is None or record["status"] != "done":
        found = record["status"] if record else "no record"
        raise StoreError(f"run {run}, {source.place}: expected {source.stage} to be done, found {found}; run it first")
    manifest = find(store, source.stage, record["key"])
    if manifest is None:
        raise StoreError(f"{store.uri}: {source.stage} of {source.place} names key {record['key']}, which is gone")
    return manifest


class Record:
    """The record of one stage while it works; each change is written to the store at once."""

    def __init__(self, store: Store, run: str, place: Place, stage: str):
        self._store, self._object = store, _object(run, place, stage)
        self._clock = time.monotonic()
        # CPU seconds spent before any work: the start of the interpreter and the imports.
        self.fields: dict[str, Any] = {
            "stage": stage, "dataset": place.dataset, "family": place.family, "seed": place.seed,
            "status": "running", "cached": False, "key": None, "progress": "", "error": None,
            "started": now(), "ended": None, "seconds": 0.0, "setup_seconds": round(time.process_time(), 3),
        }  # fmt: skip

    def spent_on_setup(self, seconds: float) -> None:
        """Count `seconds` that just passed as set-up, not as work."""
        self.fields["setup_seconds"] = round(self.fields["setup_seconds"] + seconds, 3)
        self._clock += seconds

    def update(self, **fields: Any) -> None:
        """Change fields and write the record; a record that cannot be written must not stop the work."""
        self.fields |= fields | {"seconds": round(time.monotonic() - self._clock, 3)}
        try:
            self._store.write(self._object, json.dumps(self.fields, indent=1).encode())
        except StoreError as error:
            if self.fields["status"] != "running":
                raise
            log.warning("progress not recorded: %s", error)

    def progress(self, line: str) -> None:
        """Log a line, and show it as the stage's progress."""
        log.info("%s", line)
        self.update(progress=line)


@contextmanager
def recorded(store: Store, run: str, place: Place, stage: str) -> Iterator[Record]:
    """Keep the record of a stage around the block: running, then done, or failed with the reason."""
    record = Record(store, run, place, stage)
    record.update()
    try:
        yield record
    except BaseException as error:
        record.update(status="failed", error=f"{type(error).__name__}: {error}".splitlines()[0][:500], ended=now())
        raise
    record.update(status="done", ended=now())


def _object(run: str, place: Place, stage: str) -> str:
    return "/".join(part for part in ("runs", run, str(place), f"{stage}.json") if part)


def now() -> str:
    """This moment, in UTC, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
