"""Accuracy against core-minutes: `STORE=... python -m tests.bench.recipes RUN [--seeds 3] [--only WORDS ...]`.

The data, datasets, families and training settings are those of a run in a store; hyper-parameters are the declared
defaults. Each recipe changes one thing of them: a trick, the batches, the network, the optimizer. It trains for as many
epochs as take the time of the run's own training. Epochs are whole, so the times still differ a little; therefore the
run's own way is measured at several lengths, and each recipe is compared with it at the recipe's own time.
Measured on the validation part; the test part is not read. As many trainings side by side as there are cores, one
thread each.
"""

import argparse
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tasks.runs.requests import read_request
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.settings.training import Tricks
from tasks.stages.model_settings import training_data
from tasks.storage.contract import Store
from tasks.storage.location import open_store
from tests.bench.fitting import Result, epoch_cost, fetched, pool, trained
from tests.bench.section import Row, Section, lines
from tests.bench.surroundings import noted

OWN = "as configured"
LENGTHS = (-1, 0, 1, 2)  # epochs more than configured, at which the run's own way is measured
USUAL = {"averaging": 0.99, "mixup": 0.2, "erasing": 8}  # what a trick that is off is tried at
NOTHING: Mapping[str, Any] = {}  # other processes get it, and a mapping proxy cannot be pickled


class Recipe(NamedTuple):
    """A way to train: its name, and what differs from the run's training settings, tricks and hyper-parameters."""

    name: str
    training: Mapping[str, Any] = NOTHING
    tricks: Mapping[str, Any] = NOTHING
    values: Mapping[str, Any] = NOTHING
    families: Sequence[str] = ("ann", "cnn")


OTHERS = (
    Recipe("batches of 64", {"batch_size": 64}),
    Recipe("batches of 128", {"batch_size": 128}),
    Recipe("batches of 256", {"batch_size": 256}),
    Recipe("batches of 256, learning rate 0.015", {"batch_size": 256}, values={"learning_rate": 0.015}),
    Recipe("batches of 512, learning rate 0.02", {"batch_size": 512}, values={"learning_rate": 0.02}),
    Recipe("shifts of up to 1 pixel", {"shift_limit": 1}),
    Recipe("shifts of up to 2 pixels", {"shift_limit": 2}),
    Recipe("learning rate 0.005", values={"learning_rate": 0.005}),
    Recipe("learning rate 0.02", values={"learning_rate": 0.02}),
    Recipe("weight decay 0.03", values={"weight_decay": 0.03}),
    Recipe("weight decay 0.15", values={"weight_decay": 0.15}),
    Recipe("label smoothing 0.1", values={"label_smoothing": 0.1}),
    Recipe("GELU", values={"activation": "gelu"}),
    Recipe("SiLU", values={"activation": "silu"}),
    Recipe("ReLU", values={"activation": "relu"}),
    Recipe("convolutions 1-2-2", values={"depths": "1-2-2"}, families=("cnn",)),
    Recipe("convolutions 2-2-2", values={"depths": "2-2-2"}, families=("cnn",)),
    Recipe("last stage twice as wide", values={"growth": 2.0}, families=("cnn",)),
    Recipe("average pooling", values={"pooling": "average"}, families=("cnn",)),
    Recipe("a bottleneck, 3 blocks", values={"bottleneck": True, "blocks": 3, "intake": 0.5}, families=("ann",)),
    Recipe("2 blocks", values={"blocks": 2}, families=("ann",)),
    Recipe("images at full size", values={"pool": 1}, families=("ann",)),
)


def recipes(configured: Tricks) -> Iterator[Recipe]:
    """Every way that differs from the configured one in a trick, then the others."""
    for name, value in configured:
        words = name.replace("_", " ")
        if name == "optimizer":
            other = "adamw" if value == "muon" else "muon"
            yield Recipe(f"{other} in place of {value}", tricks={name: other})
        elif value:
            yield Recipe(f"without {words}", tricks={name: type(value)()})
        else:
            usual = USUAL.get(name, True)
            yield Recipe(f"with {words}" + ("" if usual is True else f" {usual}"), tricks={name: usual})
    yield from OTHERS


def asked(request: Request, recipe: Recipe, epochs: int) -> Request:
    """The request with another way to train."""
    tricks = request.training.tricks.model_copy(update=dict(recipe.tricks))
    update = {**recipe.training, "tricks": tricks, "epochs": epochs}
    return request.model_copy(update={"training": request.training.model_copy(update=update)})


class Kitchen(NamedTuple):
    """Where recipes of one dataset and family are tried."""

    executor: Executor
    request: Request
    place: Place
    folder: Path
    seeds: int

    def tried(self, wanted: Sequence[tuple[Recipe, int]]) -> Iterator[list[Result]]:
        """What each recipe reaches in so many epochs, under every seed; all start at once."""
        futures = [
            [
                self.executor.submit(
                    trained, asked(self.request, recipe, epochs), self._under(seed), recipe.values, self.folder
                )
                for seed in range(self.seeds)
            ]
            for recipe, epochs in wanted
        ]
        for of_one in futures:
            yield [future.result() for future in of_one]

    def costs(self, recipes: Sequence[Recipe]) -> list[float]:
        """About the core-seconds of one epoch of each recipe."""
        futures = [
            self.executor.submit(epoch_cost, asked(self.request, recipe, 1), self._under(0), recipe.values, self.folder)
            for recipe in recipes
        ]
        return [future.result() for future in futures]

    def _under(self, seed: int) -> Place:
        return replace(self.place, seed=seed)


def table(kitchen: Kitchen, only: Sequence[str]) -> Iterator[Row]:
    """The rows of one dataset and family."""
    configured = kitchen.request.training.epochs
    own = Recipe(OWN)
    others = [recipe for recipe in recipes(kitchen.request.training.tricks) if _is_wanted(recipe, kitchen.place, only)]
    first, *costs = kitchen.costs([own, *others])
    lengths = [(own, configured + more) for more in LENGTHS if configured + more > 0]
    equal = [(recipe, max(1, round(configured * first / cost))) for recipe, cost in zip(others, costs, strict=True)]
    curve: dict[float, float] = {}
    for (recipe, epochs), results in zip([*lengths, *equal], kitchen.tried([*lengths, *equal]), strict=True):
        reached = _mean(results)
        if recipe is own:
            curve[reached.cpu_seconds] = reached.val_accuracy
        against = None if recipe is own else _between(curve, reached.cpu_seconds)
        yield _row(kitchen.place, recipe, epochs, results, against)


def _is_wanted(recipe: Recipe, place: Place, only: Sequence[str]) -> bool:
    return place.family in recipe.families and (not only or any(word in recipe.name for word in only))


def _mean(results: Sequence[Result]) -> Result:
    return Result(*map(statistics.mean, zip(*results, strict=True)))


def _between(curve: Mapping[float, float], seconds: float) -> float:
    """The accuracy of the run's own way in so many seconds: along the logarithm between its lengths, flat beyond."""
    times = sorted(curve)
    return float(np.interp(np.log(seconds), np.log(times), [curve[time] for time in times]))


def _row(place: Place, recipe: Recipe, epochs: int, results: Sequence[Result], own: float | None) -> Row:
    reached, spread = _mean(results), statistics.stdev(each.val_accuracy for each in results) if results[1:] else 0.0
    return {
        "dataset": place.dataset,
        "family": place.family,
        "recipe": recipe.name,
        "epochs": epochs,
        "core-minutes": f"{reached.cpu_seconds / 60:.2f}",
        "validation accuracy": f"{reached.val_accuracy:.2%} ± {100 * spread:.2f}",
        "at equal time, points": "" if own is None else f"{100 * (reached.val_accuracy - own):+.2f}",
    }


def measured(
    store: Store, run: str, seeds: int = 3, families: Sequence[str] = (), only: Sequence[str] = ()
) -> Iterator[Row]:
    """The whole table, row by row, as it is measured."""
    request = read_request(store, run)
    for dataset in request.datasets:
        with fetched(store, run, training_data(Place(dataset.name))) as folder, pool() as executor:
            for family in families or request.families:
                yield from table(Kitchen(executor, request, Place(dataset.name, family), folder, seeds), only)


def section(store: Store, run: str) -> Iterator[Section]:
    """The whole table at once."""
    yield Section("Recipes, each at equal core-minutes", list(measured(store, run)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.recipes", description="Accuracy against core-minutes.")
    parser.add_argument("run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--families", nargs="*", default=[], help="left out: those of the run")
    parser.add_argument("--only", nargs="*", default=[], metavar="WORDS", help="recipes whose names have these words")
    options = parser.parse_args()
    store = open_store(os.environ["STORE"])
    with noted():
        for line in lines(measured(store, options.run, options.seeds, options.families, options.only)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
