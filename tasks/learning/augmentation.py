"""Cheap augmentation of whole arrays: mirror images, small shifts, squares of noise. It is the same for every family.

One call augments a whole epoch, so that Python's overhead is per epoch, not per batch.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from tasks.settings.dataset import Augmentation

Images = NDArray[np.uint8]


def augment(images: Images, settings: Augmentation, mirrored: NDArray[np.bool_], rng: np.random.Generator) -> Images:
    """A new array in which images are mirrored, and shifted at random; the uncovered borders are black.

    Args:
        images: uint8 [n, h, w, c]; not changed.
        settings: whether to mirror, and by how many pixels to shift at most, each way.
        mirrored: bool [n], which images to mirror, if any may be.
        rng: the same state gives the same images.
    """
    if settings.flip:
        images = flipped(images, mirrored)
    if settings.shift:
        reach = settings.shift
        images = shifted(images, rng.integers(-reach, reach + 1, (len(images), 2)))
    return images


def mirrors(n: int, epoch: int, seed: int, alternating: bool) -> NDArray[np.bool_]:
    """Which half of `n` images an epoch shows mirrored, bool [n]. It depends on the arguments only.

    With `alternating`, an image is mirrored in every second epoch, so that two epochs show every image both ways:
    Jordan, https://arxiv.org/abs/2404.00498, section 3.6.
    """
    rng = np.random.default_rng([seed, 0 if alternating else epoch])
    return (rng.random(n) < 0.5) ^ (alternating and epoch % 2 == 1)


def flipped(images: Images, mirrored: NDArray[np.bool_]) -> Images:
    """A copy of `images` in which those of `mirrored`, bool [n], are mirrored left to right."""
    result = images.copy()
    result[mirrored] = images[mirrored, :, ::-1]
    return result


def shifted(images: Images, offsets: NDArray[np.integer]) -> Images:
    """`images` moved down and right by `offsets`, int [n, 2]. Images of one offset are moved in one copy."""
    _, height, width, _ = images.shape
    reach = int(np.abs(offsets).max(initial=0))
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    moved = np.empty_like(images)
    for down, right in product(range(-reach, reach + 1), repeat=2):
        rows = np.flatnonzero((offsets == (down, right)).all(axis=1))
        top, left = reach - down, reach - right
        moved[rows] = padded[rows, top : top + height, left : left + width]
    return moved


def erased(images: Images, side: int, rng: np.random.Generator) -> Images:
    """A copy of `images` in which a random half have a square replaced by noise; its side is at most `side` pixels.

    Zhong et al., "Random Erasing Data Augmentation", https://arxiv.org/abs/1708.04896, with squares of one size.
    """
    n, height, width, _ = images.shape
    side = min(side, height, width)
    rows = np.flatnonzero(rng.random(n) < 0.5)
    noise = rng.integers(0, 256, (len(rows), side, side, images.shape[-1]), np.uint8)
    tops, lefts = (rng.integers(0, extent - side + 1, (len(rows), 1, 1)) for extent in (height, width))
    square = np.arange(side)
    result = images.copy()
    result[rows[:, None, None], tops + square[:, None], lefts + square] = noise
    return result


def mixed(
    images: Images, targets: NDArray[np.floating], share: float
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """A batch mixed with itself in reverse order: `share` of each image and target, and the rest of its counterpart.

    Zhang et al., "mixup", https://arxiv.org/abs/1710.09412, with one share a batch.
    """
    pixels = images.astype(np.float32)
    return share * pixels + (1 - share) * pixels[::-1], share * targets + (1 - share) * targets[::-1]
