"""The order of a store's runs, and `reports/latest.json`, which names the newest run that has a report.

    order/runs/RUN.json            the run's number, given when it is planned
    order/numbers/NUMBER.json      the run that has this number; only one run can write it
    order/reports/NUMBER.json      the run has a report; latest.json is a copy of the newest one

No clock decides the order: a clock that moves back, or differs between machines, would make an old run the newest.
"""

import json
from contextlib import suppress

from tasks.storage.contract import ObjectMissing, Store

LATEST = "reports/latest.json"


def run_number(store: Store, run: str) -> int:
    """The number of `run` among the store's runs, from 1. The first call assigns it; it never changes."""
    place = f"order/runs/{run}.json"
    with suppress(ObjectMissing):
        return json.loads(store.read(place))
    number = len(list(store.list("order/numbers/"))) + 1
    while not store.write(_numbered("numbers", number), json.dumps(run).encode(), if_absent=True):
        number += 1
    # Two attempts of one plan may both come here. The number that is stored first counts; the other stays unused.
    store.write(place, json.dumps(number).encode(), if_absent=True)
    return json.loads(store.read(place))


def publish(store: Store, run: str, status: str) -> None:
    """Publish the report of `run`, which is complete in the store. It is the latest unless a later run has one.

    Several runs may publish at once. Each looks again after it wrote, so the last one to write writes the newest.
    """
    entry = json.dumps({"run": run, "status": status}).encode()
    store.write(_numbered("reports", run_number(store, run)), entry)
    published = None
    while (newest := max(store.list("order/reports/"))) != published:
        published = newest
        store.write(LATEST, store.read(newest))


def _numbered(folder: str, number: int) -> str:
    return f"order/{folder}/{number:08d}.json"
