"""The frozen request of a run, in the store under `runs/RUN/request.json`."""

from tasks.errors import RequestError
from tasks.settings.request import Request
from tasks.settings.values import parse
from tasks.storage.contract import ObjectMissing, Store
from tasks.storage.documents import DamagedError, read_document

REMEDY = "start a new run"


def read_request(store: Store, run: str) -> Request:
    """The frozen request of `run`.

    Raises:
        RequestError: `plan` has not written one, or it is not of this version.
        DamagedError: it is no JSON object, or the request of another run.
    """
    key = _key(run)
    try:
        request = parse(Request, read_document(store, key, dict, "a request", REMEDY), key)
    except ObjectMissing:
        raise RequestError(f"{store.uri}/{key}: expected the run's request, found none; run `plan` first") from None
    if request.run != run:
        difference = f"expected the request of {run}, received that of {request.run}"
        raise DamagedError(f"{store.uri}/{key}", difference, REMEDY)
    return request


def write_request(store: Store, request: Request) -> bool:
    """Freeze the request of its run; False when the run has one, which stands."""
    return store.write(_key(request.run), request.model_dump_json(indent=1).encode(), if_absent=True)


def _key(run: str) -> str:
    return f"runs/{run}/request.json"
