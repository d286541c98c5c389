"""About how long a run takes and what it needs, before there is one: from what runs of other datasets took.

The unit costs are those of the quick profile on CIFAR-10, on one core of an AMD EPYC (tests/bench/README.md): 45,000
images of 32 x 32 x 3, 250,000 parameters, 4 epochs in 43 s (ANN) and 227 s (CNN). A dense layer works once with each
parameter, a convolution once for each pixel too, so an ANN's time goes with the parameters and a CNN's with the pixels.
"""

import math
from typing import NamedTuple

from tasks.settings.dataset import Dataset
from tasks.settings.training import Profile

IMAGES, EPOCHS, PIXELS, PARAMETERS = 45_000, 4, 32 * 32, 250_000
SECONDS = {"ann": 43.4, "cnn": 227.0}
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
    passes = search.trials * search.epochs * search.fraction + training.replicates * training.epochs
    stages = search.shards + training.replicates
    work = [STAGE * stages + passes * train * share * _seconds(family, dataset) for family in SECONDS]
    longest = max(each / min(cores, training.replicates) for each in work)
    return Estimate(
        seconds=START + max(sum(work) / cores, longest),
        memory=PROCESS * min(cores, len(SECONDS) * training.replicates),
        disk=total * share * math.prod(dataset.image_shape),
    )


def _seconds(family: str, dataset: Dataset) -> float:
    """The seconds of one core for one image in one epoch."""
    height, width, _ = dataset.image_shape
    grows = dataset.budget / PARAMETERS if family == "ann" else height * width / PIXELS
    return SECONDS[family] / IMAGES / EPOCHS * grows
