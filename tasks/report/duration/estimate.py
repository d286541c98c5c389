"""How long a run may take, from the reports of earlier ones; and at its end, how long it did.

A stage takes what it took in earlier runs of the same profile on such a machine, by epochs. The stages are put in
order as the workflow does, as many trainings at once as were seen. What passes between them, a start of Python or a
wait for Airflow, is the same for every stage: just so long that this order gives the time that an earlier run took.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from statistics import mean, median
from typing import NamedTuple

from pydantic import BaseModel

from tasks.comparison.schema.forecast import Estimate, Forecast
from tasks.comparison.schema.report import Comparison, Environment, StageRecord
from tasks.report.duration.schedule import least_pause, makespan, most_at_once
from tasks.runs.forecast import Forecast as Findings
from tasks.runs.order import reported
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.training import SEED_ALONE
from tasks.settings.workflow import REUSED_STAGES, STAGES, report_key
from tasks.settings.workload import Key, expected, units
from tasks.storage.contract import ObjectMissing, Store
from tasks.storage.documents import DamagedError, read_document
from tasks.storage.threads import spread

LOOKED_AT = 10  # newest reports, so that a long history costs no more
MOST_STAGES = 500  # of a run whose artifacts are looked for: each costs a look at the store
BELOW, ABOVE = 0.8, 1.25  # of the estimate: the range is at least so wide, as nothing tells what else the machine does
SAME_MACHINE = ("processor", "cores", "gpu")
PROCESSORS = ("cpu_seconds", "gpu_seconds")
# Stage, dataset, the shape of its images, family, budget.
Kind = tuple[str, str | None, tuple[int, ...] | None, str | None, int | None]


class Told(BaseModel):
    """What an earlier report.json tells; its other fields are passed over."""

    run: str
    request: Request
    stages: tuple[StageRecord, ...]
    environment: Environment


def estimate(request: Request, store: Store, machine: Mapping[str, str], found: Findings) -> Estimate:
    """What the run `request` may take on `machine`; `found` says which stages the store has."""
    keys = [key for key in expected(request) if key[0] in STAGES and key[0] != "report"]
    if len(keys) > MOST_STAGES:
        return Estimate(stages=len(keys) - 1, reused=0, looked=False, unknown=len(keys) - 1)
    paces = _Paces(request, _earlier(request, store, machine))
    return paces.estimate(keys, found.there(keys))


def _earlier(request: Request, store: Store, machine: Mapping[str, str]) -> list[Told]:
    """The newest reports of runs like `request` on such a machine."""
    runs = [run for run in islice(reported(store), LOOKED_AT) if run != request.run]
    told = dict(spread(partial(_told, store), runs))
    here = {name: machine.get(name) for name in SAME_MACHINE}
    return [
        each
        for run in runs
        if (each := told[run])
        and {name: each.environment.machine.get(name) for name in SAME_MACHINE} == here
        and _like(each.request) == _like(request)
    ]


def _told(store: Store, run: str) -> Told | None:
    """What the report of `run` tells; None where there is none, or one of another release."""
    try:
        return read_document(store, report_key(run, "report.json"), Told, "a report", "delete it")
    except (ObjectMissing, DamagedError):
        return None


def _like(request: Request) -> tuple:
    """What two runs have in common whose times can be compared, epoch by epoch."""
    training = request.training.model_copy(update={"replicates": 1, "epochs": 1, "vary": SEED_ALONE})
    return request.profile, request.backend, request.examples, request.validation_fraction, training


class _Paces:
    """What earlier runs tell: the effort of a unit of each kind of stage, of what is reused, and the pauses between."""

    def __init__(self, request: Request, told: Sequence[Told]):
        self._request, self._runs = request, tuple(each.run for each in told)
        self._efforts: dict[Kind, list[Effort]] = {}
        self._light = [_effort(row) for each in told for row in each.stages if row.cached]
        self._slots = max((most_at_once(_trainings(each.stages)) for each in told), default=1)
        for each in told:
            for row in each.stages:
                if row.status == "done" and not row.cached:
                    key = row.stage, place_of(row)
                    effort = _effort(row, _units(each.request, *key))
                    self._efforts.setdefault(_kind(each.request, *key), []).append(effort)
        self._pauses = [pause for each in told if (pause := self._pause(each)) is not None]

    def _pause(self, told: Told) -> float | None:
        """What passed between the stages of a run that ended well."""
        rows = _own(told.stages)
        seconds = elapsed(rows)
        if seconds is None or any(row.status != "done" for row in rows):
            return None
        return least_pause({(row.stage, place_of(row)): _effort(row).seconds for row in rows}, self._slots, seconds)

    def estimate(self, keys: Sequence[Key], there: set[Key]) -> Estimate:
        """What a run of the stages `keys` takes that finds those `there`."""
        to_do = [key for key in keys if key not in there and key[0] in REUSED_STAGES]
        unknown = sum(_kind(self._request, *key) not in self._efforts for key in to_do)
        counted = Estimate(runs=self._runs, stages=len(to_do) + len(there), reused=len(there), unknown=unknown)
        if not self._pauses or (to_do and unknown == len(to_do)):
            return counted
        seconds = self._wall(keys, there, mean, median)
        low, high = (self._wall(keys, there, pick, pick) for pick in (min, max))
        bounds = {"low": min(low, BELOW * seconds), "high": max(high, ABOVE * seconds)}
        spent = {name: _sum(self._of(key, there, name, mean) for key in keys) for name in PROCESSORS}
        return counted.model_copy(update={"seconds": seconds} | bounds | spent)

    def _wall(self, keys: Sequence[Key], there: set[Key], of_work: "_Pick", of_pauses: "_Pick") -> float:
        pause = of_pauses(self._pauses)
        work = {key: self._of(key, there, "seconds", of_work) or 0.0 for key in keys}
        return makespan({key: seconds + pause for key, seconds in work.items()}, self._slots)

    def _of(self, key: Key, there: set[Key], name: str, pick: "_Pick") -> float | None:
        """How much of an effort a stage is: 0 of one that no run has done, None where those runs do not know it."""
        is_there = key in there
        told = self._light if is_there else self._efforts.get(_kind(self._request, *key), [])
        known = [number for each in told if (number := getattr(each, name)) is not None]
        if told and not known:
            return None
        return pick(known) * (1.0 if is_there else _units(self._request, *key)) if known else 0.0


_Pick = Callable[[Iterable[float]], float]


def _kind(request: Request, stage: str, place: Place) -> Kind:
    dataset = request.dataset(place.dataset) if place.dataset else None
    budget = place.budget or (dataset.budget if dataset and place.family else None)
    return stage, place.dataset, dataset.image_shape if dataset else None, place.family, budget


def _units(request: Request, stage: str, place: Place) -> float:
    return units(request, stage, place) or 1.0


class Effort(NamedTuple):
    """What a stage took: seconds of its process, with its imports; those of CPUs and of all its GPUs, where known."""

    seconds: float
    cpu_seconds: float | None
    gpu_seconds: float | None


def _effort(row: StageRecord, units: float = 1.0) -> Effort:
    """What each of so many `units` of a stage took."""
    seconds = (row.seconds + row.setup_seconds) / units
    return Effort(
        seconds,
        cpu_seconds=None if row.cpu_seconds is None else row.cpu_seconds / units,
        gpu_seconds=None if row.gpus is None else row.gpus * seconds,
    )


def _sum(numbers: Iterable[float | None]) -> float | None:
    """The sum, or None where one is not known."""
    found = list(numbers)
    known = [number for number in found if number is not None]
    return sum(known) if len(known) == len(found) else None


def _own(stages: Iterable[StageRecord]) -> list[StageRecord]:
    """The stages that an estimate speaks of: all but the report, which is still at work when it says what they took."""
    return [row for row in stages if row.stage != "report"]


def place_of(row: StageRecord) -> Place:
    """Where in its run a stage worked."""
    return Place(row.dataset, row.family, row.seed, row.shard, budget=row.budget)


class Span(NamedTuple):
    """When something was at work; seconds since the epoch."""

    start: float
    end: float


def _trainings(stages: Iterable[StageRecord]) -> list[Span]:
    """When each stage that trains was at work, but for what was reused."""
    return [
        Span(_moment(row.started), _moment(row.ended))
        for row in stages
        if row.stage in STAGES and STAGES[row.stage].trains and not row.cached and row.started and row.ended
    ]


def elapsed(stages: Sequence[StageRecord]) -> float | None:
    """The seconds from the start of `plan` to the last end of a stage; None where the records do not tell.

    The moment of the report is no end: a report can be made again days later.
    """
    started = next((row.started for row in stages if row.stage == "plan"), None)
    ends = [_moment(row.ended) for row in stages if row.ended]
    return max(0.0, max(ends) - _moment(started)) if started and ends else None


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def with_forecast(comparison: Comparison, expected_before: Estimate | None) -> Comparison:
    """The comparison with what its run was expected to take beside what it took; None where nobody estimated it."""
    if expected_before is None:
        return comparison.model_copy(update={"forecast": None})
    stages, standards = _own(comparison.stages), comparison.request.standards
    efforts = [_effort(row) for row in stages]
    spent = {name: _sum(getattr(each, name) for each in efforts) for name in PROCESSORS}
    forecast = Forecast(
        estimate=expected_before,
        seconds=elapsed(stages),
        **spent,
        reused=sum(row.cached for row in stages),
        estimated_cost=standards.price_of(expected_before.cpu_seconds, expected_before.gpu_seconds),
        cost=standards.price_of(**spent),
    )
    return comparison.model_copy(update={"forecast": forecast})


def estimate_key(run: str) -> str:
    """Where the store keeps what `plan` expected of `run`."""
    return f"runs/{run}/estimate.json"


def read_estimate(store: Store, run: str) -> Estimate | None:
    """What `plan` expected of `run`; None where it expected nothing, or that cannot be read: no result hangs on it."""
    try:
        return read_document(store, estimate_key(run), Estimate, "an estimate", "delete it")
    except (ObjectMissing, DamagedError):
        return None


def keep_estimate(store: Store, run: str, made: Estimate) -> Estimate:
    """Keep the estimate of a run's first plan; the one that is kept."""
    store.write(estimate_key(run), made.model_dump_json(indent=1).encode(), if_absent=True)
    return read_estimate(store, run) or made
