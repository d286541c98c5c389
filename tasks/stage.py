"""What a stage is: a function from input artifacts to output artifacts, with everything that its key depends on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tasks.errors import NotAskedForError, RequestError
from tasks.request import Frozen, Request

Scope = Literal["dataset", "family", "replicate"]
SCOPES: dict[Scope, tuple[str, ...]] = {
    "dataset": ("dataset",),
    "family": ("dataset", "family"),
    "replicate": ("dataset", "family", "seed"),
}


@dataclass(frozen=True)
class Place:
    """A position in a run: the dataset, and below it the family, and below it the seed."""

    dataset: str | None = None
    family: str | None = None
    seed: int | None = None

    def at(self, scope: Scope) -> "Place":
        """The enclosing place of that scope; a stage of a wider scope works there."""
        return replace(Place(), **{name: getattr(self, name) for name in SCOPES[scope]})

    def __str__(self) -> str:
        seed = None if self.seed is None else f"seed-{self.seed}"
        return "/".join(part for part in (self.dataset, self.family, seed) if part)


@dataclass(frozen=True)
class Input:
    """Files of an earlier stage's artifact, found through the record that the stage left in the run."""

    stage: str
    place: Place
    files: tuple[str, ...]


@dataclass(frozen=True)
class Work:
    """What a stage gets: its settings, folders of verified inputs, a folder for its files, a line for progress."""

    settings: Any
    inputs: dict[str, Path]
    output: Path
    progress: Callable[[str], None]


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


def require(request: Request, scope: Scope, place: Place) -> None:
    """Check that `place` fits the stage's scope and that this run asks for it.

    Raises:
        RequestError: an option is missing.
        NotAskedForError: the run's request leaves this dataset, family or seed out.
    """
    for name in SCOPES[scope]:
        if getattr(place, name) is None:
            raise RequestError(f"expected --{name}, received none")
    known: dict[str, tuple] = {
        "dataset": tuple(dataset.name for dataset in request.datasets),
        "family": request.families,
        "seed": request.seeds,
    }
    for name in SCOPES[scope]:
        if getattr(place, name) not in known[name]:
            raise NotAskedForError(f"run {request.run} asks for {name} {known[name]}, not {getattr(place, name)!r}")
