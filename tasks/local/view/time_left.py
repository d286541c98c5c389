"""How far a run is, and how long the rest may take: measured durations, and what the request says is still to come.

A task takes the seconds of its process's start, and for each unit of its work a time that the tasks of its kind that
have finished tell. Nothing is guessed before one training or search has finished.
"""

from collections.abc import Mapping, Sequence
from statistics import mean, median
from typing import NamedTuple

from tasks.comparison.words.wording import rounded
from tasks.settings.place import Place, branch_places
from tasks.settings.request import Request
from tasks.settings.workload import Key, expected, units


class Observed(NamedTuple):
    """One task as it stands: `seconds` are those it has run, None before its start.

    `telling` is whether they tell how long such a task takes: those of a failure or of a reused result do not.
    """

    done: bool
    seconds: float | None = None
    telling: bool = True


class Outlook(NamedTuple):
    """How many tasks are done, how many there are, and the seconds that the others may take; None where unknown."""

    done: int
    all: int
    seconds: float | None

    def __str__(self) -> str:
        counted = f"{self.done} of {self.all} tasks"
        if self.seconds is None or self.done == self.all:
            return counted
        return f"{counted}, about {rounded(self.seconds)} left"


def outlook(request: Request, observed: Mapping[Key, Observed], slots: int) -> Outlook:
    """How the run stands.

    Args:
        observed: what is known of tasks, by stage and place; a mapped task that has not been expanded stands at its
            family's place, for all that it will become.
        slots: how many trainings go on at once.
    """
    tasks = {key: _observed(key, observed) for key in expected(request)}
    done = sum(task.done for task in tasks.values())
    return Outlook(done, len(tasks), _seconds(request, tasks, slots))


def _observed(key: Key, observed: Mapping[Key, Observed]) -> Observed:
    """The task, or the unexpanded one that it will come from; a waiting one where nothing is known."""
    stage, place = key
    return observed.get(key) or observed.get((stage, Place(place.dataset, place.family))) or Observed(done=False)


def _seconds(request: Request, tasks: Mapping[Key, Observed], slots: int) -> float | None:
    """The longest branch, or all work shared by the slots, whichever takes longer."""
    paces = _Paces(request, tasks)
    if not paces.known and any(not task.done and units(request, *key) for key, task in tasks.items()):
        return None
    rest = {key: _rest(paces.duration(*key), task) for key, task in tasks.items() if not task.done}
    shared = sum(seconds for (stage, place), seconds in rest.items() if units(request, stage, place)) / max(1, slots)
    return max(shared, *(_branch(rest, place) for place in branch_places(request)), 0.0)


def _branch(rest: Mapping[Key, float], branch: Place) -> float:
    """The seconds of one branch's stages in their order, and of what comes before and after them."""
    longest: dict[str, float] = {}
    for (stage, place), seconds in rest.items():
        if place.at("family") in (branch, Place(branch.dataset), Place()):
            longest[stage] = max(longest.get(stage, 0.0), seconds)
    return sum(longest.values())


def _rest(duration: float, task: Observed) -> float:
    return max(0.0, duration - (task.seconds or 0.0))


class _Paces:
    """What the finished tasks tell: the seconds of a start, and those of a unit of work by dataset and family."""

    def __init__(self, request: Request, tasks: Mapping[Key, Observed]):
        self._request = request
        told = {key: task.seconds for key, task in tasks.items() if task.done and task.seconds and task.telling}
        light = [seconds for key, seconds in told.items() if not units(request, *key)]
        self._start = median(light) if light else 0.0  # a download may take long
        self.known: dict[tuple[str | None, str | None], list[float]] = {}
        for (stage, place), seconds in told.items():
            if work := units(request, stage, place):
                pace = max(0.0, seconds - self._start) / work
                self.known.setdefault((place.dataset, place.family), []).append(pace)

    def duration(self, stage: str, place: Place) -> float:
        """The seconds that a task may take, from its start to its end."""
        return self._start + units(self._request, stage, place) * mean(self._pace(place))

    def _pace(self, place: Place) -> Sequence[float]:
        """The paces of this branch; else those of its family elsewhere; else all there are."""
        own = self.known.get((place.dataset, place.family))
        family = [pace for (_, family), paces in self.known.items() if family == place.family for pace in paces]
        return own or family or [pace for paces in self.known.values() for pace in paces] or [0.0]
