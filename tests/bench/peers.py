"""Beside others, in the same run: plain Keras, a PyTorch twin of the CNN, KerasTuner's own Hyperband.

`[STORE=...] python -m tests.bench.peers [RUN]`. All ways have one thread each. The ways to train one network take turns
in one process, on noise. Hyperband and our own search are compared on the data of a run in the store, and only where a
run is named: each gets the same core-seconds.
"""

import argparse
import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import chain, product
from pathlib import Path

from tasks.runs.requests import read_request
from tasks.settings.dataset import Dataset
from tasks.settings.loading import Configuration, load_configuration
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.stages.model_settings import training_data
from tasks.storage.contract import Store
from tasks.storage.location import open_store
from tests.bench.clock import Speed
from tests.bench.fitting import Result, fetched, pool
from tests.bench.hyperband import by_hyperband, by_us, epochs_of, longest_trial
from tests.bench.process import alone
from tests.bench.section import Row, Section, spread
from tests.bench.surroundings import noted
from tests.bench.throughput import times

OPTIMIZERS = ("muon", "adamw")  # ours by default, and the one that PyTorch has too
PLAIN, TWIN = "plain `fit`", "PyTorch twin"
NO_TORCH = "PyTorch is not installed, so the CNN has no twin here: `uv sync --group peers` brings it along."


def training(images: int = 6_400, turns: int = 5) -> Iterator[Section]:
    """How much longer others take for the same images, by dataset, family and optimizer."""
    configuration = load_configuration()
    rows = [
        _row(configuration, dataset, family, optimizer, images, turns)
        for dataset, family, optimizer in product(configuration.datasets.values(), configuration.families, OPTIMIZERS)
    ]
    notes = [] if _has_torch() else [NO_TORCH]
    yield Section("A training beside its peers, one thread", rows, notes)


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def _row(configuration: Configuration, dataset: Dataset, family: str, optimizer: str, images: int, turns: int) -> Row:
    found = alone(partial(measured, configuration, dataset, family, optimizer, images, turns)).result
    ours, twin = found["ours"], found.get(TWIN, [])
    return {
        "dataset": dataset.name,
        "family": family,
        "optimizer": optimizer,
        **spread("ours, images a second", (own.wall for own in ours)),
        **spread("a CPU second", (own.cpu for own in ours)),
        **times(PLAIN, ours, found[PLAIN]),
        **times(TWIN, ours[: len(twin)], twin),
    }


def measured(
    configuration: Configuration, dataset: Dataset, family: str, optimizer: str, images: int, turns: int
) -> dict[str, list[Speed]]:
    """How fast each way was, turn by turn, in this process; PyTorch has no Muon, so the twin shows up under AdamW."""
    from tests.bench.contest import Contest

    contest = Contest(configuration, dataset, family, images, optimizer)
    ways: dict[str, Callable[[], Speed]] = {"ours": lambda: contest.ours()[0], PLAIN: contest.plain}
    if (family, optimizer) == ("cnn", "adamw") and _has_torch():
        from tests.bench.twin import Loop

        ways[TWIN] = Loop(contest).turn
    rounds = [{name: way() for name, way in ways.items()} for _ in range(turns)]
    return {name: [each[name] for each in rounds] for name in ways}


def searches(store: Store, run: str, seeds: int = 3, families: Sequence[str] = ()) -> Iterator[Section]:
    """A table for each dataset and family of the run: the validation accuracy that either search comes to."""
    request = read_request(store, run)
    for dataset in request.datasets:
        with fetched(store, run, training_data(Place(dataset.name))) as folder, pool() as executor:
            for family in families or request.families:
                places = [Place(dataset.name, family, request.seed + number) for number in range(seeds)]
                title = f"Hyperband, and ours in the same core-minutes: {dataset.name}, {family}"
                yield Section(title, [_searched(executor, request, places, folder)])


def _searched(executor: Executor, request: Request, places: Sequence[Place], folder: Path) -> Row:
    longest = longest_trial(epochs_of(request))
    futures = [executor.submit(by_hyperband, request, place, folder, longest) for place in places]
    theirs = [future.result() for future in futures]
    futures = [
        executor.submit(by_us, request, place, folder, their.cpu_seconds)
        for place, their in zip(places, theirs, strict=True)
    ]
    ours = [future.result() for future in futures]
    gains = [100 * (our.val_accuracy - their.val_accuracy) for our, their in zip(ours, theirs, strict=True)]
    return {
        "longest trial, epochs": longest,
        "seeds": len(places),
        **_reached("Hyperband", theirs),
        **_reached("ours", ours),
        **spread("ours ahead, points", gains),
    }


def _reached(name: str, results: Sequence[Result]) -> Row:
    return {
        **spread(f"{name}, core-minutes", (result.cpu_seconds / 60 for result in results)),
        **spread(f"{name}, validation accuracy, %", (100 * result.val_accuracy for result in results)),
    }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description="Beside others, in the same run.")
    parser.add_argument("run", nargs="?", help="whose data the searches have; left out: no searches")
    parser.add_argument("--images", type=int, default=6_400, help="that each way trains on in a turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3, help="of the searches")
    parser.add_argument("--families", nargs="*", default=[], help="of the searches; left out: those of the run")
    options = parser.parse_args()
    tables = training(options.images, options.turns)
    if options.run:
        store = open_store(os.environ["STORE"])
        tables = chain(tables, searches(store, options.run, options.seeds, options.families))
    with noted():
        for table in tables:
            print(table.markdown(), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
