"""Images that are larger than the memory, mapped from the disk: some of their rows, and pieces to read in turn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

PIECE = 2**28  # bytes of images that are in the memory at a time; what is made of them takes several times as much


class Rows:
    """Some rows of images as if they were an array, uint8 [n, h, w, c]; what is asked for is read."""

    def __init__(self, images: "Images", rows: NDArray[np.intp]):
        self._images, self._rows = images, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, places: slice | NDArray[np.intp]) -> NDArray[np.uint8]:
        return self._images[self._rows[places]]


Images = NDArray[np.uint8] | Rows


def row_bytes(images: Images) -> int:
    """How many bytes one image has."""
    return images[:1].nbytes


def taken(images: Images, rows: Any) -> NDArray[np.uint8]:
    """A copy of these `rows`, int [n], in their order; what is larger than a piece is read in the order of the disk."""
    if len(images) * row_bytes(images) <= PIECE:
        return images[rows]
    order = np.argsort(rows)
    read = images[rows[order]]
    result = np.empty_like(read)
    result[order] = read
    return result


def chosen(images: Images, rows: NDArray[np.intp]) -> Images:
    """These rows: as an array, if it fits into a piece."""
    return images[rows] if len(rows) * row_bytes(images) <= PIECE else Rows(images, rows)


def pieces(length: int, size: int, batch: int) -> list[slice]:
    """Cut `length` rows of `size` bytes each into pieces of whole batches; at most the last batch is smaller."""
    step = max(1, PIECE // (size * batch)) * batch
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]
