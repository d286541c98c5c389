"""What formats make and stages use: one part of a dataset as arrays, and one labelled image on its way there."""

import errno
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

PartName = Literal["train", "validation", "test"]
LABELS = np.uint16  # the type of all labels
CHANNELS = ((), (1,), (3,), (4,))  # what may follow height and width in the shape of one image
MAX_SHOWN = 100  # characters of a name in a message
LITTER = {"__MACOSX", "Thumbs.db", "ehthumbs.db", "desktop.ini"}  # what desktops leave in folders
# What folders and files are called that hold one part, as Hugging Face's `datasets` takes them.
PART_WORDS: dict[str, PartName] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}


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


def is_hidden(name: str) -> bool:
    """Whether a file is a hidden one, or in a hidden folder, or litter of a desktop."""
    return any(word.startswith(".") or word in LITTER for word in name.split("/"))


def part_in(words: Sequence[str]) -> PartName | None:
    """The part that the last fitting one of `words` names, or None."""
    return next((PART_WORDS[word.lower()] for word in reversed(words) if word.lower() in PART_WORDS), None)


def part_of_file(name: str) -> PartName | None:
    """The part that a word in the name of a file says, as in `test-00000-of-00002.parquet`, or a folder above it."""
    path = PurePosixPath(name)
    return part_in([*path.parts[:-1], *re.split("[^A-Za-z]+", path.stem)])


def label_text(value: object) -> str:
    """A label as a file has it, a text or a whole number from 0, as text.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) or (isinstance(value, int) and value >= 0):
        return str(value)
    raise ValueError(f"expected a text or a whole number from 0, received {str(value)[:MAX_SHOWN]!r}")


def shown(text: str, most: int = MAX_SHOWN) -> str:
    """The start of `text` for a message: on one line, without characters that nobody sees."""
    return (text if text.isprintable() else ascii(text)[1:-1])[:most]


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first of `names` on one line, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(shown(name) for name in names[:most]) + more


def tells_of_content(error: Exception) -> bool:
    """Whether an error of a library tells of what a file says. Some are OSError, like those of the disk."""
    return not isinstance(error, OSError) or error.errno in (None, errno.EINVAL)  # a file's own offset was no place
