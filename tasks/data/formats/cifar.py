"""The format `cifar`: records of one label byte and an image's pixels (https://www.cs.toronto.edu/~kriz/cifar.html).

A record says no dimensions. Its size tells them all, as long as images are square and have 1 or 3 channels: no square
number is three times another. Any other shape could be taken for a different one, and the images be scrambled.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks.data.part import Part, file_names
from tasks.errors import DataError
from tasks.settings.dataset import Shape


def read(paths: Sequence[Path], shape: Shape) -> Part:
    """The part in the records of one or more files. The pixels of a record come channel by channel.

    Raises:
        DataError: the shape is not one that the size of a record tells, or a file is not made of whole records.
    """
    height, width, channels = shape
    if height != width or channels not in (1, 3):
        raise DataError(
            f"{file_names(paths)}: expected square images of 1 or 3 channels, which the cifar reader can tell apart, "
            f"received {shape}; use a format that says its dimensions, such as idx"
        )
    size = 1 + math.prod(shape)
    images, labels = [], []
    for path in paths:
        body = np.fromfile(path, np.uint8)
        if body.size == 0 or body.size % size:
            raise DataError(f"{path.name}: expected records of {size} bytes, received {body.size:,} bytes")
        records = body.reshape(-1, size)
        labels.append(records[:, 0])
        images.append(records[:, 1:].reshape(-1, channels, height, width).transpose(0, 2, 3, 1))
    return Part(np.ascontiguousarray(np.concatenate(images)), np.concatenate(labels))
