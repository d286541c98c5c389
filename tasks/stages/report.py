"""Report: one comparison of all branches of a run. A branch that failed is a row with its reason.

A branch whose artifacts are damaged is such a row too. Then the stage writes the report of all others, and fails.
"""

from tasks.comparison.assembly import compare
from tasks.comparison.evidence import Branch
from tasks.errors import DataError
from tasks.registry.champions.marks import mark_history
from tasks.report.between.contrast import since_before
from tasks.report.collection import code_of, collect, environment, facts_of, legible, pictures_of
from tasks.report.completion import completed
from tasks.report.documents import CHECKSUMS, checksums, render
from tasks.report.duration.estimate import read_estimate
from tasks.runs.order import publish
from tasks.runs.records import read_records, recorded
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.workflow import report_key
from tasks.storage.contract import Store


def report(request: Request, store: Store) -> None:
    """Write `reports/RUN/` with the predictions that it names, and publish it.

    Raises:
        DataError: artifacts are damaged; the report is written nevertheless, and names them.
    """
    with recorded(store, request.run, Place(), "report") as record:
        records = legible(read_records(store, request.run), request, store)
        predictions: dict[str, bytes] = {}
        branches = collect(request, records, store, record.progress, predictions.__setitem__)
        comparison = compare(request, branches, records, facts_of(request, store, records), environment())
        pictures, expected = pictures_of(comparison, store, records), read_estimate(store, request.run)
        comparison = completed(comparison, pictures, expected, code_of(store, records))
        since = since_before(store, comparison, lambda key: predictions.get(key) or store.read(key))
        comparison = comparison.model_copy(update={"since": since})
        documents = render(comparison)
        record.check_newest()
        for key, body in predictions.items():
            store.write(key, body)
        for name, body in (documents | {CHECKSUMS: checksums(comparison, documents)}).items():
            store.write(report_key(request.run, name), body)
        publish(store, request.run, comparison.status)
        mark_history(store)
        for line in (*([since.line] if since else []), *comparison.verdicts):
            record.progress(line)
        _require_whole(branches)


def _require_whole(branches: list[Branch]) -> None:
    """Fail when a branch is missing because of damage: no stage of that branch failed, so no other task says so."""
    damaged = [branch for branch in branches if branch.damaged]
    if damaged:
        names = ", ".join(str(Place(branch.dataset, branch.family, budget=branch.budget)) for branch in damaged)
        raise DataError(f"the report is written, without {names}: {damaged[0].error}")
