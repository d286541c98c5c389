"""Official file formats to arrays. Nothing is unpickled, and nothing is believed before its size is checked."""

import gzip
import math
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.errors import DataError

Shape = tuple[int, int, int]
IDX_UNSIGNED_BYTE = 0x08
MAX_BYTES = 2**30  # of one array; a header can promise 2**128


class Part(NamedTuple):
    """Images as uint8 [n, height, width, channels] with labels as uint8 [n]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def read(reader: str, paths: Sequence[Path], shape: Shape, classes: int) -> Part:
    """The part that `paths` hold, in the format that `reader` names.

    Raises:
        DataError: the bytes are not of that format, shape or number of classes.
    """
    part = READERS[reader](paths, shape)
    if len(part.images) != len(part.labels) or not len(part.labels):
        raise DataError(
            f"{_names(paths)}: expected as many labels as images, received {len(part.labels)} for {len(part.images)}"
        )
    if part.labels.max() >= classes:
        raise DataError(f"{_names(paths)}: expected labels 0 to {classes - 1}, received {part.labels.max()}")
    return part


def _read_idx(paths: Sequence[Path], shape: Shape) -> Part:
    """One file of images and one of labels, gzipped IDX (http://yann.lecun.com/exdb/mnist/)."""
    if len(paths) != 2:
        raise DataError(f"{_names(paths)}: the idx reader expected a file of images and a file of labels")
    images, labels = _idx_array(paths[0]), _idx_array(paths[1])
    if labels.ndim != 1 or math.prod(images.shape[1:]) != math.prod(shape):
        raise DataError(
            f"{_names(paths)}: expected images of {shape}, received {images.shape[1:]} with labels {labels.shape}"
        )
    return Part(images.reshape(len(images), *shape), labels)


def _idx_array(path: Path) -> NDArray[np.uint8]:
    """The array in a gzipped IDX file: two zero bytes, type, rank, big-endian sizes, then the bytes."""
    try:
        with gzip.open(path) as stream:
            zero, kind, rank = int.from_bytes(stream.read(2)), *stream.read(2)
            if zero or kind != IDX_UNSIGNED_BYTE or not 1 <= rank <= 4:
                raise DataError(f"{path.name}: expected an IDX file of unsigned bytes, received another header")
            sizes = [int.from_bytes(stream.read(4)) for _ in range(rank)]
            expected = math.prod(sizes)
            if expected > MAX_BYTES:
                raise DataError(f"{path.name}: expected at most {MAX_BYTES:,} bytes, the header says {sizes}")
            body = stream.read(expected + 1)  # one more byte than promised shows what is too long, and reads no bomb
    except (OSError, EOFError, ValueError, zlib.error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path.name}: expected a gzipped IDX file, received one that cannot be read ({error})"
        ) from None
    if len(body) != expected:
        raise DataError(
            f"{path.name}: expected {expected:,} bytes after the header {sizes}, received {len(body):,} or more"
        )
    return np.frombuffer(body, np.uint8).reshape(sizes)


def _read_cifar(paths: Sequence[Path], shape: Shape) -> Part:
    """Records of one label byte and the channel-first pixels (https://www.cs.toronto.edu/~kriz/cifar.html)."""
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


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths)


READERS: dict[str, Callable[[Sequence[Path], Shape], Part]] = {"idx": _read_idx, "cifar": _read_cifar}
