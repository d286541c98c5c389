"""The official training part cut into training and validation, and the facts of all three parts."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from tasks.data.selection import Selection
from tasks.errors import DataError

NAMED = 10  # classes that a message names


def partition(official: Selection, validation_fraction: float, seed: int) -> dict[str, Selection]:
    """Cut `official` into train and validation, stratified by class; the same seed gives the same cut.

    A class of one image stays in the training part.

    Raises:
        DataError: there are too few images for classes of this number to stand in both.
    """
    labels = official.labels
    is_single = (np.bincount(labels) == 1)[labels]
    rows = np.flatnonzero(~is_single)
    try:
        train, validation = train_test_split(
            rows, test_size=validation_fraction, random_state=seed, stratify=labels[rows]
        )
    except ValueError as error:
        raise DataError(f"expected enough images of every class for a validation part: {error}") from None
    train = np.concatenate([train, np.flatnonzero(is_single)])
    return {"train": official.at(np.sort(train)), "validation": official.at(np.sort(validation))}


def check_classes(labels: NDArray[np.unsignedinteger], classes: Sequence[str]) -> None:
    """Refuse `labels` of a training part, [n], that lack one of the `classes`.

    Raises:
        DataError: names the classes, and what to correct.
    """
    count = np.bincount(labels, minlength=len(classes))
    if absent := [classes[index] for index in np.flatnonzero(count == 0).tolist()]:
        raise DataError(
            f"train part: expected images of every one of {len(classes)} classes, received none of "
            f"{', '.join(absent[:NAMED])}{', ...' * (len(absent) > NAMED)}; "
            "correct `classes` in the dataset's file in config/datasets, or its data"
        )


def describe(parts: Mapping[str, Selection], classes: Sequence[str]) -> dict[str, Any]:
    """Counts, balance, duplicates across parts, and the per-channel mean and deviation of the training part (0 to 255).

    Raises:
        DataError: a channel of the training part is constant.
    """
    mean, std = channel_statistics(parts["train"].pieces())
    return {
        "mean": mean,
        "std": std,
        "counts": {name: len(part.labels) for name, part in parts.items()},
        "class_counts": {
            name: np.bincount(part.labels, minlength=len(classes)).tolist() for name, part in parts.items()
        },
        "duplicates": duplicates(parts),
    }


def channel_statistics(pieces: Iterable[NDArray[np.uint8]]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of uint8 [n, h, w, c] images per channel, in 0 to 255, exact in 64-bit integers.

    Raises:
        DataError: a channel is constant, so that it cannot be scaled.
    """
    pixels: NDArray[np.int64] = np.sum([_histograms(piece) for piece in pieces], axis=0)
    total, levels = pixels.sum(axis=1), np.arange(256)
    mean = pixels @ levels / total
    std = np.sqrt(np.maximum(pixels @ levels**2 / total - mean**2, 0))
    if not (np.isfinite(std).all() and (std > 0).all()):
        raise DataError(f"training part: expected every channel to vary, received deviations {std.round(3).tolist()}")
    return mean.tolist(), std.tolist()


def _histograms(images: NDArray[np.uint8]) -> NDArray[np.integer]:
    """How often each value occurs, by channel: [c, 256]."""
    return np.stack([np.bincount(images[..., c].ravel(), minlength=256) for c in range(images.shape[-1])])


def duplicates(parts: Mapping[str, Selection]) -> dict[str, int]:
    """How many images of a part stand, pixel for pixel, in an earlier part too, or twice in the part itself."""
    contents = {name: {_digest(image) for piece in part.pieces() for image in piece} for name, part in parts.items()}
    names = list(parts)
    within = {name: len(parts[name].labels) - len(contents[name]) for name in names}
    across = {
        f"{first}_{second}": len(contents[first] & contents[second])
        for place, first in enumerate(names)
        for second in names[place + 1 :]
    }
    return within | across


def _digest(image: NDArray[np.uint8]) -> bytes:
    """What stands for an image's pixels, so that the memory need not hold them."""
    return hashlib.sha256(image.tobytes()).digest()
