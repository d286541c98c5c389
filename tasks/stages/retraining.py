"""Retraining: what a run does that no person asked for, and whether it does anything at all.

A run that the clock started, or a dataset that has changed, is compared with what the store has. Where nothing has
changed, it need not look like work: it is left out, or it adds evidence under new seeds.
"""

import logging
import math
from collections.abc import Mapping
from functools import partial
from itertools import islice

from tasks.comparison.schema.report import Comparison
from tasks.data.sources.locations import location_at
from tasks.data.sources.looks import is_changed
from tasks.errors import DataError, UnchangedError
from tasks.runs.forecast import Forecast
from tasks.runs.order import reported
from tasks.runs.stage import Stage
from tasks.settings.orchestration import Retraining
from tasks.settings.request import Request
from tasks.settings.standards import Looks
from tasks.settings.workflow import report_key
from tasks.stages import choose, evaluate, fetch, normalize, search, train
from tasks.storage.contract import ObjectMissing, Store, StoreError
from tasks.storage.documents import DamagedError, read_document
from tasks.storage.snapshots import Shelf

log = logging.getLogger(__name__)
CLOCK, ASSET_EVENT = "scheduled", "asset_triggered"  # as Airflow names what started a run
UNATTENDED = (CLOCK, ASSET_EVENT)
STAGES = {module.STAGE.name: module.STAGE for module in (fetch, normalize, search, choose, train, evaluate)}
LOOKED_AT = 20  # reports, of other runs, among which the last one on the same datasets is looked for


def forecast(
    request: Request, store: Store, retraining: Retraining, trigger: str, stages: Mapping[str, Stage] = STAGES
) -> Forecast:
    """What the run would find done; `trigger` says what started it.

    Living sources are looked at only where the run hangs on it. Else their files are taken to be the last version.
    """
    if _hangs_on_what_is_there(retraining, trigger):
        return Forecast(request, store, stages, partial(_version, request, store))
    return Forecast(request, store, stages, lambda dataset: Shelf(store, dataset).present_version())


def _hangs_on_what_is_there(retraining: Retraining, trigger: str) -> bool:
    return trigger in UNATTENDED and (trigger != CLOCK or retraining.on_unchanged != "reuse")


def replicates(known: Forecast, store: Store, retraining: Retraining, trigger: str) -> int:
    """How many models of each branch the run trains or reuses.

    Raises:
        UnchangedError: nothing has changed, and there is nothing to add.
    """
    wanted = known.request.training.replicates
    if not _hangs_on_what_is_there(retraining, trigger):
        return wanted
    there = known.trained()
    if there < wanted:
        log.info("something has changed: %d of %d seeds have their models already", there, wanted)
        return wanted
    more = min(there + wanted, retraining.max_seeds)
    if trigger == CLOCK and retraining.on_unchanged == "add_seeds":
        enough = _enough(known.request, store, retraining, there)
        if not enough:
            log.info("nothing has changed: to the %d seeds that are there come %d more", there, more - there)
            return more
        wanted = there
    else:
        enough = "what this run asks for is there"
    if not known.with_replicates(wanted).is_evaluated():
        return wanted
    raise UnchangedError(f"nothing has changed, and {enough}; this run does nothing, and the last report stands")


def looks_at(seeds: int, a_night: int, retraining: Retraining, trigger: str) -> Looks:
    """Which look a run with so many `seeds` is, where scheduled runs add so many `a_night`.

    What a person asks for is an experiment of its own, with one look.
    """
    if trigger not in UNATTENDED or retraining.on_unchanged != "add_seeds":
        return Looks()
    most = max(retraining.max_seeds, seeds)
    return Looks(number=math.ceil(seeds / a_night), planned=math.ceil(most / a_night))


def _enough(request: Request, store: Store, retraining: Retraining, there: int) -> str:
    """Why no more seeds are to be added; empty where they are."""
    if there >= retraining.max_seeds:
        return f"there are {there} seeds, of at most {retraining.max_seeds} (max_seeds)"
    width = _width(request, store)
    if width is not None and width < retraining.precision:
        return f"every interval is at most {width:.2f} percentage points wide, below {retraining.precision} (precision)"
    return ""


def _width(request: Request, store: Store) -> float | None:
    """The width of the widest interval, in percentage points, in the last report on the same comparisons.

    None where there is no such report, or a comparison of it has no interval.
    """
    for run in islice(reported(store), LOOKED_AT):
        try:
            report = read_document(store, report_key(run, "report.json"), Comparison, "a report", "delete it")
        except (ObjectMissing, DamagedError) as error:
            log.warning("passed over: %s", error)
            continue
        if _comparisons(report.request) == _comparisons(request):
            widths = [each.high - each.low for dataset in report.datasets for each in dataset.differences]
            has_all = all(dataset.differences for dataset in report.datasets)
            return 100 * max(widths) if has_all and widths else None
    return None


def _comparisons(request: Request) -> tuple:
    """What tells whether two runs compare the same things in the same way."""
    return request.profile, request.families, [(compared.name, compared.budget) for compared in request.comparisons]


def _version(request: Request, store: Store, name: str) -> str | None:
    """The version of a dataset that a run would fetch: the last one, where its location is as it was.

    None where it has changed, or cannot be looked at: then the run itself finds out.
    """
    dataset, shelf = request.dataset(name), Shelf(store, name)
    address = dataset.location or ""
    try:
        location = location_at(address, request.allowed_addresses, log.info)
        return None if is_changed(location, address, shelf) else shelf.present_version()
    except (DataError, StoreError, OSError) as error:
        log.warning("%s: its location cannot be looked at: %s", name, error)
        return None
