"""Plan: one frozen request, made from the parameters and the configuration."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tasks.comparison.words.forecast import expected
from tasks.errors import RequestError
from tasks.report.duration.estimate import estimate, keep_estimate
from tasks.runs.forecast import Forecast
from tasks.runs.order import run_number
from tasks.runs.records import recorded
from tasks.runs.requests import has_request, read_request, write_request
from tasks.settings.loading import Configuration, load_configuration, resolve
from tasks.settings.orchestration import Retraining
from tasks.settings.place import Place
from tasks.settings.request import Parameters, Request
from tasks.settings.values import parse
from tasks.stages.feasibility import check
from tasks.stages.retraining import UNATTENDED, forecast, looks_at, replicates
from tasks.storage import provenance
from tasks.storage.contract import Store, require_conditional_writes

log = logging.getLogger(__name__)


class Machine(NamedTuple):
    """What the machine that plans adds to a request.

    Attributes:
        mirror: its owner's mirror, for a run that names none.
        backend: Keras' backend, in place of the profile's.
        memory: bytes, where it is this machine that trains.
        prepare: prepares this process to compute as a request asks, before Keras is imported.
    """

    mirror: str | None = None
    backend: str | None = None
    memory: int | None = None
    prepare: Callable[[Request], None] = lambda request: None


def plan(
    store: Store, run: str, *, parameters: str, config: Path, machine: Machine, trigger: str = "manual"
) -> Request:
    """Write `runs/RUN/request.json` from JSON `parameters`. It is written once; a retry keeps it.

    `trigger` says what started the run, as Airflow names it.

    Raises:
        UnchangedError: no person asked for the run, and it has nothing to do. It leaves nothing in the store.
        RequestError: the store, the parameters or the configuration are wrong, the run could not succeed, or it has
            another request.
        DamagedError: the run has a request that is damaged.
        StoreError: the store cannot be reached.
    """
    try:
        require_conditional_writes(store)
        request, known = _resolved(store, run, parameters, config, machine, trigger)
    except RequestError:
        if not has_request(store, run):  # otherwise it may be the run of somebody else
            with recorded(store, run, Place(), "plan"):
                raise
        raise
    is_new = write_request(store, request)  # before any record, for the same reason
    with recorded(store, run, Place(), "plan") as record:
        run_number(store, run)
        if is_new:
            log.info("run %s: %s of %s", run, ", ".join(request.families), ", ".join(d.name for d in request.datasets))
        else:
            log.info("run %s has this request already; it is kept", run)
        record.progress(_expected(request, store, known.with_replicates(request.training.replicates)))
    return request


def _expected(request: Request, store: Store, known: Forecast) -> str:
    """What the run may take, in words, by what is `known` to be there; it is kept for the report."""
    try:
        made = estimate(request, store, provenance.machine(), known)
        kept, standards = keep_estimate(store, request.run, made), request.standards
    except Exception as error:  # whatever is wrong with an estimate, no run may fail for it
        log.warning("no estimate of the run: %s: %s", type(error).__name__, error)
        return "no estimate"
    return expected(kept, standards.price_of(kept.cpu_seconds, kept.gpu_seconds), standards.currency)


def _resolved(
    store: Store, run: str, parameters: str, config: Path, machine: Machine, trigger: str
) -> tuple[Request, Forecast]:
    """The request of a run that can succeed, as far as this machine knows, and what such a run would find done."""
    params = parse(Parameters, _from_json(parameters), "parameters")
    configuration = load_configuration(config)
    _warn(configuration)
    request = resolve(configuration, params, run, machine.backend, own_mirror=machine.mirror)
    machine.prepare(request)
    retraining = configuration.orchestration.retraining
    known = forecast(request, store, retraining, trigger)
    request = _with_seeds(known, store, retraining, trigger)
    check(request, machine.memory)
    return request, known


def _with_seeds(known: Forecast, store: Store, retraining: Retraining, trigger: str) -> Request:
    """The request with as many replicates as a run of this trigger has; a retry keeps those of the first attempt."""
    request = known.request
    if trigger in UNATTENDED and has_request(store, request.run):
        number = read_request(store, request.run).training.replicates
    else:
        number = replicates(known, store, retraining, trigger)
    training = request.training.model_copy(update={"replicates": number})
    looks = looks_at(number, request.training.replicates, retraining, trigger)
    return request.model_copy(update={"training": training, "looks": looks})


def _warn(configuration: Configuration) -> None:
    for kind, reasons in configuration.unusable.items():
        for name, reason in reasons.items():
            log.warning("%s: %s cannot be used: %s", kind, name, reason)


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, a list a thousand deep
        # The text itself may hold a secret that nothing shows to be one, since it is not JSON.
        raise RequestError(f"parameters: expected JSON, received {len(text):,} other characters ({error})") from None
