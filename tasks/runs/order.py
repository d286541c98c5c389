"""The order of a store's runs, and `reports/latest.json`, which names the newest run that has a report.

    order/runs/RUN.json            the run's number, given when it is planned
    order/numbers/NUMBER.json      what makes the number its own: written by one run only
    order/reports/NUMBER.json      that the run has a report, and what latest.json says when it is the newest

No clock has a say in it: one that moves back, or two machines whose clocks differ, would make an old run the newest.
"""

import json
from contextlib import suppress

from tasks.storage.contract import ObjectMissing, Store

LATEST = "reports/latest.json"


def run_number(store: Store, run: str) -> int:
    """The place of `run` among the store's runs, from 1; the first call gives it the next one, for good."""
    kept = f"order/runs/{run}.json"
    with suppress(ObjectMissing):
        return json.loads(store.read(kept))
    number = len(list(store.list("order/numbers/"))) + 1
    while not store.write(_numbered("numbers", number), json.dumps(run).encode(), if_absent=True):
        number += 1
    # Two attempts of one plan may both come here; the number that is kept counts, the other one is nobody's.
    store.write(kept, json.dumps(number).encode(), if_absent=True)
    return json.loads(store.read(kept))


def publish(store: Store, run: str, status: str) -> None:
    """Make the report of `run`, complete in the store, known; it is the latest unless a later run has one.

    Of several that publish at once each looks again after it wrote, so whichever writes last writes the newest.
    """
    said = json.dumps({"run": run, "status": status}).encode()
    store.write(_numbered("reports", run_number(store, run)), said)
    newest = None
    while (found := max(store.list("order/reports/"))) != newest:
        newest = found
        store.write(LATEST, store.read(newest))


def _numbered(folder: str, number: int) -> str:
    return f"order/{folder}/{number:08d}.json"
