"""The workflow's stages with next to no work: real settings, inputs and keys; files that tell what they came from."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from tasks.data import arrays
from tasks.runs.execution import execute
from tasks.runs.stage import Stage, Work
from tasks.settings.place import Place, branch_places, search_places
from tasks.settings.request import Request
from tasks.stages import choose, evaluate, fetch, normalize, search, train
from tasks.storage.contract import Store

PARTS = ("train", "validation", "test")
FILES = {
    "normalize": (*(file for part in PARTS for file in arrays.files(part)), arrays.FACTS, arrays.CENTROIDS),
    "search": ("trials.json",),
    "choose": ("trials.json", "best.json"),
    "train": evaluate.MODEL_FILES,
    "evaluate": ("metrics.json",),
}


def _tiny(stage: Stage) -> Stage:
    def run(work: Work) -> dict:
        paths = sorted(path for folder in work.inputs.values() for path in folder.iterdir())
        told = hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in paths)).hexdigest()
        for name in FILES[stage.name]:
            (work.output / name).write_text(told)
        return {}

    return replace(stage, run=run, heavy=None, gpus=lambda: 0)


STAGES = {"fetch": fetch.STAGE} | {
    module.STAGE.name: _tiny(module.STAGE) for module in (normalize, search, choose, train, evaluate)
}


def places(request: Request) -> Iterator[tuple[str, Place]]:
    """Every stage at every place of a run, in an order in which they can be done."""
    datasets = [Place(dataset.name) for dataset in request.datasets]
    branches, searches = branch_places(request), search_places(request)
    shards = [replace(place, shard=shard) for place in searches for shard in range(request.search.shards)]
    seeds = [replace(place, seed=seed) for place in branches for seed in request.seeds]
    order: dict[str, Iterable[Place]] = {"fetch": datasets, "normalize": datasets, "search": shards}
    order |= {"choose": searches, "train": seeds, "evaluate": branches}
    return ((name, place) for name, of_stage in order.items() for place in of_stage)


def perform(request: Request, store: Store, *, without: tuple[str, ...] = ()) -> None:
    """Do all stages of a run, but for those named."""
    for name, place in places(request):
        if name not in without:
            execute(STAGES[name], request, place, store)
