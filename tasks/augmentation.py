"""Cheap augmentation of whole arrays: mirror images and small shifts, the same for every family.

One call augments an epoch, so that Python's cost is per epoch, not per batch.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from tasks.request import Augmentation

Images = NDArray[np.uint8]


def augment(images: Images, settings: Augmentation, generator: np.random.Generator) -> Images:
    """A new array in which every image is mirrored or not, and shifted, at random; what is shifted in is black.

    Args:
        images: uint8 [n, h, w, c]; not changed.
        settings: whether to mirror, and by how many pixels to shift at most, each way.
        generator: the source of chance; the same state gives the same images.
    """
    n = len(images)
    if settings.flip:
        images = flipped(images, generator.random(n) < 0.5)
    if settings.shift:
        reach = settings.shift
        images = shifted(images, generator.integers(-reach, reach + 1, (n, 2)))
    return images


def flipped(images: Images, chosen: NDArray[np.bool_]) -> Images:
    """`images` with those of `chosen`, bool [n], mirrored left to right."""
    mirrored = images.copy()
    mirrored[chosen] = images[chosen, :, ::-1]
    return mirrored


def shifted(images: Images, offsets: NDArray[np.integer]) -> Images:
    """`images` moved down and right by `offsets`, int [n, 2]; one copy for each of the few offsets there are."""
    _, height, width, _ = images.shape
    reach = int(np.abs(offsets).max(initial=0))
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    moved = np.empty_like(images)
    for down, right in product(range(-reach, reach + 1), repeat=2):
        rows = np.flatnonzero((offsets == (down, right)).all(axis=1))
        top, left = reach - down, reach - right
        moved[rows] = padded[rows, top : top + height, left : left + width]
    return moved
