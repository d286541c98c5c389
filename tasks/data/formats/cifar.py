"""The format `cifar`: records of labels and an image's pixels (https://www.cs.toronto.edu/~kriz/cifar.html).

A label is one byte. CIFAR-10 has one for each image, and CIFAR-100 has two: the coarse one, then the fine one.

A record says no dimensions. Its size tells them all, as long as images are square and have 1 or 3 channels: no square
number is three times another. Any other shape could be taken for a different one, and the images be scrambled.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.data.part import Part, file_names
from tasks.errors import DataError, RequestError
from tasks.settings.dataset import Shape

LABEL_BYTES = {None: (1, 0), "coarse": (2, 0), "fine": (2, 1)}  # how many a record has, and which of them counts


def read(paths: Sequence[Path], shape: Shape, labels: str | None = None) -> Part:
    """The part in the records of one or more files. The pixels of a record come channel by channel.

    Raises:
        RequestError: `labels` is not one that such records have.
        DataError: the shape is not one that the size of a record tells, or a file is not made of whole records.
    """
    if labels not in LABEL_BYTES:
        raise RequestError(
            f"labels: expected 'coarse' or 'fine' for CIFAR-100, or none for CIFAR-10, received {labels!r}"
        )
    height, width, channels = shape
    if height != width or channels not in (1, 3):
        raise DataError(
            f"{file_names(paths)}: expected square images of 1 or 3 channels, which the cifar reader can tell apart, "
            f"received {shape}; use a format that says its dimensions, such as idx"
        )
    head, place = LABEL_BYTES[labels]
    bodies = [_records(path, head + math.prod(shape)) for path in paths]
    images = [body[:, head:].reshape(-1, channels, height, width).transpose(0, 2, 3, 1) for body in bodies]
    return Part(np.ascontiguousarray(np.concatenate(images)), np.concatenate([body[:, place] for body in bodies]))


def _records(path: Path, size: int) -> NDArray[np.uint8]:
    """The records of one file, uint8 [n, size]."""
    body = np.fromfile(path, np.uint8)
    if body.size == 0 or body.size % size:
        raise DataError(f"{path.name}: expected records of {size} bytes, received {body.size:,} bytes")
    return body.reshape(-1, size)
