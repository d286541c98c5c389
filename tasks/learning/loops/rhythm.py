"""The rhythm of an epoch: how many images are in a batch, and how often an epoch shows each of them.

So many epochs are enough for tens of thousands of images, and for some hundred they would be a handful of steps.
"""

import math
from typing import NamedTuple

from tasks.settings.training import Training

SMALLEST = 32  # images of a batch that is made smaller: batch normalisation needs some


class Rhythm(NamedTuple):
    """Images in a batch, times that an epoch shows every image, and batches in an epoch.

    Batches are whole: a small last one would upset batch normalisation. What is left out changes at every showing.
    """

    batch: int
    showings: int
    steps: int


def rhythm(images: int, training: Training) -> Rhythm:
    """The rhythm of an epoch over so many images, at least one."""
    least = training.least_steps
    wanted = max(SMALLEST, images // least) if least else images
    batch = min(training.batch_size, wanted, images)
    showings = max(1, math.ceil(least / (images // batch)))
    return Rhythm(batch, showings, showings * (images // batch))
