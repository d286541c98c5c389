"""What each trick of training brings: `STORE=... python -m tests.bench.ablation RUN [SEEDS]`.

The data, datasets, families and training settings are those of a run in a store; hyper-parameters are the declared
defaults. Every trick that is on is switched off by itself, and every other one on, at a usual size. Measured on the
validation part; the test part is not read. As many trainings side by side as there are cores, one thread each.
"""

import os
import statistics
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

from tasks.runs.requests import read_request
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.training import Tricks
from tasks.stages.model_settings import training_data
from tasks.storage.contract import Store
from tasks.storage.location import open_store
from tests.bench.fitting import Result, fetched, pool, trained

USUAL = {"averaging": 0.99, "mixup": 0.2, "erasing": 8}  # what a trick that is off is tried at


class Variant(NamedTuple):
    """A way to train: what differs, in words, and the tricks."""

    name: str
    tricks: Tricks


def variants(configured: Tricks) -> Iterator[Variant]:
    """The configured way, then each other way that differs in one trick."""
    yield Variant("as configured", configured)
    for name, value in configured:
        words = name.replace("_", " ")
        if name == "optimizer":
            other = "adamw" if value == "muon" else "muon"
            yield Variant(f"{other} in place of {value}", configured.model_copy(update={name: other}))
        elif value:
            yield Variant(f"without {words}", configured.model_copy(update={name: type(value)()}))
        else:
            usual = USUAL.get(name, True)
            size = "" if usual is True else f" {usual}"
            yield Variant(f"with {words}{size}", configured.model_copy(update={name: usual}))


def tricked(request: Request, tricks: Tricks) -> Request:
    """The request with other tricks."""
    return request.model_copy(update={"training": request.training.model_copy(update={"tricks": tricks})})


def table(executor: Executor, request: Request, place: Place, seeds: int, folder: Path) -> Iterator[str]:
    """The rows of one dataset and family; differences and ratios are to the first row's means."""
    ways = list(variants(request.training.tricks))
    futures = {
        (way.name, seed): executor.submit(trained, tricked(request, way.tricks), replace(place, seed=seed), {}, folder)
        for way, seed in product(ways, range(seeds))
    }
    first: Result | None = None
    for way in ways:
        results = [futures[way.name, seed].result() for seed in range(seeds)]
        mean = Result(*map(statistics.mean, zip(*results, strict=True)))
        first = first or mean
        spread = statistics.stdev([result.val_accuracy for result in results]) if seeds > 1 else 0.0
        gain, ratio = 100 * (mean.val_accuracy - first.val_accuracy), mean.cpu_seconds / first.cpu_seconds
        accuracy = f"{mean.val_accuracy:.2%} ± {100 * spread:.2f}"
        yield f"| {place.dataset} | {place.family} | {way.name} | {accuracy} | {gain:+.2f} | {ratio:.2f} |"


def ablation(store: Store, run: str, seeds: int) -> Iterator[str]:
    """The whole table, row by row, as it is measured."""
    request = read_request(store, run)
    yield "| dataset | family | training | validation accuracy | difference, points | CPU time, ratio |"
    yield "|---|---|---|---|---|---|"
    for dataset in request.datasets:
        with fetched(store, run, training_data(Place(dataset.name))) as folder, pool() as executor:
            for family in request.families:
                yield from table(executor, request, Place(dataset.name, family), seeds, folder)


def main(run: str, seeds: str = "3") -> None:
    """Print the table."""
    for row in ablation(open_store(os.environ["STORE"]), run, int(seeds)):
        print(row, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
