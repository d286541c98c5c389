"""Made-up runs with published reports in a store: the whole of one, or as much as readers of several look at."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch, ReplicateEvidence
from tasks.comparison.schema.report import Comparison
from tasks.report.documents import CHECKSUMS, checksums, render
from tasks.runs.order import publish
from tasks.runs.requests import write_request
from tasks.settings.request import Request
from tasks.settings.workflow import report_key
from tasks.storage.contract import Store
from tasks.storage.location import open_store
from tests.support import synthetic

CODE = {"normalize/cifar10": "1" * 64, "train/cifar10/ann": "2" * 64, "train/cifar10/cnn": "3" * 64}
EXAMPLES = 1000
Files = dict[str, bytes]


def request(run: str, **training: Any) -> Request:
    """A quick run on CIFAR-10, with other values of its training."""
    asked = synthetic.request()
    return asked.model_copy(update={"run": run, "training": asked.training.model_copy(update=training)})


def made(
    asked: Request,
    *,
    accuracy: float | None = None,
    trained_as: str = "",
    test_part: str | None = "t" * 40,
    ruined: int | None = None,
) -> tuple[Comparison, Files]:
    """The report of a run, and its predictions by key; runs `trained_as` another share the models of their seeds.

    The models take every example of the class `ruined` for another one.
    """
    files: Files = {}
    branches = []
    for branch in synthetic.everything(asked, accuracy=accuracy, examples=EXAMPLES):
        stored = with_predictions(branch, files.__setitem__, EXAMPLES, accuracy)
        if ruined is not None:
            stored = _ruined(asked, stored, files, ruined)
        seeds = tuple(_trained(seed, branch.family, trained_as or asked.run) for seed in stored.replicates)
        branches.append(replace(stored, replicates=seeds, test_part=test_part))
    facts, records = synthetic.facts(asked), synthetic.records(asked)
    report = compare(asked, branches, records, facts, synthetic.ENVIRONMENT)
    return report.model_copy(update={"code": CODE}), files


def with_predictions(
    branch: Branch, write: Callable[[str, bytes], object], examples: int = 400, accuracy: float | None = None
) -> Branch:
    """The branch, with a file of predictions for each of its models, which `write` gets with its key."""
    replicates = []
    reached = synthetic.ACCURACY[branch.family] if accuracy is None else accuracy
    for replicate in branch.replicates:
        truth, probabilities = synthetic.predictions(branch.family, replicate.seed, examples, reached)
        stream = io.BytesIO()
        np.savez_compressed(stream, y_true=truth, y_pred=replicate.y_pred, y_prob=probabilities)
        write(replicate.predictions, stream.getvalue())
        replicates.append(replace(replicate, predictions_sha256=sha256(stream.getvalue()).hexdigest()))
    return replace(branch, replicates=tuple(replicates))


def _ruined(asked: Request, branch: Branch, files: Files, label: int) -> Branch:
    """The branch, whose models answer with the next class where the true one is `label`; its files are replaced."""
    replicates = []
    for replicate in branch.replicates:
        with np.load(io.BytesIO(files[replicate.predictions])) as stored:
            truth, probabilities = stored["y_true"], stored["y_prob"].copy()
        rows, other = truth == label, (label + 1) % probabilities.shape[1]
        probabilities[rows, other] += 1.0
        probabilities[rows] /= probabilities[rows].sum(axis=1, keepdims=True)
        about = asked.dataset(branch.dataset)
        new = synthetic.measured(asked, about, branch.family, replicate.seed, truth, probabilities)
        stream = io.BytesIO()
        np.savez_compressed(stream, y_true=truth, y_pred=new.y_pred, y_prob=probabilities)
        files[replicate.predictions] = stream.getvalue()
        replicates.append(replace(new, predictions_sha256=sha256(stream.getvalue()).hexdigest()))
    return replace(branch, replicates=tuple(replicates))


def _trained(seed: ReplicateEvidence, family: str, trained_as: str) -> ReplicateEvidence:
    """The replicate with the key of a training of its own."""
    trained = sha256(f"{trained_as} {family} {seed.seed}".encode()).hexdigest()[:40]
    return replace(seed, digests=seed.digests | {"train": trained})


def publish_report(store: Store, asked: Request) -> None:
    """Publish a report of the run with all its documents, as the stage `report` does."""
    comparison, files = made(asked)
    documents = render(comparison)
    put(store, comparison, files)
    for name, body in (documents | {CHECKSUMS: checksums(comparison, documents)}).items():
        store.write(report_key(asked.run, name), body)


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
