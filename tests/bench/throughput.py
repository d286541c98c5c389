"""How fast a training goes: our `fit`, augmentation and all, beside the plainest `Model.fit` of the same network.

At the datasets' shapes and budgets, in the quick profile's batches. The two take turns in one process of one thread;
other backends that are installed train the same network, each in a process of its own.
"""

import importlib.util
from collections.abc import Iterable
from functools import partial
from itertools import product
from typing import NamedTuple

from tasks.settings.dataset import Dataset
from tasks.settings.loading import Configuration, load_configuration
from tests.bench.clock import Speed
from tests.bench.process import alone
from tests.bench.section import Row, Section, spread

BACKENDS = ("tensorflow", "torch", "jax")  # of Keras; each is named as the module that it needs


class Turn(NamedTuple):
    """One measured pair: how fast either way was, and the share of our own seconds that steps took."""

    ours: Speed
    plain: Speed
    steps: float


def throughput(images: int = 6_400, turns: int = 5) -> list[Section]:
    """Every dataset, family and backend that there is."""
    configuration = load_configuration()
    backends = [name for name in BACKENDS if importlib.util.find_spec(name)]
    rows = [
        _row(configuration, dataset, family, backend, images, turns)
        for backend, dataset, family in product(backends, configuration.datasets.values(), configuration.families)
    ]
    return [Section("Throughput of training, one thread", rows)]


def _row(configuration: Configuration, dataset: Dataset, family: str, backend: str, images: int, turns: int) -> Row:
    found = alone(partial(measured, configuration, dataset, family, images, turns), backend)
    ours, plain = ([getattr(turn, way) for turn in found.result] for way in ("ours", "plain"))
    return {
        "backend": backend,
        "dataset": dataset.name,
        "family": family,
        **spread("images a second", (own.wall for own in ours)),
        **spread("images a CPU second", (own.cpu for own in ours)),
        **times("plain `fit`", ours, plain),
        **spread("share in steps", (turn.steps for turn in found.result)),
        "peak memory, MB": found.peak / 1e6,
    }


def times(name: str, ours: Iterable[Speed], others: Iterable[Speed]) -> Row:
    """How much longer another way takes than ours, turn by turn, on either clock."""
    ratios = [Speed(own.wall / other.wall, own.cpu / other.cpu) for own, other in zip(ours, others, strict=True)]
    return {
        **spread(f"{name} by ours, wall", (ratio.wall for ratio in ratios)),
        **spread(f"{name} by ours, CPU", (ratio.cpu for ratio in ratios)),
    }


def measured(configuration: Configuration, dataset: Dataset, family: str, images: int, turns: int) -> list[Turn]:
    """The turns of one network, in this process."""
    from tests.bench.contest import Contest

    contest = Contest(configuration, dataset, family, images)
    found = []
    for _ in range(turns):
        ours, steps = contest.ours()
        found.append(Turn(ours, contest.plain(), steps))
    return found
