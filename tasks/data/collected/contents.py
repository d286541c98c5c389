"""One row for each content: what is done with images that stand twice, or nearly so.

The same content under one label is kept once. Under two labels it is left out, since nobody knows which is right.
What stands in two parts stays in the test part, or else in the validation part. So no model is tested on an image that
it has learnt from.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.collected.collection import Collection
from tasks.data.collected.likeness import distances, near
from tasks.data.collected.parts import NAMES, TEST, VALIDATION, Codes

ALIKE = 6.0  # of 255, the mean difference of two images' pixels: below it, they are one picture
Rows = NDArray[np.intp]


class Contents(NamedTuple):
    """Rows of a collection, sorted by digest.

    Attributes:
        kept: one for each content.
        repeated: left out, as the same content is kept in the same part.
        crossing: left out, as the same content is kept in a part that wins.
        alike: left out, as a near duplicate is kept in a part that wins.
        conflicting: left out, as the same content has two labels.
    """

    kept: Rows
    repeated: Rows
    crossing: Rows
    alike: Rows
    conflicting: Rows


def contents(collection: Collection, labels: NDArray[np.unsignedinteger], codes: Codes) -> Contents:
    """What of a collection is kept, by the images' classes [n] and their parts [n]."""
    order = _ordered(collection, codes)
    digests = collection.digests[order]
    starts = np.flatnonzero(np.r_[True, (digests[1:] != digests[:-1]).any(axis=1)])
    sizes = np.diff(np.r_[starts, len(order)])
    first = np.repeat(order[starts], sizes)  # of the same content, the one that would be kept
    is_clear = np.minimum.reduceat(labels[order], starts) == np.maximum.reduceat(labels[order], starts)
    clear, is_first = np.repeat(is_clear, sizes), order == first
    crosses = codes[order] != codes[first]
    kept = order[clear & is_first]
    alike = near_duplicates(collection.images, collection.hashes, codes, kept)
    return Contents(
        kept=kept[~np.isin(kept, alike)],
        repeated=order[clear & ~is_first & ~crosses],
        crossing=order[clear & crosses],
        alike=alike,
        conflicting=order[~clear],
    )


def _ordered(collection: Collection, codes: Codes) -> Rows:
    """All rows by digest; of the same content, the part that wins comes first, and then the first name."""
    words = np.ascontiguousarray(collection.digests).view(">u8").astype(np.uint64)
    names = np.argsort(np.argsort(np.array(collection.names, object), kind="stable"))
    return np.lexsort((names, -codes.astype(int), *words.T[::-1]))


def near_duplicates(images: NDArray[np.uint8], hashes: NDArray[np.uint64], codes: Codes, rows: Rows) -> Rows:
    """Those of `rows` that are nearly the same as another one, in a part that wins."""
    groups = _Groups(hashes, codes, rows)
    lost = np.zeros(len(hashes), bool)
    for winner in (TEST, VALIDATION):
        for winners, others in groups.across(winner):
            for row in winners[~lost[winners]]:
                left = others[~lost[others]]
                lost[left[distances(images, left, row) < ALIKE]] = True
    return rows[lost[rows]]


class _Groups:
    """Rows by their hash, and the pairs of hashes that are near."""

    def __init__(self, hashes: NDArray[np.uint64], codes: Codes, rows: Rows):
        values, places = np.unique(hashes[rows], return_inverse=True)
        self._codes = codes
        self._members = np.split(rows[np.argsort(places, kind="stable")], np.cumsum(np.bincount(places))[:-1])
        self._has = np.stack([np.bincount(places, codes[rows] == code, len(values)) > 0 for code in range(len(NAMES))])
        pairs = near(values)
        itself = np.repeat(np.arange(len(values))[:, None], 2, axis=1)
        self._pairs = np.concatenate([itself, pairs, pairs[:, ::-1]])

    def across(self, winner: int) -> Iterator[tuple[Rows, Rows]]:
        """The rows of one hash in the part `winner`, and those of the same or a near one in the parts below it."""
        below = np.logical_or.reduce(self._has[:winner])
        for one, other in self._pairs[self._has[winner, self._pairs[:, 0]] & below[self._pairs[:, 1]]]:
            winners, others = self._members[one], self._members[other]
            yield winners[self._codes[winners] == winner], others[self._codes[others] < winner]
