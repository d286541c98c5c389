"""The order of a run's stages in time: who waits for whom, and how long all of them take with so many slots."""

from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise

from tasks.settings.workflow import SCOPES, STAGES, Scope
from tasks.settings.workload import Key

LONGEST_PAUSE = 300.0  # seconds between two stages, at most
PRECISION = 0.01  # seconds
JOINS: tuple[Scope, ...] = ("run", "dataset", "family")  # where stages wait for each other
BEFORE = {later: earlier for earlier, later in pairwise(STAGES)}  # the stage whose tasks a stage waits for


def makespan(tasks: Mapping[Key, float], slots: int) -> float:
    """The seconds until the last of `tasks` ends, each given with its own seconds.

    A task waits for those of the stage before it at its dataset, family and budget. Those that train share the slots:
    first come, first served (list scheduling, Graham 1969).
    """
    after, left = _waiting(tasks)
    ready = [(0.0, number, key) for number, key in enumerate(tasks) if not left[key]]
    numbers, free, last = {key: number for number, key in enumerate(tasks)}, [0.0] * slots, 0.0
    heapify(ready)
    ends: dict[Key, float] = {}
    while ready:
        moment, _, key = heappop(ready)
        trains = STAGES[key[0]].trains
        end = ends[key] = (max(moment, heappop(free)) if trains else moment) + tasks[key]
        if trains:
            heappush(free, end)
        last = max(last, end)
        for waiting, before in after.get(key, {}).items():
            left[waiting] -= 1
            if not left[waiting]:
                heappush(ready, (max(ends[each] for each in before), numbers[waiting], waiting))
    return last


def _waiting(tasks: Iterable[Key]) -> tuple[dict[Key, dict[Key, Sequence[Key]]], dict[Key, int]]:
    """For each task those that wait for it, with all that each of these waits for; and how many those are."""
    groups: dict[tuple, list[Key]] = {}
    for stage, place in tasks:
        for scope in JOINS:
            groups.setdefault((stage, scope, place.at(scope)), []).append((stage, place))
    after: dict[Key, dict[Key, Sequence[Key]]] = {}
    left: dict[Key, int] = {}
    for key in tasks:
        before = groups.get(_group_before(key), [])
        left[key] = len(before)
        for each in before:
            after.setdefault(each, {})[key] = before
    return after, left


def _group_before(key: Key) -> tuple:
    """The tasks of the stage before, in as much of the place as both stages have."""
    stage, place = key
    earlier = BEFORE.get(stage, "")
    shared = {*SCOPES[STAGES[stage].scope]} & {*SCOPES[STAGES[earlier].scope]} if earlier else set()
    scope: Scope = "family" if "family" in shared else "dataset" if "dataset" in shared else "run"
    return earlier, scope, place.at(scope)


def least_pause(tasks: Mapping[Key, float], slots: int, seconds: float) -> float:
    """The seconds before each of `tasks` with which all of them take at least `seconds`; found by halving."""
    low, high = 0.0, LONGEST_PAUSE
    while high - low > PRECISION:
        pause = (low + high) / 2
        if makespan({key: work + pause for key, work in tasks.items()}, slots) < seconds:
            low = pause
        else:
            high = pause
    return high if low else 0.0


def most_at_once(spans: Iterable[tuple[float, float]]) -> int:
    """How many of these spans, from a start to an end, there are at one moment, at most; 1 where there is none."""
    # Where one ends as another starts, the end comes first.
    events = sorted([(end, -1) for _, end in spans] + [(start, 1) for start, _ in spans])
    now = most = 0
    for _, change in events:
        now += change
        most = max(most, now)
    return max(1, most)
