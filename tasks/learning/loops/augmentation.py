"""Cheap augmentation of arrays: mirror images, small shifts, squares of noise, mixtures. It is the same for families.

What is random is decided before, in a plan (`tasks.learning.loops.plan`). `tasks.learning.loops.device` does the same
on a device.
"""

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]


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


def erased(images: Images, corners: NDArray[np.integer], seeds: NDArray[np.uint32], side: int) -> Images:
    """A copy of `images` in which squares of `side` pixels are replaced by noise.

    Zhong et al., "Random Erasing Data Augmentation", https://arxiv.org/abs/1708.04896, with squares of one size.

    Args:
        corners: the top and left of each image's square, int [n, 2]; a negative one erases nothing.
        seeds: of the noise, uint32 [n].
    """
    _, height, width, channels = images.shape
    rows = np.flatnonzero(corners[:, 0] >= 0)
    tops, lefts = (corners[rows, axis, None, None] for axis in (0, 1))
    square = np.arange(side)
    places = rows[:, None, None], tops + square[:, None], lefts + square
    result = images.copy()
    result[places] = noise(seeds[rows, None, None, None], positions(height, width, channels)[places[1:]])
    return result


def positions(height: int, width: int, channels: int) -> NDArray[np.uint32]:
    """The number of each value of an image, uint32 [h, w, c]."""
    return np.arange(height * width * channels, dtype=np.uint32).reshape(height, width, channels)


def noise(seeds: Any, places: Any) -> Any:
    """Noise, uint8, from the `seeds` of images and `places` in them, uint32 arrays that broadcast.

    A hash, so that every loop draws the same where it needs it: Wellons, https://github.com/skeeto/hash-prospector.
    """
    mixing = seeds + places * np.uint32(0x9E3779B9)
    mixing = (mixing ^ (mixing >> 16)) * np.uint32(0x21F0AAAD)
    mixing = (mixing ^ (mixing >> 15)) * np.uint32(0xD35A2D97)
    return ((mixing ^ (mixing >> 15)) >> 24).astype(np.uint8)


def mixed(images: Any, targets: Any, share: Any) -> tuple[Any, Any]:
    """A batch mixed with itself in reverse order: `share` of each image and target, and the rest of its counterpart.

    The pixels are float32. Zhang et al., "mixup", https://arxiv.org/abs/1710.09412, with one share a batch.
    """
    pixels = images.astype(np.float32)
    return share * pixels + (1 - share) * pixels[::-1], share * targets + (1 - share) * targets[::-1]


def whole(pixels: Any) -> Any:
    """Mixed `pixels` as uint8, each rounded to the nearest: a network reads whole numbers, and would cut them off."""
    return pixels.round().astype(np.uint8)
