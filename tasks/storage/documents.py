"""JSON documents in the store: read as what they were written as, or refused as damaged."""

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from tasks.errors import DataError
from tasks.storage.contract import Store

Document = TypeVar("Document")


class DamagedError(DataError):
    """What stands under a key is not what the key promises. A retry does not help; `advice` says what does."""

    def __init__(self, place: str, difference: str, advice: str):
        super().__init__(f"{place}: {difference}; {advice}")


def read_document(store: Store, key: str, kind: type[Document], what: str, advice: str) -> Document:
    """The document under `key` as a `kind`; `what` names it in the error.

    Raises:
        ObjectMissing: there is none.
        DamagedError: it is not JSON, or not of that kind.
    """
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        return adapter.validate_json(store.read(key))
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        where = f" at {place:.80}" if place and place.isprintable() else ""
        raise DamagedError(f"{store.uri}/{key}", f"expected {what}, received something else{where}", advice) from None
