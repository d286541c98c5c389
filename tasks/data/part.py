"""One part of a dataset as arrays. Every format makes one, and the stages use it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Part(NamedTuple):
    """Images, uint8 [n, height, width, channels], and their labels, uint8 [n]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def file_names(paths: Sequence[Path]) -> str:
    """The names of `paths` on one line, for messages."""
    return ", ".join(path.name for path in paths)
