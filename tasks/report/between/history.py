"""The history of a store's runs: `reports/history.json`, a row for each report, and `reports/history.html`, its page.

Both follow from the reports, so a lost or damaged history is made again. Usually one report is read: that of the run
that has ended. The size and the time in the store's listing tell whether a report is another one than before.
"""

import logging
import re
from collections.abc import Callable, Iterator

from tasks.comparison.schema.history import History, PassedOver, Promoted, Result, Row
from tasks.comparison.schema.report import SCHEMA_VERSION, Comparison, DatasetComparison
from tasks.comparison.words.wording import some
from tasks.errors import DataError, RequestError
from tasks.report.between.contrast import in_store
from tasks.report.pages.between.history_page import to_history_page
from tasks.runs.order import published_number
from tasks.runs.reasons import relative
from tasks.settings.workflow import HISTORY_PAGE, report_key
from tasks.storage.artifacts import digest_of
from tasks.storage.contract import ObjectMissing, Store
from tasks.storage.documents import DamagedError, read_document

log = logging.getLogger(__name__)
HISTORY = "reports/history.json"
REPORT = re.compile(f"{report_key('(?P<run>[^/]+)', 'report')}[.]json")
SHARES, SECONDS = 6, 3  # decimals that are kept
DIGEST = 8  # digits that tell one version from others
Marks = dict[str, str]


def keep_history(store: Store, promoted: Callable[[], tuple[Promoted, ...]] = tuple) -> History:
    """Bring both documents up to date with the reports that are there, and return what the history is now.

    Several runs may do so at once. Each looks again after it wrote, so the last one to write has seen all reports, and
    all models that were `promoted`.
    """
    seen, history = None, _known(store)
    while (found := (_marks(store), promoted())) != seen:
        before, seen = history, found
        history = brought_up(history, store, found[0]).model_copy(update={"promoted": found[1]})
        _tell(before, history)
        store.write(HISTORY, f"{history.model_dump_json(exclude_defaults=True)}\n".encode())
        store.write(HISTORY_PAGE, to_history_page(history).encode())
    return history


def brought_up(history: History, store: Store, marks: Marks) -> History:
    """The history with exactly the runs of `marks` whose reports are published; known ones are not read again."""
    entries: tuple[Row | PassedOver, ...] = (*history.rows, *history.passed_over)
    known = {entry.run: entry for entry in entries}
    found = [
        known[run] if run in known and known[run].mark == mark else _entry(store, run, mark)
        for run, mark in marks.items()
    ]
    rows = [entry for entry in found if isinstance(entry, Row)]
    return History(
        reads=SCHEMA_VERSION,
        rows=tuple(sorted(rows, key=lambda row: row.number)),
        passed_over=tuple(entry for entry in found if isinstance(entry, PassedOver)),
    )


def _tell(before: History, now: History) -> None:
    """Say once which reports the history is without: one line for each reason."""
    for reason, runs in now.reasons.items():
        if runs != before.reasons.get(reason):
            log.warning("the history is without %s: %s", some(runs), reason)


def _known(store: Store) -> History:
    """The history as it was last written; an empty one where it cannot be used."""
    try:
        known = read_document(store, HISTORY, History, "a history", "it is made again")
        return known if known.reads == SCHEMA_VERSION else History(reads=SCHEMA_VERSION, rows=known.rows)
    except ObjectMissing:
        return History(reads=SCHEMA_VERSION)
    except DamagedError as error:
        log.warning("%s", error)
        return History(reads=SCHEMA_VERSION)


def _marks(store: Store) -> Marks:
    """What tells one report of a run from another, by run: from one listing."""
    named = ((REPORT.fullmatch(entry.key), entry) for entry in store.entries("reports/"))
    return {match["run"]: f"{entry.size} {entry.modified.isoformat()}" for match, entry in named if match}


def _entry(store: Store, run: str, mark: str) -> Row | PassedOver | None:
    """The row of a run; None where its report is not published yet, or was deleted meanwhile."""
    try:
        number = published_number(store, run)
        return None if number is None else row_of(in_store(store, run).comparison, number, mark)
    except (RequestError, DataError) as error:
        return PassedOver(run=run, mark=mark, reason=relative(str(error), None, store).removeprefix(f"run {run}: "))


def row_of(comparison: Comparison, number: int, mark: str) -> Row:
    """What the history keeps of a report."""
    versions = {section.name: section.version for section in comparison.data}
    return Row(
        run=comparison.run,
        number=number,
        mark=mark,
        created=comparison.environment.created,
        profile=comparison.request.profile,
        sample=comparison.request.examples,
        data={
            dataset.name: (versions.get(dataset.name) or digest_of([each.digests for each in dataset.sources]))[:DIGEST]
            for dataset in comparison.request.datasets
        },
        code={place: digest[:DIGEST] for place, digest in comparison.code.items()},
        results=tuple(result for dataset in comparison.datasets for result in _results(dataset)),
    )


def _results(dataset: DatasetComparison) -> Iterator[Result]:
    conclusions = {difference.family: difference.conclusion for difference in dataset.differences}
    for model in dataset.models:
        if model.accuracy is None or model.accuracy_interval is None:
            continue
        yield Result(
            dataset=dataset.name,
            title=dataset.title,
            budget=dataset.budget,
            family=model.family,
            accuracy=round(model.accuracy, SHARES),
            low=round(model.accuracy_interval.low, SHARES),
            high=round(model.accuracy_interval.high, SHARES),
            seeds=len(model.replicates),
            parameters=model.parameters or 0,
            train_seconds=round(model.train_seconds or 0.0, SECONDS),
            conclusion=conclusions.get(model.family),
        )
