"""About how long a run takes and what it needs, before there is one: from what runs of other datasets took.

The unit costs are those of the quick profile on CIFAR-10, on one core of an AMD EPYC (tests/bench/README.md): 45,000
images of 32 x 32 x 3, 250,000 parameters, 4 epochs in 27 s (ANN) and 141 s (CNN). A dense layer works once with each
parameter, a convolution once for each pixel too, so an ANN's time goes with the parameters and a CNN's with the pixels.
Few images are shown several times in an epoch, as the training's rhythm says.
"""

import math
from typing import NamedTuple

from tasks.learning.loops.rhythm import rhythm
from tasks.settings.dataset import Dataset
from tasks.settings.training import Profile, Training

IMAGES, EPOCHS, PIXELS, PARAMETERS = 45_000, 4, 32 * 32, 250_000
SECONDS = {"ann": 27.0, "cnn": 141.0}
START = 60.0  # seconds: a run that reuses every stage takes 51 s (README.md)
STAGE = 12.0  # seconds of one core, to start a stage that trains
PROCESS = 1.5e9  # bytes of memory of a process that trains


class Estimate(NamedTuple):
    """Seconds from the first stage to the last, bytes of memory, and bytes of disk for the arrays."""

    seconds: float
    memory: float
    disk: float


def estimate(dataset: Dataset, profile: Profile, train: int, total: int, cores: int) -> Estimate:
    """What a run of `profile` takes on so many cores.

    Args:
        train, total: images of the training part, and of all parts.
    """
    share = min(1.0, profile.examples / total) if profile.examples else 1.0
    search, training = profile.search, profile.training
    used = train * share
    searches = training.replicates if training.has_own_searches else 1
    shown = searches * search.trials * search.epochs * _in_epoch(used * search.fraction, training)
    shown += training.replicates * training.epochs * _in_epoch(used, training)
    stages = searches * search.shards + training.replicates
    work = [STAGE * stages + shown * _seconds(family, dataset) for family in SECONDS]
    longest = max(each / min(cores, training.replicates) for each in work)
    return Estimate(
        seconds=START + max(sum(work) / cores, longest),
        memory=PROCESS * min(cores, len(SECONDS) * training.replicates),
        disk=total * share * math.prod(dataset.image_shape),
    )


def _in_epoch(images: float, training: Training) -> int:
    """How many images an epoch shows, each as often as it comes."""
    plan = rhythm(max(1, round(images)), training)
    return plan.batch * plan.steps


def _seconds(family: str, dataset: Dataset) -> float:
    """The seconds of one core for one image in one epoch."""
    height, width, _ = dataset.image_shape
    grows = dataset.budget / PARAMETERS if family == "ann" else height * width / PIXELS
    return SECONDS[family] / IMAGES / EPOCHS * grows
