"""A place in a run: which dataset, family and budget, and below them which seed or shard."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tasks.errors import NotAskedForError, RequestError
from tasks.settings.request import Request
from tasks.settings.workflow import SCOPES, Scope


@dataclass(frozen=True)
class Place:
    """A position in a run: the dataset, below it a family at a budget, below that a training's seed or search's shard.

    `budget` is None in a run that has one for each dataset: nothing there need tell budgets apart. So is the `seed` of
    a search that all replicates share.
    """

    dataset: str | None = None
    family: str | None = None
    seed: int | None = None
    shard: int | None = None
    budget: int | None = field(default=None, kw_only=True)

    def at(self, scope: Scope) -> "Place":
        """The enclosing place of that scope; a stage of a wider scope works there."""
        return replace(Place(), **{name: getattr(self, name) for name in SCOPES[scope]})

    def given(self) -> dict[str, str | int]:
        """What names this place, without what is not said."""
        names = ("dataset", "family", "budget", "seed", "shard")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def numbered(self) -> Iterator[str]:
        """Budget, seed and shard as parts of a path, `seed-0`, without what is not said."""
        numbers = {"budget": self.budget, "seed": self.seed, "shard": self.shard}
        return (f"{name}-{number}" for name, number in numbers.items() if number is not None)

    def __str__(self) -> str:
        return "/".join(part for part in (self.dataset, self.family, *self.numbered()) if part)


def branch_places(request: Request) -> list[Place]:
    """The place of every family, at every budget, on every dataset of the run, in the request's order."""
    return [
        Place(dataset.name, family, budget=budget)
        for dataset in request.datasets
        for budget in request.budgets or (None,)
        for family in request.families
    ]


def search_place(request: Request, replicate: Place) -> Place:
    """The place of the search whose choice `replicate` is trained with: its own, or the one of its family."""
    return replicate.at("search" if request.training.has_own_searches else "family")


def search_places(request: Request) -> list[Place]:
    """The place of every search of the run, in the request's order."""
    return [place for branch in branch_places(request) for place in searches_of(request, branch)]


def searches_of(request: Request, branch: Place) -> list[Place]:
    """The place of every search of a family at a budget, in the order of the seeds."""
    replicates = (replace(branch, seed=seed) for seed in request.seeds)
    return list(dict.fromkeys(search_place(request, replicate) for replicate in replicates))


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
    single = _single(request, scope)
    given = {name: value for name in SCOPES[scope] if (value := getattr(place, name)) is not None or name not in single}
    for name, value in given.items():
        if value is None:
            raise RequestError(f"expected --{name}, received none")
    for name, value in given.items():
        if value not in known[name]:
            raise NotAskedForError(f"run {request.run} asks for {name} {known[name]}, not {value!r}")
    return replace(place.at(scope), **dict.fromkeys(single))


def _single(request: Request, scope: Scope) -> list[str]:
    """The parts of a place of which there is only one, so nobody needs to name them."""
    has_one_search = scope in ("search", "shard") and not request.training.has_own_searches
    return [*([] if request.budgets else ["budget"]), *(["seed"] if has_one_search else [])]
