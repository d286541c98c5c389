"""The history of runs names the models that became champions."""

import logging

from tasks.registry.champions import ledger
from tasks.registry.champions.marks import mark_history
from tasks.report.between.history import HISTORY
from tasks.settings.workflow import HISTORY_PAGE
from tests.support import published_runs
from tests.support.champions import DATASET, entry


def test_champions_are_marked_in_the_history(stores):
    """The present one and the former ones, also after a rollback; every call brings the history up to date."""
    list(published_runs.several(stores, "a", "b"))
    first = ledger.append(stores, entry(1, "a"))
    ledger.append(stores, entry(2, "b"))
    mark_history(stores)
    assert stores.read(HISTORY_PAGE).decode().count(">champion<") == 1
    ledger.append(stores, entry(3, "a", kind="rollback", model=first.model, restores=1, decision=None))
    mark_history(stores)
    page = stores.read(HISTORY_PAGE).decode()
    assert page.index(">was champion<") < page.index(">champion<")  # the newest run, b, stands first


def test_a_damaged_ledger_leaves_the_history_without_its_champions(store, caplog):
    """The log names it; every run is in the history all the same."""
    list(published_runs.several(store, "a"))
    store.write(f"champions/{DATASET}/0001.json", b"{")
    with caplog.at_level(logging.WARNING):
        mark_history(store)
    assert f"the history is without the champions of {DATASET}" in caplog.text
    assert b'"run":"a"' in store.read(HISTORY)
