"""Made-up runs with published reports in a store: as much of them as readers of several reports look at."""

import io
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch, ReplicateEvidence
from tasks.comparison.schema.report import Comparison
from tasks.runs.order import publish
from tasks.runs.requests import write_request
from tasks.settings.request import Request
from tasks.settings.workflow import report_key
from tasks.storage.contract import Store
from tasks.storage.location import open_store
from tests.support import synthetic

CODE = {"normalize/cifar10": "1" * 64, "train/cifar10/ann": "2" * 64, "train/cifar10/cnn": "3" * 64}
Files = dict[str, bytes]


def request(run: str, **training: Any) -> Request:
    """A quick run on CIFAR-10, with other values of its training."""
    asked = synthetic.request()
    return asked.model_copy(update={"run": run, "training": asked.training.model_copy(update=training)})


def made(
    asked: Request, *, accuracy: float | None = None, trained_as: str = "", test_part: str | None = "t" * 40
) -> tuple[Comparison, Files]:
    """The report of a run, and its predictions by key; runs `trained_as` another share the models of their seeds."""
    files: Files = {}
    branches = []
    for branch in synthetic.everything(asked, accuracy=accuracy, examples=1000):
        seeds = tuple(
            _stored(seed, branch.family, asked.run, trained_as or asked.run, files) for seed in branch.replicates
        )
        branches.append(replace(branch, replicates=seeds, test_part=test_part))
    return _report(asked, branches), files


def _report(asked: Request, branches: list[Branch]) -> Comparison:
    facts, records = synthetic.facts(asked), synthetic.records(asked)
    report = compare(asked, branches, records, facts, synthetic.ENVIRONMENT)
    return report.model_copy(update={"code": CODE})


def _stored(seed: ReplicateEvidence, family: str, run: str, trained_as: str, files: Files) -> ReplicateEvidence:
    """The replicate with the digest of its predictions, and with the key of a training of its own."""
    stream = io.BytesIO()
    np.savez(stream, y_true=seed.y_true, y_pred=seed.y_pred)
    key = report_key(run, f"predictions/{family}-{seed.seed}.npz")
    files[key] = stream.getvalue()
    trained = sha256(f"{trained_as} {family} {seed.seed}".encode()).hexdigest()[:40]
    return replace(
        seed,
        predictions=key,
        predictions_sha256=sha256(files[key]).hexdigest(),
        digests=seed.digests | {"train": trained},
    )


def put(store: Store, comparison: Comparison, files: Files) -> None:
    """Publish a report, as far as report.json and the predictions."""
    write_request(store, comparison.request)
    for key, body in (files | {report_key(comparison.run, "report.json"): _body(comparison)}).items():
        store.write(key, body)
    publish(store, comparison.run, comparison.status)


def _body(comparison: Comparison) -> bytes:
    return f"{comparison.model_dump_json(indent=1)}\n".encode()


def several(store: Store, *runs: str, **options: Any) -> Iterator[Comparison]:
    """Publish a report for each of these runs, one after the other."""
    for run in runs:
        comparison, files = made(request(run), **options)
        put(store, comparison, files)
        yield comparison


def opened(environment: dict[str, str]) -> Store:
    """The store that these environment variables lead to."""
    return open_store(environment["STORE"])
