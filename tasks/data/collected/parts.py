"""Which part an image belongs to: the one that is given, or the one that its own content says.

A part that nobody gives hangs on the group of an image, or on its perceptual hash, and on nothing else. So no image
changes its part when data grow, and images that look the same stay together.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.data.part import PartName
from tasks.settings.dataset import Parts

NAMES: tuple[PartName, ...] = ("train", "validation", "test")  # a later one wins what stands in two
TRAIN, VALIDATION, TEST = range(len(NAMES))
Codes = NDArray[np.uint8]  # places in NAMES


def parts_of(
    given: Sequence[PartName | None],
    groups: Sequence[str | None],
    hashes: NDArray[np.uint64],
    shares: Parts,
    salt: str,
) -> Codes:
    """The part of each image, [n].

    A given part stays. An image of a given training part may still go into a part that no image is given for.
    """
    absent = {name for name in NAMES if name not in given}
    places: dict[str, float] = {}
    codes = np.empty(len(given), np.uint8)
    for row, (part, group, hash_) in enumerate(zip(given, groups, hashes.tolist(), strict=True)):
        if part in ("validation", "test"):
            codes[row] = NAMES.index(part)
            continue
        key = f"group {group}" if group else f"hash {hash_:016x}"
        if key not in places:
            places[key] = fraction(salt, key)
        codes[row] = _code(places[key], shares, open_={*NAMES} if part is None else absent)
    return codes


def fraction(salt: str, key: str) -> float:
    """A number in [0, 1) that `salt` and `key` alone decide."""
    return int.from_bytes(hashlib.sha256(f"{salt}\n{key}".encode()).digest()[:6]) / 2**48


def _code(place: float, shares: Parts, open_: set[PartName]) -> int:
    """The part at `place`: first the test part's share, then the validation part's, as far as they are open."""
    if place < shares.test:
        return TEST if "test" in open_ else TRAIN
    if place < shares.test + shares.validation:
        return VALIDATION if "validation" in open_ else TRAIN
    return TRAIN
