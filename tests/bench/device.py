"""How long a step takes in either loop of `tasks.learning.loops`, on the device that JAX finds.

The networks are those of the profile `gpu` at the datasets' shapes and budgets; the images are noise. Each backend has
a process of one thread, which builds each loop once. The loops take turns, one epoch each, after one to warm up.
"""

import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from itertools import product
from statistics import median
from typing import Any, NamedTuple

from tasks.settings.loading import load_configuration
from tests.bench.process import worker
from tests.bench.section import Row, Section, spread

WAYS = (("tensorflow", "steps"), ("jax", "steps"), ("jax", "epochs"))
PROFILE = "gpu"


class Case(NamedTuple):
    """A network and how it is trained."""

    dataset: str
    family: str
    loop: str
    batch: int
    steps: int


class Turn(NamedTuple):
    """What a step of one epoch took, in milliseconds: on the wall's clock, and of processors."""

    wall: float
    cpu: float


def device(batch: int = 512, steps: int = 8, rounds: int = 3) -> Iterator[Section]:
    """A table for each network, with a row for each way to train it: a loop under a backend that is installed."""
    configuration = load_configuration()
    ways = [way for way in WAYS if importlib.util.find_spec(way[0])]
    with ExitStack() as stack:
        workers = {name: stack.enter_context(worker(name)) for name in dict.fromkeys(name for name, _ in ways)}
        for dataset, family in product(configuration.datasets, configuration.families):
            cases = [(name, Case(dataset, family, loop, batch, steps)) for name, loop in ways]
            turns = [[workers[name].submit(measured, case).result() for name, case in cases] for _ in range(rounds)]
            rows = [_row(*each, found) for each, found in zip(cases, zip(*turns, strict=True), strict=True)]
            yield Section(f"A step of {batch} images: {dataset}, {family}", rows)


def _row(backend: str, case: Case, turns: tuple[Turn, ...]) -> Row:
    return {
        "backend": backend,
        "loop": case.loop,
        **spread("ms a step", (turn.wall for turn in turns)),
        "CPU ms a step, median": median(turn.cpu for turn in turns),
    }


def measured(case: Case) -> Turn:
    """One more epoch of a network that this process has built, or builds now and warms up."""
    epoch = _epochs(case)
    taken = epoch()
    return Turn(1e3 * taken.seconds / case.steps, 1e3 * taken.cpu_seconds / case.steps)


@cache
def _epochs(case: Case) -> Any:
    """What trains one more epoch, and says what it took."""
    from tasks.learning import loop
    from tasks.learning.loops.pace import Pulse
    from tasks.learning.loops.watch import Watch
    from tasks.learning.network import assemble
    from tests.bench.stand_in import described, noise

    configuration = load_configuration()
    dataset, profile = configuration.datasets[case.dataset], configuration.profiles[PROFILE]
    wanted = {"batch_size": case.batch, "least_steps": 0, "loop": case.loop}
    training, values = profile.training.model_copy(update=wanted), profile.search.first_of(case.family)
    asked = {"tricks": training.tricks, "hyperparameters": values}
    network = assemble(described(dataset, case.family).model_copy(update=asked))
    recipe = loop.Recipe(training, dataset.augmentation, values, 0)
    watch = Watch(Pulse(lambda line: None, 60.0))
    images = noise(dataset, case.batch * case.steps)
    trainer, chance = loop.prepared(network, images, noise(dataset, case.batch), recipe)

    def epoch(number: int = 1) -> Any:
        with watch.epoch(str(number)):
            trainer.train(chance.plan(number), watch)
        return watch.taken

    epoch()
    return epoch
