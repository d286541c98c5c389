"""The parts of a report of many datasets: for each dataset its comparison, as JSON, and its page.

A part says what a report of that dataset alone would say. The report of the run joins them, so it reads no evidence.
"""

import hashlib
from functools import partial
from typing import NamedTuple

from pydantic import ValidationError

from tasks.comparison.evidence import Branch
from tasks.comparison.schema.report import Comparison
from tasks.report.collection import Say, legible
from tasks.report.completion import compiled
from tasks.report.documents import part_names, part_page, to_json
from tasks.runs.records import read_records
from tasks.settings.request import Request
from tasks.settings.workflow import report_key
from tasks.storage.contract import ObjectMissing, Store
from tasks.storage.threads import spread


class Part(NamedTuple):
    """One dataset: its comparison, and the digest of each of its files by name."""

    comparison: Comparison
    digests: dict[str, str]


def make_part(request: Request, store: Store, dataset: str, progress: Say) -> list[Branch]:
    """Compare the families on a dataset, and write its part. Return the branches that it is made from."""
    one = request.alone(dataset)
    records = legible(read_records(store, request.run, dataset), request, store)
    comparison, branches = compiled(one, records, store, None, progress, store.write)
    for name, text in zip(part_names(dataset), (to_json(comparison), part_page(comparison)), strict=True):
        store.write(report_key(request.run, name), text.encode())
    for line in comparison.verdicts:
        progress(line)
    return branches


def read_parts(request: Request, store: Store, progress: Say) -> list[Part]:
    """The part of every dataset of the run, in its order. One that is not there, or damaged, is made."""
    names = [dataset.name for dataset in request.datasets]
    found = dict(spread(partial(_part_there, request, store), names))
    return [found[name] or _part_made(request, store, name, progress) for name in names]


def _part_there(request: Request, store: Store, dataset: str) -> Part | None:
    try:
        return _part(request, store, dataset)
    except (ObjectMissing, ValidationError):
        return None


def _part_made(request: Request, store: Store, dataset: str, progress: Say) -> Part:
    make_part(request, store, dataset, progress)
    return _part(request, store, dataset)


def _part(request: Request, store: Store, dataset: str) -> Part:
    bodies = {name: store.read(report_key(request.run, name)) for name in part_names(dataset)}
    document, _ = bodies.values()
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}
    return Part(Comparison.model_validate_json(document), digests)
