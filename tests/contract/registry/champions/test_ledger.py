"""The ledger in both kinds of store: numbers without gaps, one writer each, and nothing believed that is damaged."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest

from tasks.errors import RequestError
from tasks.registry.champions import ledger
from tasks.storage.documents import DamagedError
from tests.support.champions import DATASET, entry, model

WRITERS, ROUNDS = 8, 6


def test_the_highest_number_is_the_present_champion(stores):
    """There is none at first; then the last entry is, and all entries stay."""
    assert ledger.present(stores, DATASET) is None
    assert ledger.entries(stores, DATASET) == []
    written = [ledger.append(stores, entry(number, f"quick-{number}")) for number in (1, 2, 3)]
    assert ledger.present(stores, DATASET) == written[-1]
    assert ledger.entries(stores, DATASET) == written
    assert ledger.datasets(stores) == [DATASET]


def test_a_second_writer_of_a_number_gets_the_entry_of_the_first(stores):
    """Nothing of the second one is stored."""
    first = ledger.append(stores, entry(1, "quick-1"))
    assert ledger.append(stores, entry(1, "quick-2")) == first
    assert ledger.entries(stores, DATASET) == [first]


def test_of_many_writers_at_once_exactly_one_wins_each_number(stores):
    """Every number is written once; a writer that lost knows the winner, and none that won is lost."""

    def compete(writer: int) -> list[tuple[str, int]]:
        won = []
        while len(won) < ROUNDS:
            present = ledger.present(stores, DATASET)
            mine = entry((present.number if present else 0) + 1, f"run-{writer}-{len(won)}")
            stands = ledger.append(stores, mine)
            assert stands.number == mine.number
            if stands == mine:
                won.append((mine.model.run, mine.number))
        return won

    with ThreadPoolExecutor(WRITERS) as pool:
        won = dict(chain.from_iterable(pool.map(compete, range(WRITERS))))
    assert {each.model.run: each.number for each in ledger.entries(stores, DATASET)} == won
    assert sorted(won.values()) == list(range(1, WRITERS * ROUNDS + 1))


def test_more_than_9999_entries_keep_their_order(store):
    """A number of five digits comes after one of four."""
    for number in (9_999, 10_000):
        store.write(f"champions/{DATASET}/{number}.json", entry(number).model_dump_json().encode())
    assert ledger.present(store, DATASET) == entry(10_000)


def test_a_damaged_entry_is_named(store):
    """Neither an earlier entry nor an exchanged one is taken for the present one; the error says which is damaged."""
    first, second = (ledger.append(store, entry(number)) for number in (1, 2))
    for body in (
        b"",
        b"{}",
        first.model_dump_json().encode(),
        entry(2, model=model(dataset="mnist")).model_dump_json().encode(),
    ):
        store.write(f"champions/{DATASET}/0002.json", body)
        with pytest.raises(DamagedError, match=r"champions/cifar10/0002\.json: expected"):
            ledger.present(store, DATASET)
    assert ledger.entry(store, DATASET, 1) == first
    assert second.number == 2


def test_a_missing_entry_is_named(store):
    """The history has no gaps: one that was deleted is an error, and nothing is written after a gap."""
    for number in (1, 2, 3):
        ledger.append(store, entry(number))
    store.delete(f"champions/{DATASET}/0002.json")
    with pytest.raises(DamagedError, match=r"0002\.json: expected an entry of the ledger, found none"):
        ledger.entries(store, DATASET)
    with pytest.raises(DamagedError, match=r"0004\.json"):
        ledger.append(store, entry(5))


@pytest.mark.parametrize("name", ["../etc", "", "CIFAR", "a/b", "a" * 60, "1st"])
def test_only_a_dataset_has_a_ledger(store, name):
    """Whatever else is typed is refused with one line, before the store is asked."""
    with pytest.raises(RequestError, match="expected the name of a dataset"):
        ledger.present(store, name)


def test_a_rollback_leads_to_the_promotion_that_it_restores(store):
    """What was before the present champion is known through any number of rollbacks."""
    for number in (1, 2, 3):
        ledger.append(store, entry(number, f"quick-{number}"))
    back = ledger.append(store, entry(4, "quick-2", kind="rollback", restores=2, decision=None))
    assert ledger.promotion_of(store, back).number == 2
    assert ledger.before(store, back) == ledger.entry(store, DATASET, 1)
    after = ledger.append(store, entry(5, "quick-5"))
    assert ledger.before(store, after) == ledger.entry(store, DATASET, 2)
    assert ledger.before(store, ledger.entry(store, DATASET, 1)) is None


def test_a_rollback_to_no_promotion_is_damage(store):
    """An entry that restores itself, or another rollback, is not followed."""
    ledger.append(store, entry(1))
    loop = ledger.append(store, entry(2, kind="rollback", restores=2, decision=None))
    with pytest.raises(DamagedError, match="expected a rollback to an earlier promotion"):
        ledger.promotion_of(store, loop)
