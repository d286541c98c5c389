"""The frozen request of a run, in the store under `runs/RUN/request.json`."""

from collections.abc import Iterator
from typing import Any

from tasks.errors import RequestError, shown
from tasks.settings.request import Request, request_key
from tasks.settings.values import parse
from tasks.storage.contract import ObjectMissing, Store
from tasks.storage.documents import DamagedError, read_document

NEW_RUN = "start a new run"
WITHOUT_EFFECT = {"mirror", "allowed_addresses"}  # they say where files come from; what comes is checked by its digest


def read_request(store: Store, run: str) -> Request:
    """The frozen request of `run`.

    Raises:
        RequestError: `plan` has not written one, or it is not of this version.
        DamagedError: it is no JSON object, or the request of another run.
    """
    key = request_key(run)
    try:
        request = parse(Request, read_document(store, key, dict, "a request", NEW_RUN), key)
    except ObjectMissing:
        raise RequestError(f"{store.uri}/{key}: expected the run's request, found none; run `plan` first") from None
    if request.run != run:
        difference = f"expected the request of {run}, received that of {request.run}"
        raise DamagedError(f"{store.uri}/{key}", difference, NEW_RUN)
    return request


def has_request(store: Store, run: str) -> bool:
    """Whether somebody has planned `run` already."""
    return store.exists(request_key(run))


def write_request(store: Store, request: Request) -> bool:
    """Freeze the request of its run; False when the run has this request already, which stands.

    Two requests are the same when they ask for the same results: their mirrors may differ.

    Raises:
        RequestError: the run has another request.
        DamagedError: the run's request is damaged.
    """
    if store.write(request_key(request.run), request.model_dump_json(indent=1).encode(), if_absent=True):
        return True
    if differences := _differences(read_request(store, request.run), request):
        raise RequestError(
            f"run {request.run}: expected a new id, received one that has another request in {store.uri}: "
            f"{'; '.join(differences)}; {NEW_RUN}"
        )
    return False


def _differences(stored: Request, asked: Request) -> list[str]:
    """What two requests ask differently for, by its place: the first five."""
    values = [dict(_leaves(each.model_dump(mode="json", exclude=WITHOUT_EFFECT))) for each in (stored, asked)]
    places = [place for place in values[0] | values[1] if values[0].get(place) != values[1].get(place)]
    shown_by_place = ((place, *(_shown(each, place) for each in values)) for place in places[:5])
    return [f"{place}: the store has {there}, this run asks for {here}" for place, there, here in shown_by_place]


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that holds no others, with its place."""
    if not isinstance(value, dict | list):
        yield place, value
        return
    for name, member in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _leaves(member, f"{place}.{name}" if place else str(name))


def _shown(values: dict[str, Any], place: str) -> str:
    return "nothing" if values.get(place) is None else shown(values[place], 60)
