"""What a run consists of: every task of it, and how much work each task is."""

from collections.abc import Iterator
from dataclasses import replace

from tasks.settings.place import Place, branch_places, search_places
from tasks.settings.request import Request
from tasks.settings.workflow import TASKS

EVALUATION = 0.1  # of an epoch for each replicate: the test part is smaller, and nothing is learned from it
Key = tuple[str, Place]


def expected(request: Request) -> Iterator[Key]:
    """Every task that the run will have, mapped ones each by itself."""
    families, searches = branch_places(request), search_places(request)
    places: dict[str, list[Place]] = {
        "run": [Place()],
        "dataset": [Place(dataset.name) for dataset in request.datasets],
        "family": families,
        "search": searches,
        "shard": [replace(place, shard=shard) for place in searches for shard in range(request.search.shards)],
        "replicate": [replace(place, seed=seed) for place in families for seed in request.seeds],
    }
    return ((task.name, place) for task in TASKS for place in places[task.scope])


def units(request: Request, stage: str, place: Place) -> float:
    """The work of a task in epochs of the training part; 0 for one that trains and applies nothing."""
    if stage == "search":
        trials = len(request.search.numbers(place.shard or 0))
        return trials * request.search.epochs * request.search.fraction
    return {"train": float(request.training.epochs), "evaluate": EVALUATION * len(request.seeds)}.get(stage, 0.0)
