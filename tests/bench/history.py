"""What the history costs: one run added to many, and all of it made again.

The reports are made-up ones of two datasets, two families and three seeds, with the files that a real report has beside
them. The store is a folder or a bucket of the embedded server, on this machine's own disk.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tasks.comparison.schema.report import Comparison
from tasks.local.swift.object_store import ObjectStore
from tasks.report.between.history import HISTORY, keep_history
from tasks.runs.order import publish
from tasks.settings.workflow import HISTORY_PAGE, report_key
from tasks.storage.contract import Store
from tasks.storage.location import open_store
from tests.bench.clock import seconds, timed
from tests.bench.section import Row, Section
from tests.support import published_runs, synthetic

RUNS = {"folder": 1_000, "bucket": 200}  # to the embedded server each of a run's 20 files is a request
DATASETS = (synthetic.dataset(), synthetic.dataset("fashion_mnist", "Fashion-MNIST", 125_000))
BESIDE = (
    "report.html",
    "report.md",
    "report.csv",
    "explore.ipynb",
    "SHA256SUMS",
    *(f"predictions/{n}.npz" for n in range(12)),
)


def history() -> Iterator[Section]:
    """A table for each kind of store."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        store = open_store(Path(folder, "store").as_uri())
        yield _section(store, "folder")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ObjectStore.start(Path(folder, "server")) as server:
        os.environ.update(server.environment)
        store = open_store(f"{server.uri}/bench")
        yield _section(store, "bucket")


def _section(store: Store, kind: str) -> Section:
    return Section(f"The history of {RUNS[kind]:,} runs, the store a {kind}", list(_rows(store, RUNS[kind])))


def _rows(store: Store, runs: int) -> Iterator[Row]:
    asked = published_runs.request("first").model_copy(update={"datasets": DATASETS})
    report, _ = published_runs.made(asked)
    for number in range(runs):
        _put(store, _another(report, number))
    yield _measured("made from all reports", store)
    _put(store, _another(report, runs))
    yield _measured("one run added", store)
    yield _measured("nothing new", store)


def _another(report: Comparison, number: int) -> Comparison:
    """The report of another run, with accuracies, data and code of its own."""
    datasets = []
    for dataset in report.datasets:
        moved = 0.02 * ((number * 7919 % 100) / 100 - 0.5)
        models = [model.model_copy(update={"accuracy": (model.accuracy or 0.0) + moved}) for model in dataset.models]
        datasets.append(dataset.model_copy(update={"models": tuple(models)}))
    created = f"{2020 + number // 336}-{1 + number // 28 % 12:02}-{1 + number % 28:02}T03:00:00+00:00"
    environment = report.environment.model_copy(update={"created": created})
    code = report.code | {"train/cifar10/cnn": f"{number // 40:064x}"}
    named = {"run": f"scheduled-{number:06}", "datasets": tuple(datasets), "environment": environment, "code": code}
    return report.model_copy(update=named)


def _put(store: Store, report: Comparison) -> None:
    for name in BESIDE:
        store.write(report_key(report.run, name), b"beside it")
    store.write(report_key(report.run, "report.json"), report.model_dump_json(indent=1).encode())
    publish(store, report.run, report.status)


def _measured(what: str, store: Store) -> Row:
    kept, taken = timed(lambda: keep_history(store))
    sizes = {name: len(store.read(key)) / 1e6 for name, key in (("JSON, MB", HISTORY), ("page, MB", HISTORY_PAGE))}
    return {"what": what, "runs": len(kept.rows)} | seconds(taken) | sizes
