"""How fast a training goes: our `fit`, augmentation and all, beside the plainest `Model.fit` of the same network.

At the datasets' shapes and budgets, in the quick profile's batches. The two take turns in one process of one thread;
other backends that are installed train the same network, each in a process of its own.
"""

import importlib.util
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any, NamedTuple

from tasks.settings.dataset import Dataset
from tasks.settings.loading import Configuration, load_configuration
from tests.bench.process import alone
from tests.bench.section import Row, Section, spread

BACKENDS = ("tensorflow", "torch", "jax")  # of Keras; each is named as the module that it needs


class Turn(NamedTuple):
    """One measured pair: images a second of either way, and the share of our own seconds that steps took."""

    ours: float
    plain: float
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
        **spread("images a second", ours),
        **spread("by plain `fit`", [mine / other for mine, other in zip(ours, plain, strict=True)]),
        **spread("share in steps", (turn.steps for turn in found.result)),
        "peak memory, MB": found.peak / 1e6,
    }


def measured(configuration: Configuration, dataset: Dataset, family: str, images: int, turns: int) -> list[Turn]:
    """The turns of one network, in this process."""
    import keras

    from tasks.learning.loop import Recipe, compile_for, fit
    from tasks.learning.network import assemble
    from tests.bench.stand_in import described, noise

    build = partial(assemble, described(dataset, family))
    settings = configuration.profiles["quick"].training.model_copy(update={"epochs": 1})
    recipe, batch = Recipe(settings, dataset.augmentation, {}, 0), settings.batch_size
    train, validation = noise(dataset, images), noise(dataset, batch)
    targets = keras.utils.to_categorical(train[1], len(dataset.classes))
    plain = build()
    compile_for(plain, recipe, steps=1_000_000)
    plain.fit(train[0][:batch], targets[:batch], batch_size=batch, verbose=0)
    found = []
    for _ in range(turns):
        steps: list[float] = []
        fitted = fit(partial(_watched, build, steps), train, validation, recipe, lambda line: None)
        start = time.perf_counter()
        plain.fit(train[0], targets, batch_size=batch, verbose=0)
        seconds = time.perf_counter() - start
        counted = steps[1:]  # the first one is the compiler's, and counts as set-up
        found.append(
            Turn(
                ours=len(counted) * batch / fitted.train_seconds,
                plain=images / seconds,
                steps=sum(counted) / fitted.train_seconds,
            )
        )
    return found


def _watched(build: Callable[[], Any], steps: list[float]) -> Any:
    """The model that `build` makes; each of its training steps adds its seconds to `steps`."""
    model = build()
    step = model.train_on_batch

    def timed(*arguments: Any, **names: Any) -> Any:
        start = time.perf_counter()
        logs = step(*arguments, **names)
        steps.append(time.perf_counter() - start)
        return logs

    model.train_on_batch = timed
    return model
