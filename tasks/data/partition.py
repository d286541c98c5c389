"""The official training part cut into training and validation, and the facts of all three parts."""

from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from tasks.data.part import Part
from tasks.errors import DataError

NAMED = 10  # classes that a message names


def partition(official: Part, validation_fraction: float, seed: int) -> dict[str, Part]:
    """Cut `official` into train and validation, stratified by class; the same seed gives the same cut.

    Raises:
        DataError: a class has too few images to stand in both.
    """
    rows = np.arange(len(official.labels))
    try:
        train, validation = train_test_split(
            rows, test_size=validation_fraction, random_state=seed, stratify=official.labels
        )
    except ValueError as error:
        raise DataError(f"expected enough images of every class for a validation part: {error}") from None
    return {name: Part(official.images[rows], official.labels[rows]) for name, rows in
            (("train", np.sort(train)), ("validation", np.sort(validation)))}  # fmt: skip


def describe(parts: dict[str, Part], classes: tuple[str, ...]) -> dict[str, Any]:
    """Counts, balance, duplicates across parts, and the per-channel mean and deviation of the training part (0 to 255).

    Raises:
        DataError: a class is absent from a part, or a channel of the training part is constant.
    """
    mean, std = channel_statistics(parts["train"].images)
    counts = {name: np.bincount(part.labels, minlength=len(classes)) for name, part in parts.items()}
    for name, count in counts.items():
        if absent := [classes[index] for index in np.flatnonzero(count == 0)]:
            raise DataError(
                f"{name} part: expected images of every one of {len(classes)} classes, received none of "
                f"{', '.join(absent[:NAMED])}{', ...' * (len(absent) > NAMED)}; "
                "correct `classes` in the dataset's file in config/datasets, or its data"
            )
    return {
        "mean": mean,
        "std": std,
        "counts": {name: len(part.labels) for name, part in parts.items()},
        "class_counts": {name: count.tolist() for name, count in counts.items()},
        "duplicates": duplicates(parts),
    }


def channel_statistics(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of uint8 [n, h, w, c] images per channel, in 0 to 255, exact in 64-bit integers.

    Raises:
        DataError: a channel is constant, so that it cannot be scaled.
    """
    pixels = np.stack([np.bincount(images[..., c].ravel(), minlength=256) for c in range(images.shape[-1])])
    total, levels = pixels.sum(axis=1), np.arange(256)
    mean = pixels @ levels / total
    std = np.sqrt(np.maximum(pixels @ levels**2 / total - mean**2, 0))
    if not (np.isfinite(std).all() and (std > 0).all()):
        raise DataError(f"training part: expected every channel to vary, received deviations {std.round(3).tolist()}")
    return mean.tolist(), std.tolist()


def duplicates(parts: dict[str, Part]) -> dict[str, int]:
    """How many images of a part stand, pixel for pixel, in an earlier part too, or twice in the part itself."""
    rows = {name: {image.tobytes() for image in part.images} for name, part in parts.items()}
    names = list(parts)
    within = {name: len(parts[name].labels) - len(rows[name]) for name in names}
    across = {
        f"{first}_{second}": len(rows[first] & rows[second])
        for place, first in enumerate(names)
        for second in names[place + 1 :]
    }
    return within | across
