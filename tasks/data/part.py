"""One part of a dataset as arrays: what every format reads and every stage after it uses."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, int, int]


class Part(NamedTuple):
    """Images as uint8 [n, height, width, channels] with labels as uint8 [n]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def file_names(paths: Sequence[Path]) -> str:
    """The names of `paths` in one line, for messages."""
    return ", ".join(path.name for path in paths)
