"""Report: one comparison of all branches of a run. A branch that failed is a row with its reason.

A branch whose artifacts are damaged is such a row too. Then the stage writes the report of all others, and fails.
"""

from collections.abc import Mapping
from typing import NamedTuple

from tasks.comparison.evidence import Branch
from tasks.comparison.schema.report import Comparison, StageRecord
from tasks.comparison.together import united
from tasks.errors import DataError
from tasks.registry.champions.marks import mark_history
from tasks.report.between.contrast import since_before
from tasks.report.collection import Say, environment, legible
from tasks.report.completion import compiled
from tasks.report.documents import CHECKSUMS, checksums, render
from tasks.report.duration.estimate import read_estimate, with_forecast
from tasks.report.parts import read_parts
from tasks.runs.order import publish
from tasks.runs.records import read_record, read_records, recorded
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.workflow import STAGES, report_key
from tasks.storage.contract import Store


class Joined(NamedTuple):
    """What the report of a run consists of: beside the comparison what else it publishes, and what it is made from.

    Attributes:
        predictions: their bytes by key, where no part has written them.
        parts: the digests of the files of the parts, by name.
        branches: empty where the parts name the damaged ones.
    """

    comparison: Comparison
    predictions: Mapping[str, bytes]
    parts: Mapping[str, str]
    branches: list[Branch]


def report(request: Request, store: Store) -> None:
    """Write `reports/RUN/` with the predictions that it names, and publish it.

    Raises:
        DataError: artifacts are damaged; the report is written nevertheless, and names them.
    """
    with recorded(store, request.run, Place(), "report") as record:
        join = _of_parts if request.has_pages else _of_evidence
        joined = join(request, store, record.progress)
        comparison = joined.comparison
        documents = render(comparison)
        record.check_newest()
        for key, body in joined.predictions.items():
            store.write(key, body)
        for name, body in (documents | {CHECKSUMS: checksums(comparison, documents, joined.parts)}).items():
            store.write(report_key(request.run, name), body)
        publish(store, request.run, comparison.status)
        mark_history(store)
        since = [comparison.since.line] if comparison.since else []
        record.progress(*since, *comparison.verdicts)
        require_whole(joined.branches)


def _of_evidence(request: Request, store: Store, progress: Say) -> Joined:
    """One comparison of all that the stages left, with what changed since the run before."""
    records = legible(read_records(store, request.run), request, store)
    predictions: dict[str, bytes] = {}
    expected = read_estimate(store, request.run)
    comparison, branches = compiled(request, records, store, expected, progress, predictions.__setitem__)
    since = since_before(store, comparison, lambda key: predictions.get(key) or store.read(key))
    return Joined(comparison.model_copy(update={"since": since}), predictions, {}, branches)


def _of_parts(request: Request, store: Store, progress: Say) -> Joined:
    """The parts of all datasets, taken together."""
    parts = read_parts(request, store, progress)
    of_run = (name for name, stage in STAGES.items() if stage.scope == "run" and name != "report")
    records = legible(
        [record for name in of_run if (record := read_record(store, request.run, Place(), name))], request, store
    )
    stages = [StageRecord.of(record) for record in records]
    comparison = united(request, [part.comparison for part in parts], stages)
    comparison = comparison.model_copy(update={"environment": environment()})
    comparison = with_forecast(comparison, read_estimate(store, request.run))
    return Joined(comparison, {}, {name: digest for part in parts for name, digest in part.digests.items()}, [])


def require_whole(branches: list[Branch]) -> None:
    """Fail when a branch is missing because of damage: no stage of that branch failed, so no other task says so.

    Raises:
        DataError: one is; the message names all.
    """
    damaged = [branch for branch in branches if branch.damaged]
    if damaged:
        names = ", ".join(str(Place(branch.dataset, branch.family, budget=branch.budget)) for branch in damaged)
        raise DataError(f"the report is written, without {names}: {damaged[0].error}")
