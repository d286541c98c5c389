"""The champions in the history of runs: which models became champions, beside their results."""

import logging
from functools import partial

from tasks.comparison.schema.history import Promoted
from tasks.errors import DataError
from tasks.registry.champions import ledger
from tasks.registry.champions.documents import Entry
from tasks.report.between.history import keep_history
from tasks.storage.contract import Store

log = logging.getLogger(__name__)


def mark_history(store: Store) -> None:
    """Bring the history of runs up to date, with the models that became champions.

    Whoever calls this has done its work: what is wrong with a report, a ledger or the store now does not fail it.
    """
    try:
        keep_history(store, partial(promoted, store))
    except Exception as error:  # whatever it is, the next report or promotion brings the history up to date
        log.warning("the history is not brought up to date: %s: %s", type(error).__name__, error)


def promoted(store: Store) -> tuple[Promoted, ...]:
    """Every entry of all ledgers, by dataset and number. A damaged ledger is passed over, with a warning."""
    found: list[Promoted] = []
    for dataset in ledger.datasets(store):
        try:
            entries = ledger.entries(store, dataset)
        except DataError as error:
            log.warning("the history is without the champions of %s: %s", dataset, error)
        else:
            found += [_promoted(entry, is_present=entry == entries[-1]) for entry in entries]
    return tuple(found)


def _promoted(entry: Entry, *, is_present: bool) -> Promoted:
    model = entry.model
    return Promoted(
        dataset=model.dataset,
        budget=model.budget,
        family=model.family,
        run=model.run,
        number=entry.number,
        present=is_present,
    )
