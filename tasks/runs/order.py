"""The order of a store's runs, and `reports/latest.json`, which names the newest run that has a report.

    order/runs/RUN.json            the run's number, given when it is planned
    order/numbers/NUMBER.json      the run that has this number; only one run can write it
    order/reports/NUMBER.json      the run has a report; latest.json is a copy of the newest one

No clock decides the order: a clock that moves back, or differs between machines, would make an old run the newest.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import suppress

from tasks.settings.values import Frozen
from tasks.storage.contract import ObjectMissing, Store
from tasks.storage.documents import DamagedError, read_document

log = logging.getLogger(__name__)
LATEST = "reports/latest.json"


REMEDY = "delete it"


class _Entry(Frozen):
    """The report of a run, as `order/reports/` and `reports/latest.json` name it."""

    run: str
    status: str


def run_number(store: Store, run: str) -> int:
    """The number of `run` among the store's runs, from 1. The first call assigns it; it never changes.

    Raises:
        DamagedError: what is stored under the run's name is not its number.
    """
    place = f"order/runs/{run}.json"
    with suppress(ObjectMissing):
        return _number(store, place, run)
    number = len(list(store.list("order/numbers/"))) + 1
    while not store.write(_numbered("numbers", number), json.dumps(run).encode(), if_absent=True):
        number += 1
    # Two attempts of one plan may both come here. The number that is stored first counts; the other stays unused.
    store.write(place, json.dumps(number).encode(), if_absent=True)
    return _number(store, place, run)


def _number(store: Store, place: str, run: str) -> int:
    """The number under `place`, which `order/numbers/` gives to `run` too."""
    number = read_document(store, place, int, "the number of a run", REMEDY)
    if _owner(store, number) != run:
        raise DamagedError(f"{store.uri}/{place}", f"expected the number of {run}, received {number}", REMEDY)
    return number


def _owner(store: Store, number: int) -> str | None:
    """The run that has this number, or None."""
    with suppress(ObjectMissing):
        return read_document(store, _numbered("numbers", number), str, "the name of a run", REMEDY)
    return None


def publish(store: Store, run: str, status: str) -> None:
    """Publish the report of `run`, which is complete in the store. It is the latest unless a later run has one.

    Several runs may publish at once. Each looks again after it wrote, so the last one to write writes the newest.
    """
    entry = _Entry(run=run, status=status)
    store.write(_numbered("reports", run_number(store, run)), _body(entry))
    published = None
    while (newest := _newest(store)) != published:
        published = newest
        store.write(LATEST, _body(newest))


def latest(store: Store) -> str | None:
    """The run that `reports/latest.json` names, or None before the first report."""
    with suppress(ObjectMissing):
        return read_document(store, LATEST, _Entry, "the newest run with a report", REMEDY).run
    return None


def reported(store: Store, before: str | None = None) -> Iterator[str]:
    """The runs that have a report, the newest first, or those that come `before` a run; a damaged entry is passed over.

    Raises:
        DamagedError: that run's own number is damaged.
    """
    end = _numbered("reports", run_number(store, before)) if before else None
    return (entry.run for entry in _entries(store, end))


def published_number(store: Store, run: str) -> int | None:
    """The number of a run whose report is published, or None.

    Raises:
        DamagedError: what is stored under the run's name is not its number.
    """
    try:
        number = _number(store, f"order/runs/{run}.json", run)
    except ObjectMissing:
        return None
    return number if store.exists(_numbered("reports", number)) else None


def _newest(store: Store) -> _Entry:
    for entry in _entries(store):
        return entry
    raise DamagedError(f"{store.uri}/order/reports/", "expected a report, found none", REMEDY)


def _entries(store: Store, end: str | None = None) -> Iterator[_Entry]:
    """The entries of all reports, or of those whose places come before `end`, the newest first.

    A damaged one is passed over.
    """
    places = (place for place in store.list("order/reports/") if end is None or place < end)
    for place in sorted(places, reverse=True):
        try:
            yield _entry(store, place)
        except DamagedError as error:
            log.warning("%s", error)


def _entry(store: Store, place: str) -> _Entry:
    """The entry under `place`, whose run has the number in the place's name."""
    entry = read_document(store, place, _Entry, "the entry of a report", REMEDY)
    if _numbered("reports", _number(store, f"order/runs/{entry.run}.json", entry.run)) != place:
        raise DamagedError(
            f"{store.uri}/{place}", f"expected another run's report, received that of {entry.run}", REMEDY
        )
    return entry


def _body(entry: _Entry) -> bytes:
    return json.dumps(entry.model_dump()).encode()


def _numbered(folder: str, number: int) -> str:
    return f"order/{folder}/{number:08d}.json"
