"""A train/validation partition of its own for a replicate, cut anew from the images of both parts.

How a partition happens to fall is a source of variance of its own (Bouthillier et al., MLSys 2021). The test part has
no share in it. The validation part of a training chooses nothing, so neither do the images that a cut tears apart.
"""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from tasks.learning.mapped import Images, chosen

Arrays = tuple[Images, np.ndarray]
STREAM = 0x5E9A4A7E  # keeps these random numbers apart from those of the training under the same seed


class Joined:
    """Two parts as if they were one array, uint8 [n, h, w, c]; what is asked for is read."""

    def __init__(self, first: Images, second: Images):
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def __getitem__(self, places: slice | NDArray[np.intp]) -> NDArray[np.uint8]:
        rows = np.arange(len(self))[places]
        found = np.empty((len(rows), *self._first[:1].shape[1:]), np.uint8)
        late = rows >= len(self._first)
        found[~late] = self._first[rows[~late]]
        found[late] = self._second[rows[late] - len(self._first)]
        return found


def resplit(train: Arrays, validation: Arrays, split: int) -> tuple[Arrays, Arrays]:
    """Training and validation part number `split`: of the same sizes as those given, class by class.

    Args:
        train, validation: images, uint8 [n, h, w, c], and labels, [n].
    """
    labels = np.concatenate([train[1], validation[1]])
    is_validation = _drawn(labels, np.bincount(validation[1], minlength=labels.max() + 1), split)
    images = cast(Images, Joined(train[0], validation[0]))  # as far as it is read here, it is one
    cuts = np.flatnonzero(~is_validation), np.flatnonzero(is_validation)
    first, second = ((chosen(images, rows), labels[rows]) for rows in cuts)
    return first, second


def _drawn(labels: np.ndarray, wanted: NDArray[np.intp], split: int) -> NDArray[np.bool_]:
    """Which rows are drawn at random, [n]: as many of each class as are `wanted`, [classes]."""
    order = np.random.default_rng([STREAM, split]).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    numbers = np.bincount(labels)
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    drawn = np.zeros(len(labels), bool)
    drawn[by_class[rank < wanted[labels[by_class]]]] = True
    return drawn
