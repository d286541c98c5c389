"""Plan: one frozen request, made from the parameters and the configuration."""

import json
import logging
from pathlib import Path

from tasks.errors import RequestError
from tasks.runs.order import run_number
from tasks.runs.records import recorded
from tasks.runs.requests import write_request
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters, Request
from tasks.settings.values import parse
from tasks.storage.contract import Store

log = logging.getLogger(__name__)


def plan(store: Store, run: str, *, parameters: str, config: Path, mirror: str | None, backend: str) -> Request:
    """Write `runs/RUN/request.json` from JSON `parameters`. It is written once; a retry keeps it.

    `mirror` is the mirror set by this machine's owner, for a run that names none.

    Raises:
        RequestError: the parameters or the configuration are wrong.
    """
    with recorded(store, run, Place(), "plan"):
        params = parse(Parameters, _from_json(parameters), "parameters")
        request = resolve(load_configuration(config), params, run, backend, own_mirror=mirror)
        run_number(store, run)
        if write_request(store, request):
            log.info("run %s: %s of %s", run, ", ".join(request.families), ", ".join(d.name for d in request.datasets))
        else:
            log.info("run %s has a request already; it is kept", run)
    return request


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, a list a thousand deep
        # The text itself may hold a secret that nothing shows to be one, since it is not JSON.
        raise RequestError(f"parameters: expected JSON, received {len(text):,} other characters ({error})") from None
