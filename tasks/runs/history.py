"""Earlier versions of a dataset, and what the runs on them made."""

import logging
from itertools import dropwhile, islice

from tasks.runs.records import input_manifest, read_record, recorded_manifest
from tasks.runs.stage import Input
from tasks.settings.place import Place
from tasks.storage.artifacts import Manifest
from tasks.storage.contract import Store
from tasks.storage.documents import DamagedError
from tasks.storage.snapshots import fetched, run_of

log = logging.getLogger(__name__)
LOOKED_AT = 50  # runs, of other versions, that are asked for what they made


def manifest_of(store: Store, run: str, source: Input) -> Manifest | None:
    """The manifest of what an input names; None where there is no previous one, or the dataset's files are pinned.

    Raises:
        BlockedError, DamagedError: as `input_manifest`, of the input, or of the fetched files.
    """
    if source.version == "present":
        return input_manifest(store, run, source)
    present = input_manifest(store, run, Input("fetch", Place(source.place.dataset), ())).summary.get("version")
    return previous_manifest(store, present, source) if present else None


def previous_manifest(store: Store, present: str, source: Input) -> Manifest | None:
    """What `source.stage` made at that place in the last run on the version before `present`, or None.

    An artifact that is gone or damaged, or that an earlier release made without one of the files, is passed over.
    """
    entries = reversed(fetched(store, source.place.dataset or ""))
    since_present = dropwhile(lambda entry: entry.version != present, entries)
    for entry in islice((entry for entry in since_present if entry.version != present), LOOKED_AT):
        try:
            record = read_record(store, run_of(store, entry), source.place, source.stage)
            if record and record["status"] == "done":
                manifest = recorded_manifest(store, record)
                if manifest.files.keys() >= {*source.files}:
                    return manifest
        except DamagedError as error:
            log.warning("passed over: %s", error)
    return None
