"""The format `cifar`: records of one label byte and an image's pixels (https://www.cs.toronto.edu/~kriz/cifar.html)."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks.data.part import Part
from tasks.errors import DataError
from tasks.settings.dataset import Shape


def read(paths: Sequence[Path], shape: Shape) -> Part:
    """The part in the records of one or more files. The pixels of a record come channel by channel.

    Raises:
        DataError: a file is not made of whole records.
    """
    height, width, channels = shape
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
