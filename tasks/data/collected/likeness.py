"""How alike images are: a perceptual hash, and near duplicates across parts.

The hash is the difference hash: an image in grey is scaled to 9 x 8 pixels, and each bit says whether one of them is
brighter than its right neighbour. Krawetz, "Kind of Like That", 2013,
https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 8  # pixels; 64 bits in all
NEAR = 2  # bits in which the hashes of near duplicates may differ
BANDS = 4  # of 16 bits: two hashes that differ in `NEAR` bits agree in two of them
PIECE = 256  # images that are compared in one go


def difference_hash(picture: Image.Image) -> int:
    """The 64 bits of a picture."""
    grey = np.asarray(picture.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX))
    return int.from_bytes(np.packbits(grey[:, :-1] > grey[:, 1:]).tobytes())


def near(hashes: NDArray[np.uint64]) -> NDArray[np.intp]:
    """The pairs [p, 2] of different `hashes`, each of which is there once, that differ in at most NEAR bits."""
    found = [pairs for bands in combinations(range(BANDS), BANDS - NEAR) for pairs in _agreeing(hashes, bands)]
    return np.unique(np.concatenate([np.empty((0, 2), np.intp), *found]), axis=0)


def _agreeing(hashes: NDArray[np.uint64], bands: tuple[int, ...]) -> Iterator[NDArray[np.intp]]:
    """The near pairs among the hashes that are equal in these bands: those that lie together when sorted by them."""
    width = 64 // BANDS
    mask = np.uint64(sum((2**width - 1) << (width * band) for band in bands))
    order = np.argsort(hashes & mask, kind="stable")
    keys = (hashes & mask)[order]
    for distance in range(1, len(order)):
        first = np.flatnonzero(keys[:-distance] == keys[distance:])
        if not len(first):
            return
        pairs = np.stack([order[first], order[first + distance]], axis=1)
        yield np.sort(pairs[np.bitwise_count(hashes[pairs[:, 0]] ^ hashes[pairs[:, 1]]) <= NEAR], axis=1)


def distances(images: NDArray[np.uint8], rows: NDArray[np.intp], row: int) -> NDArray[np.floating]:
    """The mean absolute difference, in 0 to 255, of the pixels of each of `rows` [n] from those of `row`."""
    one, axes = images[row].astype(np.int16), tuple(range(1, images.ndim))
    pieces = (images[rows[start : start + PIECE]] for start in range(0, len(rows), PIECE))
    return np.concatenate([np.empty(0), *(np.abs(piece - one).mean(axis=axes) for piece in pieces)])
