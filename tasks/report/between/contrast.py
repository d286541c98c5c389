"""Two runs compared, from their published reports; and a run's report beside the one before it."""

import io
import logging
from collections.abc import Callable
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tasks.comparison.between.changes import changes
from tasks.comparison.between.shifts import Hitting, shifts
from tasks.comparison.schema.models import Model
from tasks.comparison.schema.report import Comparison
from tasks.comparison.schema.since import Since
from tasks.comparison.statistics.crossed import Hits
from tasks.comparison.words.since import since_line
from tasks.comparison.words.wording import some
from tasks.errors import DataError, RequestError
from tasks.report.published import reason
from tasks.runs.order import reported
from tasks.runs.requests import read_request
from tasks.settings.request import Request
from tasks.settings.workflow import report_key
from tasks.storage.contract import ObjectMissing, Store, StoreError, is_key
from tasks.storage.documents import DamagedError

log = logging.getLogger(__name__)
LOOKED_AT = 50  # earlier reports among which the last one on the same datasets is looked for
AGAIN = "run it again: finished work is reused, and the report is made anew"
Read = Callable[[str], bytes]


class Side(NamedTuple):
    """A published report, the SHA-256 of its report.json, and what returns its predictions by their keys."""

    comparison: Comparison
    sha256: str
    read: Read


def in_store(store: Store, run: str) -> Side:
    """The report of a run in the store.

    Raises:
        RequestError: there is none.
        DamagedError: it cannot be read here.
    """
    try:
        body = store.read(report_key(run, "report.json"))
    except ObjectMissing:
        raise RequestError(f"run {run}: expected a run with a report in {store.uri}, found none") from None
    return _side(f"run {run}", body, store.read)


def in_folder(folder: Path) -> Side:
    """A downloaded report.

    Raises:
        RequestError: there is none.
        DamagedError: it cannot be read here.
    """
    path = folder / "report.json"
    if not path.is_file():
        raise RequestError(f"{folder}: expected a folder with a downloaded report, found no report.json in it")
    side = _side(str(folder), path.read_bytes(), lambda key: b"")
    start = report_key(side.comparison.run)
    return side._replace(read=lambda key: (folder / key.removeprefix(start)).read_bytes())


def _side(what: str, body: bytes, read: Read) -> Side:
    try:
        return Side(Comparison.model_validate_json(body), sha256(body).hexdigest(), read)
    except ValidationError as error:
        raise DamagedError(f"{what}: report.json", reason(error), AGAIN) from None


def contrast(before: Side, comparison: Comparison, read: Read) -> Since:
    """What differs from the report `before` to a `comparison`, whose predictions `read` returns.

    Raises:
        DamagedError: predictions are not there, or not those that a report names, or a report contradicts itself.
    """
    try:
        return _contrast(before, comparison, read)
    except (DataError, StoreError, OSError):
        raise
    except Exception as error:  # what nobody checked makes its reader raise errors of any kind
        found = f"expected a report that can be compared, received {type(error).__name__}: {error}"
        raise DamagedError(f"run {before.comparison.run}", found, AGAIN) from error


def _contrast(before: Side, comparison: Comparison, read: Read) -> Since:
    earlier = before.comparison
    found = changes(earlier, comparison)
    moved = shifts(earlier, comparison, _hits(before.read), _hits(read))
    created = earlier.environment.created
    line = since_line(earlier.run, created, comparison.environment.created, found, moved)
    return Since(run=earlier.run, created=created, sha256=before.sha256, changes=found, shifts=moved, line=line)


def since_before(store: Store, comparison: Comparison, read: Read) -> Since | None:
    """What differs from the run before, or None where there is none whose report can be read.

    That is the last earlier run with results, of the same profile, on all of these datasets, and maybe on others.
    """
    try:
        before = _before(store, comparison.request)
        return contrast(before, comparison, read) if before else None
    except (RequestError, DataError) as error:
        log.warning("not compared with the run before: %s", error)
        return None


def since_again(store: Store, comparison: Comparison) -> Since | None:
    """What a report says of the run before, made again from both reports.

    Raises:
        RequestError: that run's report is gone, or another one than it was.
        DataError: it cannot be read, or as `contrast`.
    """
    if comparison.since is None:
        return None
    before = in_store(store, comparison.since.run)
    if before.sha256 != comparison.since.sha256:
        raise RequestError(f"the report of run {comparison.since.run} is another one than it was")
    return contrast(before, comparison, store.read)


def _before(store: Store, request: Request) -> Side | None:
    unreadable = []
    for run in islice(reported(store, before=request.run), LOOKED_AT):
        try:
            earlier = read_request(store, run)
        except (RequestError, DataError):
            unreadable.append(run)
            continue
        if earlier.profile == request.profile and _names(earlier) >= _names(request):
            side = in_store(store, run)
            if any(model.status == "done" for dataset in side.comparison.datasets for model in dataset.models):
                return side
    if unreadable:
        log.info("compared with no earlier run: the requests of %s cannot be read by this release", some(unreadable))
    return None


def _names(request: Request) -> set[str]:
    return {dataset.name for dataset in request.datasets}


def _hits(read: Read) -> Hitting:
    def hits(model: Model) -> Hits:
        pairs = [answers(read, each.predictions, each.predictions_sha256) for each in model.replicates]
        return np.stack([truth == predicted for truth, predicted in pairs])

    return hits


def answers(read: Read, key: str, digest: str) -> tuple[NDArray, NDArray]:
    """The true labels of the test examples, and a model's answers, [examples] each, from the predictions under `key`.

    Raises:
        DamagedError: they are not there, or not those of this `digest`.
    """
    if not is_key(key):
        raise DamagedError("report.json", f"expected the key of predictions, received {key!r:.200}", AGAIN)
    try:
        body = read(key)
    except (ObjectMissing, FileNotFoundError):
        raise DamagedError(key, "expected predictions, found none", AGAIN) from None
    if (received := sha256(body).hexdigest()) != digest:
        raise DamagedError(key, f"expected SHA-256 {digest}, received {received}", AGAIN)
    with np.load(io.BytesIO(body), allow_pickle=False) as stored:
        return stored["y_true"], stored["y_pred"]
