"""The random part of an epoch as a plan: which images each step shows, and how it alters them.

A plan depends on the seed, the epoch and the sizes alone. So every loop takes the same steps from it, and a training
that goes on after a kill needs no generator's state. It has some bytes for each image that is shown, and no pixel.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tasks.learning.loops.augmentation import mirrors
from tasks.learning.loops.rhythm import Rhythm
from tasks.learning.mapped import pieces
from tasks.settings.dataset import Augmentation
from tasks.settings.training import Tricks

STREAM = 1  # of the generator; `mirrors` has another
LEVELS = 256  # of a share: with so few, a mixture of 8-bit pixels is exact in float32, on every device


class Plan(NamedTuple):
    """What an epoch shows, step by step; None where a training does not alter images in that way.

    Attributes:
        rows: which images, int32 [steps, batch].
        mirrored: which of them are mirrored, bool [steps, batch].
        offsets: how many pixels each moves down and right, int8 [steps, batch, 2].
        corners: the top and left of the square that is erased, int16 [steps, batch, 2]; none where it is outside.
        seeds: of the noise in that square, uint32 [steps, batch].
        shares: how much of each image stays in its mixture, float32 [steps].
    """

    rows: Any
    mirrored: Any = None
    offsets: Any = None
    corners: Any = None
    seeds: Any = None
    shares: Any = None

    def part(self, steps: slice) -> "Plan":
        """These steps of it."""
        return Plan(*(None if each is None else each[steps] for each in self))

    def parts(self, size: int) -> Iterator["Plan"]:
        """Parts of whole steps, whose images, of `size` bytes each, fit into the memory."""
        steps, batch = self.rows.shape
        for cut in pieces(steps * batch, size, batch):
            yield self.part(slice(cut.start // batch, cut.stop // batch))


class Chance(NamedTuple):
    """All that the plans of a training depend on: how many images of which size, how they are shown, and the seed."""

    images: int
    height: int
    width: int
    rhythm: Rhythm
    augmentation: Augmentation
    tricks: Tricks
    seed: int

    @property
    def side(self) -> int:
        """Of the square that is erased, in pixels."""
        return min(self.tricks.erasing, self.height, self.width)

    def plan(self, epoch: int) -> Plan:
        """The plan of an epoch, counted from 1. Images are drawn without replacement, for every showing anew."""
        rng = np.random.default_rng([self.seed, epoch, STREAM])
        steps, batch = self.rhythm.steps // self.rhythm.showings, self.rhythm.batch
        showings = range((epoch - 1) * self.rhythm.showings, epoch * self.rhythm.showings)
        shown = [rng.permutation(self.images)[: steps * batch].reshape(steps, batch) for _ in showings]
        rows = np.concatenate(shown).astype(np.int32)
        mirrored = [self._mirrors(showing + 1)[each] for showing, each in zip(showings, shown, strict=True)]
        return Plan(
            rows,
            mirrored=np.concatenate(mirrored) if self.augmentation.flip else None,
            offsets=self._offsets(rows.shape, rng) if self.augmentation.shift else None,
            corners=self._corners(rows.shape, rng) if self.side else None,
            seeds=rng.integers(0, 2**32, rows.shape, np.uint32) if self.side else None,
            shares=self._shares(len(rows), rng) if self.tricks.mixup else None,
        )

    def _mirrors(self, showing: int) -> np.ndarray:
        return mirrors(self.images, showing, self.seed, self.tricks.alternating_flip)

    def _offsets(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        reach = self.augmentation.shift
        return rng.integers(-reach, reach + 1, (*shape, 2), np.int8)

    def _corners(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """A random half of the images have one inside."""
        room = (self.height - self.side + 1, self.width - self.side + 1)
        corners = rng.integers(0, room, (*shape, 2), np.int16)
        corners[rng.random(shape) < 0.5] = -self.side
        return corners

    def _shares(self, steps: int, rng: np.random.Generator) -> np.ndarray:
        drawn = rng.beta(self.tricks.mixup, self.tricks.mixup, steps)
        return (np.rint(LEVELS * drawn) / LEVELS).astype(np.float32)
