"""The nearest centroid: the simplest classifier that looks at the pixels, and so a floor below every network.

An image is taken for the class whose mean training image is nearest, by the Euclidean distance of the pixel values. No
choice is made in it. As `sklearn.neighbors.NearestCentroid`, but piece by piece: images and centroids may be larger
than the memory.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

VALUES = 2**22  # of images, of centroids, or of distances, that are in the memory at a time, 8 bytes each


def mean_image(pieces: Iterable[NDArray[np.uint8]], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The mean of the images of all `pieces`, uint8 [n, height, width, channels], of this shape; NaN without images."""
    total, number = np.zeros(shape, np.int64), 0  # whole numbers: no order of the images changes the mean
    for piece in pieces:
        total += piece.sum(axis=0, dtype=np.int64)
        number += len(piece)
    return (total / number if number else np.full(shape, np.nan)).astype(np.float32)


def nearest_accuracy(centroids: NDArray[np.float32], images: NDArray[np.uint8], labels: NDArray) -> float:
    """How often the nearest centroid is that of an image's label.

    Args:
        centroids: float32 [classes, height, width, channels]; a class whose row is NaN is never answered.
        images, labels: uint8 [n, height, width, channels], and [n].
    """
    right = 0
    for rows in _cuts(len(images), max(images[0].size, len(centroids))):
        right += int(np.count_nonzero(_nearest(centroids, _flat(images[rows])) == labels[rows]))
    return right / len(labels)


def _nearest(centroids: NDArray[np.float32], images: NDArray[np.float64]) -> NDArray[np.intp]:
    """The label of the nearest centroid of each of the `images`, [n, values]; the lower one of equally near ones."""
    least, label = np.full(len(images), np.inf), np.zeros(len(images), np.intp)
    for rows in _cuts(len(centroids), images.shape[1]):
        some = _flat(centroids[rows])
        # The square of the distance, but for that of the image itself, which all its distances share.
        distances = np.nan_to_num(np.einsum("ij,ij->i", some, some) - 2 * images @ some.T, nan=np.inf)
        found = distances.min(axis=1)
        label = np.where(found < least, distances.argmin(axis=1) + rows.start, label)
        least = np.minimum(found, least)
    return label


def _flat(images: NDArray) -> NDArray[np.float64]:
    """Images as rows of numbers that are precise enough for the same answer on every machine."""
    return images.reshape(len(images), -1).astype(np.float64)


def _cuts(length: int, size: int) -> Iterator[slice]:
    """Cut `length` rows of `size` values each."""
    step = max(1, VALUES // size)
    return (slice(start, min(start + step, length)) for start in range(0, length, step))
