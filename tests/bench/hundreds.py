"""The report of a run of many datasets: its time, size and requests, and what reads it afterwards.

One real run of the smoke profile on tiny data has three seeds. `tests.support.many_datasets` makes runs of many of it,
without another training. Where each dataset has a page, `conclude` is measured, too.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tasks.local.swift.object_store import ObjectStore
from tasks.report.between.history import keep_history
from tasks.runs.requests import read_request
from tasks.settings.place import Place
from tasks.settings.workflow import report_key
from tasks.stages.conclude import conclude
from tasks.stages.report import report
from tasks.storage.contract import Store
from tasks.storage.location import open_store
from tests.bench.clock import seconds, timed
from tests.bench.process import alone
from tests.bench.section import Row, Section
from tests.support.machine import Machine
from tests.support.many_datasets import spread_out

SIZES = (1, 10, 50, 200)
SEEDS = "3"


class Counted:
    """A store that counts what is asked of it."""

    def __init__(self, store: Store):
        self._store, self.requests = store, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def counted(*values: Any, **options: Any) -> Any:
            self.requests[name] += 1
            return found(*values, **options)

        return counted


def hundreds() -> Iterator[Section]:
    """A table for each kind of store."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        machine = Machine(folder, STORE=(folder / "store").as_uri())
        run = machine.run("--datasets", "fashion_mnist", "--replicates", SEEDS)[2]["run"]
        yield _section(machine.environment["STORE"], run, "a folder")
        with ObjectStore.start(folder / "server") as server:
            os.environ.update(server.environment)
            address = f"{server.uri}/bench"
            _copied(open_store(machine.environment["STORE"]), open_store(address), folder / "file")
            yield _section(address, run, "a bucket of the embedded server")


def _section(address: str, run: str, kind: str) -> Section:
    return Section(f"The report of many datasets, the store {kind}", [_row(address, run, size) for size in SIZES])


def _row(address: str, run: str, datasets: int) -> Row:
    many = spread_out(open_store(address), run, datasets)
    measured = alone(partial(reported, address, many))
    return {"datasets": datasets, **measured.result, "peak memory, MB": measured.peak / 1e6}


def reported(address: str, run: str) -> Row:
    """What `conclude` takes a dataset, what the report takes and weighs, and what the history takes that reads it."""
    store = Counted(open_store(address))
    request = read_request(store, run)
    places = [Place(dataset.name) for dataset in request.datasets if request.has_pages]
    _, concluded = timed(lambda: [conclude(request, store, place) for place in places])
    store.requests.clear()
    _, taken = timed(lambda: report(request, store))
    asked = dict(store.requests)
    _, again = timed(lambda: keep_history(store))
    sizes = {f"{name}, MB": len(store.read(report_key(run, name))) / 1e6 for name in ("report.html", "report.json")}
    own = {"conclude, CPU s a dataset": concluded.cpu_seconds / len(places) if places else None}
    return own | seconds(taken) | {"requests": sum(asked.values())} | sizes | {"history, s": again.seconds}


def _copied(source: Store, target: Store, scratch: Path) -> None:
    for key in source.list(""):
        source.download(key, scratch)
        target.upload(key, scratch)
        scratch.unlink()
