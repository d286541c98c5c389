"""What formats make and stages use: one part of a dataset as arrays, and one labelled image on its way there."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

PartName = Literal["train", "validation", "test"]
LABELS = np.uint16  # the type of all labels


class Part(NamedTuple):
    """Images, uint8 [n, height, width, channels], and their labels, [n]; once they are checked, these are uint16."""

    images: NDArray[np.uint8]
    labels: NDArray[np.unsignedinteger]


class Given(NamedTuple):
    """A file that was fetched: its name at the source, with folders as in `a/b.png`, and where it lies now."""

    name: str
    path: Path


class Sample(NamedTuple):
    """One labelled image, as a format found it.

    Attributes:
        name: where it comes from, for people: `roses/1.jpg`, or `train.parquet, row 17`.
        label: the name of its class, or its number as text.
        image: reads it: the bytes of an image file, or pixels, uint8 [h, w] or [h, w, c].
        part: where the source says it; None leaves it to the image's own content.
        group: what must stay in one part together, as the pictures of one patient.
    """

    name: str
    label: str
    image: Callable[[], bytes | NDArray[np.uint8]]
    part: PartName | None = None
    group: str | None = None


def file_names(paths: Sequence[Path]) -> str:
    """The names of `paths` on one line, for messages."""
    return ", ".join(path.name for path in paths)
