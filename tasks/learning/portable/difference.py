"""How an exported file answers other than the trained network, and what is small enough."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-4  # of a probability
TIE = 1e-5  # classes whose probabilities differ by less are equally probable


class Difference(NamedTuple):
    """How an exported file answers other than the trained network.

    Attributes:
        largest: difference of the two probabilities of one class of one image.
        unlike: images for which another class is the most probable one.
        ties: those of them whose two classes are equally probable to the trained network.
    """

    largest: float = 0.0
    unlike: int = 0
    ties: int = 0

    @property
    def is_small(self) -> bool:
        """Whether the file may stand for the network."""
        return self.largest <= TOLERANCE and self.unlike == self.ties

    def with_more(self, other: "Difference") -> "Difference":
        """That over the images of both."""
        return Difference(max(self.largest, other.largest), self.unlike + other.unlike, self.ties + other.ties)


def difference(expected: NDArray, received: NDArray) -> Difference:
    """That of probabilities `received` from those `expected`, both [n, k]."""
    rows = np.flatnonzero(expected.argmax(axis=1) != received.argmax(axis=1))
    lost = expected[rows].max(axis=1) - expected[rows, received[rows].argmax(axis=1)]
    gaps = np.abs(expected - received)
    largest = float(gaps.max(initial=0.0)) if np.isfinite(gaps).all() else float("inf")
    return Difference(largest, len(rows), int((lost < TIE).sum()))
