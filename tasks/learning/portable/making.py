"""The export of a trained network, in a process of its own: TensorFlow makes the files, whatever trained the network.

Weights of every backend of Keras load under TensorFlow. This module imports Keras in its functions, so that a new
process can be told its backend before.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.errors import redacted
from tasks.learning.cost.latency import NO_GPU

log = logging.getLogger(__name__)
KERAS_FILE, ONNX_FILE = "model.keras", "model.onnx"
VARIABLES: Mapping[str, str] = MappingProxyType({**NO_GPU, "KERAS_BACKEND": "tensorflow"})
PATIENCE = 3600.0  # seconds of the wall clock, for one model, through which all images go three times
BATCH = 512  # images
TOLERANCE = 1e-4  # of a probability
TIE = 1e-5  # classes whose probabilities differ by less are equally probable


class Order(NamedTuple):
    """What to export.

    Attributes:
        model: a folder with the trained network, as `network.save` wrote it.
        images: a file of NumPy's plain format with images to check on, uint8 [n, h, w, c].
        output: the folder of the files to be made.
        temperature: by which the logits are divided.
        facts: texts by name, the metadata of the ONNX file.
    """

    model: Path
    images: Path
    output: Path
    temperature: float
    facts: dict[str, str]


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


class Made(NamedTuple):
    """What came of an order: the difference of each file, by its name, or why there are none."""

    differences: Mapping[str, Difference] = MappingProxyType({})
    fault: str | None = None


def make(order: Order) -> Made:
    """Write the files, and compare their answers with those of the trained network."""
    from tasks.learning.portable import files

    try:
        return Made(files.write(order))
    except Exception as error:  # converters raise errors of any kind at a layer that they do not know
        log.exception("no export")
        return Made({}, redacted(f"{type(error).__name__}: {error}"))


def difference(expected: NDArray, received: NDArray) -> Difference:
    """That of probabilities `received` from those `expected`, both [n, k]."""
    rows = np.flatnonzero(expected.argmax(axis=1) != received.argmax(axis=1))
    lost = expected[rows].max(axis=1) - expected[rows, received[rows].argmax(axis=1)]
    gaps = np.abs(expected - received)
    largest = float(gaps.max(initial=0.0)) if np.isfinite(gaps).all() else float("inf")
    return Difference(largest, len(rows), int((lost < TIE).sum()))
