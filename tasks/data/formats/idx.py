"""The format `idx`: one file of images and one of labels, gzipped IDX (http://yann.lecun.com/exdb/mnist/)."""

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.data.part import Part, file_names
from tasks.errors import DataError, RequestError
from tasks.settings.dataset import Shape

UNSIGNED_BYTE = 0x08
FILES = 2  # that make a part: images and labels
MAX_BYTES = 2**30  # of one array; a header can claim 2**128


def read(paths: Sequence[Path], shape: Shape, labels: str | None = None) -> Part:
    """The part in two files: the images, then the labels. Images in gray have one channel, which the file does not say.

    Raises:
        RequestError: other `labels` are asked for.
        DataError: there are not two files, or one is not an IDX file.
    """
    if labels:
        raise RequestError(f"labels: expected none, as an idx file has one kind of labels, received {labels!r}")
    if len(paths) != FILES:
        raise DataError(f"{file_names(paths)}: the idx reader expected a file of images and a file of labels")
    images, numbers = _array(paths[0]), _array(paths[1])
    return Part(images[..., np.newaxis] if images.ndim == 3 else images, numbers)


def _array(path: Path) -> NDArray[np.uint8]:
    """The array in a gzipped IDX file: two zero bytes, type, rank, big-endian sizes, then the bytes."""
    try:
        with gzip.open(path) as stream:
            zero, kind, rank = int.from_bytes(stream.read(2)), *stream.read(2)
            if zero or kind != UNSIGNED_BYTE or not 1 <= rank <= 4:
                raise DataError(f"{path.name}: expected an IDX file of unsigned bytes, received another header")
            sizes = [int.from_bytes(stream.read(4)) for _ in range(rank)]
            expected = math.prod(sizes)
            if not 0 < expected <= MAX_BYTES:
                raise DataError(f"{path.name}: expected 1 to {MAX_BYTES:,} bytes, the header says {sizes}")
            body = stream.read(expected + 1)  # the extra byte shows that a file is too long; the rest is never unpacked
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
