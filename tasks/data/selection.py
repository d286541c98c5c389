"""Some rows of labelled images, which may be larger than the memory."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.part import Part

PIECE = 2**24  # bytes of images that are in the memory at a time


class Selection(NamedTuple):
    """Rows of images.

    Attributes:
        images: uint8 [m, height, width, channels], maybe mapped from the disk.
        rows: [n], in 0..m-1.
        labels: [n], those of the rows.
    """

    images: NDArray[np.uint8]
    rows: NDArray[np.intp]
    labels: NDArray[np.unsignedinteger]

    def at(self, places: NDArray[np.intp]) -> "Selection":
        """The rows at these places, [k] in 0..n-1."""
        return Selection(self.images, self.rows[places], self.labels[places])

    def by_class(self, classes: int) -> "Iterator[Selection]":
        """The rows of each label in 0..classes-1, in turn."""
        order = np.argsort(self.labels, kind="stable")
        ends = np.searchsorted(self.labels[order], np.arange(classes + 1))
        return (self.at(order[start:end]) for start, end in itertools.pairwise(ends.tolist()))

    def pieces(self) -> Iterator[NDArray[np.uint8]]:
        """The images of the rows in order, about PIECE bytes at a time."""
        size = max(1, PIECE // max(1, self.images[0].nbytes))
        return (self.images[self.rows[start : start + size]] for start in range(0, len(self.rows), size))


def whole(part: Part) -> Selection:
    """All rows of a part."""
    return Selection(part.images, np.arange(len(part.labels)), part.labels)
