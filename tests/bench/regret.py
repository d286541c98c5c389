"""What a run's searches missed: `STORE=... python -m tests.bench.regret RUN [TRIALS] [DATASET/FAMILY ...]`.

The first TRIALS configurations of a random search under the run's seed are trained at full length. The best of so many
looks better than it is; so it and the run's own choice are then compared again, under seeds that chose neither.
Measured on the validation part. As many trainings side by side as there are cores, one thread each.
"""

import json
import os
import statistics
import sys
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Any, NamedTuple

from tasks.runs.requests import read_request
from tasks.runs.stage import Input
from tasks.settings.place import Place
from tasks.settings.request import Request
from tasks.stages.model_settings import model_settings, training_data
from tasks.storage.contract import Store
from tasks.storage.location import open_store
from tests.bench.fitting import fetched, pool, trained
from tests.bench.surroundings import noted

Values = dict[str, Any]


def regret(store: Store, run: str, trials: int, models: Collection[str]) -> Iterator[str]:
    """The table, row by row, as it is measured: of all models, or of those among `models`."""
    request = read_request(store, run)
    yield "| dataset | family | trials | best of them | chosen | regret, points | under other seeds, points |"
    yield "|---|---|---|---|---|---|---|"
    for dataset in request.datasets:
        with fetched(store, run, training_data(Place(dataset.name))) as folder, pool() as executor:
            for budget, family in product(request.budgets or (None,), request.families):
                place = Place(dataset.name, family, request.seed, budget=budget)
                if not models or f"{dataset.name}/{family}" in models:
                    yield _row(Trainer(executor, request, place, folder), _chosen(store, run, place), trials)


class Trainer(NamedTuple):
    """Trains configurations at one place of a run, side by side."""

    executor: Executor
    request: Request
    place: Place
    folder: Path

    def accuracies(self, asked: Iterable[tuple[Values, int]]) -> list[float]:
        """The validation accuracy of each pair of hyper-parameters and seed."""
        train = partial(self.executor.submit, trained, self.request)
        futures = [train(replace(self.place, seed=seed), values, self.folder) for values, seed in asked]
        return [future.result().val_accuracy for future in futures]

    def proposed(self, trials: int) -> list[Values]:
        """The first configurations that a random search proposes."""
        return self.executor.submit(_proposed, self.request, self.place, trials, self.folder).result()


def _row(trainer: Trainer, chosen: Values, trials: int) -> str:
    request, place, asked = trainer.request, trainer.place, trainer.proposed(trials)
    asked += [chosen] if chosen not in asked else []
    reached = trainer.accuracies((values, request.seed) for values in asked)
    highest, own = max(reached), reached[asked.index(chosen)]
    fresh = [seed + 1 for seed in request.seeds]
    rivals = asked[reached.index(highest)], chosen
    ours, mine = (trainer.accuracies((values, seed) for seed in fresh) for values in rivals)
    gaps = [100 * (our - my) for our, my in zip(ours, mine, strict=True)]
    spread = f" ± {statistics.stdev(gaps):.2f}" if len(gaps) > 1 else ""
    found = f"{highest:.2%} | {own:.2%} | {100 * (highest - own):+.2f} | {statistics.mean(gaps):+.2f}{spread}"
    return f"| {place.dataset} | {place.family} | {trials} | {found} |"


def _proposed(request: Request, place: Place, trials: int, folder: Path) -> list[Values]:
    """In a process that may import Keras."""
    from tasks.learning.search import proposals
    from tasks.learning.search.space import space

    settings = model_settings(request, place, request.training.epochs)
    searched = space(settings.network(folder, request.search.first_of(settings.family)))
    return list(islice(proposals.proposals(searched, request.seed), trials))


def _chosen(store: Store, run: str, place: Place) -> Values:
    """The hyper-parameters that the run chose."""
    with fetched(store, run, Input("choose", place.at("family"), ("best.json",))) as folder:
        return json.loads((folder / "best.json").read_text(encoding="utf-8"))["hyperparameters"]


def main(run: str, trials: str = "64", *models: str) -> None:
    """Print the table."""
    with noted():
        for row in regret(open_store(os.environ["STORE"]), run, int(trials), models):
            print(row, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
