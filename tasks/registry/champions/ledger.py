"""The ledger of a dataset's champions: numbered entries, each written once; the highest is the present one.

No entry is ever changed or deleted, and no clock decides which is newest. A number can be written by one writer only.
So of two promotions at once one wins, and the other learns of it.
"""

import re
from collections.abc import Iterator

from pydantic import TypeAdapter, ValidationError

from tasks.errors import RequestError, shown
from tasks.registry.champions.documents import Entry
from tasks.settings.values import Name
from tasks.settings.workflow import CHAMPIONS
from tasks.storage.contract import ObjectMissing, Store
from tasks.storage.documents import DamagedError, read_document

NUMBERED = re.compile(rf"{CHAMPIONS}(?P<dataset>[a-z][a-z0-9_]*)/(?P<number>\d{{4,}})\.json")
REMEDY = "bring it back from a copy of the store; without it nobody knows what the champion was"


def folder(dataset: str) -> str:
    """The prefix of all that the store keeps of a dataset's champions.

    Raises:
        RequestError: `dataset` cannot be the name of one.
    """
    try:
        return f"{CHAMPIONS}{TypeAdapter(Name).validate_python(dataset)}/"
    except ValidationError:
        raise RequestError(f"expected the name of a dataset, received {shown(dataset, 60)}") from None


def datasets(store: Store) -> list[str]:
    """The datasets with a champion, or with a decision on a candidate, by name."""
    return sorted({key.removeprefix(CHAMPIONS).partition("/")[0] for key in store.list(CHAMPIONS)})


def entries(store: Store, dataset: str) -> list[Entry]:
    """All entries of a dataset, from the first to the present one.

    Raises:
        DamagedError: one is missing, cannot be read, or is not what its key promises.
    """
    return [entry(store, dataset, number) for number in range(1, _highest(store, dataset) + 1)]


def present(store: Store, dataset: str) -> Entry | None:
    """The present champion, or None before the first one.

    Raises:
        DamagedError: the highest entry cannot be read, or is not what its key promises.
    """
    highest = _highest(store, dataset)
    return entry(store, dataset, highest) if highest else None


def required(store: Store, dataset: str) -> Entry:
    """The present champion.

    Raises:
        RequestError: there is none.
        DamagedError: as `present`.
    """
    if found := present(store, dataset):
        return found
    others = ", ".join(sorted({match["dataset"] for match in _numbered(store, CHAMPIONS)})) or "none"
    makes = f"`champion promote RUN --dataset {dataset}` makes one"
    raise RequestError(f"{dataset}: expected a champion, found none; datasets with one: {others}; {makes}")


def entry(store: Store, dataset: str, number: int) -> Entry:
    """The entry of that number, which the ledger has.

    Raises:
        DamagedError: it is missing, cannot be read, or is not what its key promises.
    """
    key = _key(dataset, number)
    try:
        found = read_document(store, key, Entry, "an entry of the ledger", REMEDY)
    except ObjectMissing:
        raise DamagedError(f"{store.uri}/{key}", "expected an entry of the ledger, found none", REMEDY) from None
    if (found.model.dataset, found.number) != (dataset, number):
        difference = f"expected number {number} of {dataset}, received {found.number} of {found.model.dataset}"
        raise DamagedError(f"{store.uri}/{key}", difference, REMEDY)
    return found


def append(store: Store, new: Entry) -> Entry:
    """Write an entry under its number, the one after the highest. Return the entry that stands there.

    That is another one where another writer was first: the caller has lost, and nothing of `new` is stored.

    Raises:
        DamagedError: the entry before it is gone, or the other writer's cannot be read.
    """
    dataset = new.model.dataset
    if new.number > 1:
        entry(store, dataset, new.number - 1)
    if store.write(_key(dataset, new.number), new.model_dump_json(indent=1).encode(), if_absent=True):
        return new
    return entry(store, dataset, new.number)


def promotion_of(store: Store, given: Entry) -> Entry:
    """The entry that first made the model of `given` the champion: itself, or the one that a rollback restores.

    Raises:
        DamagedError: that entry cannot be read, or is no promotion.
    """
    if given.kind == "promotion":
        return given
    number = given.restores or 0
    origin = entry(store, given.model.dataset, number)
    if origin.kind != "promotion" or number >= given.number:
        place = f"{store.uri}/{_key(given.model.dataset, given.number)}"
        raise DamagedError(place, f"expected a rollback to an earlier promotion, received one to {number}", REMEDY)
    return origin


def before(store: Store, given: Entry) -> Entry | None:
    """The promotion whose model was the champion before that of `given` was promoted, or None.

    Raises:
        DamagedError: an entry cannot be read.
    """
    number = promotion_of(store, given).number - 1
    return promotion_of(store, entry(store, given.model.dataset, number)) if number else None


def _highest(store: Store, dataset: str) -> int:
    """The highest number of a dataset, or 0."""
    return max((int(match["number"]) for match in _numbered(store, folder(dataset))), default=0)


def _numbered(store: Store, prefix: str) -> Iterator[re.Match[str]]:
    """The keys of entries below a prefix."""
    return filter(None, map(NUMBERED.fullmatch, store.list(prefix)))


def _key(dataset: str, number: int) -> str:
    return f"{folder(dataset)}{number:04d}.json"
