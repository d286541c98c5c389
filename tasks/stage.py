"""What a stage is: a function from input artifacts to output artifacts, with everything that its key depends on."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from tasks.errors import NotAskedForError, RequestError
from tasks.request import Frozen, Request

Scope = Literal["dataset", "family", "shard", "replicate"]
SCOPES: dict[Scope, tuple[str, ...]] = {
    "dataset": ("dataset",),
    "family": ("dataset", "family", "budget"),
    "shard": ("dataset", "family", "budget", "shard"),
    "replicate": ("dataset", "family", "budget", "seed"),
}


@dataclass(frozen=True)
class Place:
    """A position in a run: the dataset, below it a family at a budget, below that a training's seed or search's shard.

    `budget` is None in a run that has one for each dataset: nothing there need tell budgets apart.
    """

    dataset: str | None = None
    family: str | None = None
    seed: int | None = None
    shard: int | None = None
    budget: int | None = field(default=None, kw_only=True)

    def at(self, scope: Scope) -> "Place":
        """The enclosing place of that scope; a stage of a wider scope works there."""
        return replace(Place(), **{name: getattr(self, name) for name in SCOPES[scope]})

    def __str__(self) -> str:
        numbers = {"budget": self.budget, "seed": self.seed, "shard": self.shard}
        numbered = (f"{name}-{number}" for name, number in numbers.items() if number is not None)
        return "/".join(part for part in (self.dataset, self.family, *numbered) if part)


@dataclass(frozen=True)
class Input:
    """Files of an earlier stage's artifact, found through the record that the stage left in the run."""

    stage: str
    place: Place
    files: tuple[str, ...]


class Checkpoints(Protocol):
    """Where a long stage keeps the states that it reaches, so that another attempt at the same work goes on from there.

    The same work is the same artifact key. A stage without use for it leaves it alone.
    """

    def latest(self) -> bytes | None:
        """The state of the highest step that any attempt has saved, exactly as it was saved; None to begin afresh."""

    def save(self, step: int, state: bytes) -> None:
        """Keep `state`, reached at `step`, which counts up: whole or not at all; a store that is away ends nothing."""


@dataclass(frozen=True)
class Work:
    """What a stage gets: its settings, folders of verified inputs, a folder for its files, a line for progress, and
    the checkpoints of earlier attempts.
    """

    settings: Any
    inputs: dict[str, Path]
    output: Path
    progress: Callable[[str], None]
    checkpoints: Checkpoints


@dataclass(frozen=True)
class Stage:
    """One stage of the workflow.

    Attributes:
        settings: the part of the request that the stage uses; every field that pydantic dumps is part of the key.
        inputs: the artifacts it reads, by name.
        run: makes files in `work.output`; what it returns is kept in the manifest as the summary.
        modules: code that the stage reaches by name only, which an import statement does not show.
        heavy: the module whose import is slow; it is imported, and timed, only when there is work to do.
    """

    name: str
    scope: Scope
    settings: Callable[[Request, Place], Frozen]
    inputs: Callable[[Request, Place], dict[str, Input]]
    run: Callable[[Work], dict[str, Any]]
    modules: Callable[[Place], tuple[str, ...]] = lambda place: ()
    heavy: str | None = None


def branch_places(request: Request) -> list[Place]:
    """The place of every family, at every budget, on every dataset of the run, in the request's order."""
    return [
        Place(dataset.name, family, budget=budget)
        for dataset in request.datasets
        for budget in request.budgets or (None,)
        for family in request.families
    ]


def require(request: Request, scope: Scope, place: Place) -> Place:
    """The place of that scope, where `place` says all that the scope needs and this run asks for it.

    Raises:
        RequestError: an option is missing.
        NotAskedForError: the run's request leaves this dataset, family, budget, shard or seed out.
    """
    only = {dataset.budget for dataset in request.datasets if dataset.name == place.dataset}
    known: dict[str, tuple] = {
        "dataset": tuple(dataset.name for dataset in request.datasets),
        "family": request.families,
        "budget": request.budgets or tuple(only),
        "shard": tuple(range(request.search.shards)),
        "seed": request.seeds,
    }
    given = {name: getattr(place, name) for name in SCOPES[scope]}
    if given.get("budget") is None and not request.budgets:
        given.pop("budget", None)  # there is one, which goes without saying
    for name, value in given.items():
        if value is None:
            raise RequestError(f"expected --{name}, received none")
    for name, value in given.items():
        if value not in known[name]:
            raise NotAskedForError(f"run {request.run} asks for {name} {known[name]}, not {value!r}")
    settled = place.at(scope)
    return settled if request.budgets else replace(settled, budget=None)
