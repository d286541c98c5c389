"""A published report in a store, as the stage `report` leaves it: documents, predictions and SHA256SUMS."""

import io
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import numpy as np

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch
from tasks.report.documents import CHECKSUMS, checksums, render
from tasks.runs.order import publish
from tasks.settings.request import Request
from tasks.settings.workflow import report_key
from tasks.storage.contract import Store
from tests.support import synthetic


def publish_report(store: Store, request: Request) -> None:
    """Publish a made-up report of the run `request`; it is the newest of the store."""
    branches = [with_predictions(branch, store.write) for branch in synthetic.everything(request)]
    records, facts = synthetic.records(request), synthetic.facts(request)
    comparison = compare(request, branches, records, facts, synthetic.ENVIRONMENT)
    documents = render(comparison)
    for name, body in (documents | {CHECKSUMS: checksums(comparison, documents)}).items():
        store.write(report_key(request.run, name), body)
    publish(store, request.run, comparison.status)


def with_predictions(branch: Branch, write: Callable[[str, bytes], object]) -> Branch:
    """The branch, with a file of predictions for each of its models, which `write` gets with its key."""
    replicates = []
    for replicate in branch.replicates:
        stream, seed = io.BytesIO(), replicate.seed
        truth, probabilities = synthetic.predictions(branch.family, seed, 400, synthetic.ACCURACY[branch.family])
        np.savez_compressed(stream, y_true=truth, y_pred=replicate.y_pred, y_prob=probabilities)
        write(replicate.predictions, stream.getvalue())
        replicates.append(replace(replicate, predictions_sha256=sha256(stream.getvalue()).hexdigest()))
    return replace(branch, replicates=tuple(replicates))
