"""From files to arrays. Each format is one file of `tasks/data/formats/`, which the dataset names.

A format offers `read(paths, shape) -> Part`. It unpickles nothing, and checks every size before it believes it.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path

from tasks.data.part import Part, file_names
from tasks.errors import DataError
from tasks.settings.dataset import Shape

FORMATS = "tasks.data.formats"


def format_module(reader: str) -> str:
    """The module of the format `reader`."""
    return f"{FORMATS}.{reader}"


def read(reader: str, paths: Sequence[Path], shape: Shape, classes: int) -> Part:
    """The part in the files `paths`, which have the format `reader`.

    Raises:
        DataError: the bytes are not of that format, shape or number of classes.
    """
    part = importlib.import_module(format_module(reader)).read(paths, shape)
    if len(part.images) != len(part.labels) or not len(part.labels):
        raise DataError(
            f"{file_names(paths)}: expected as many labels as images, "
            f"received {len(part.labels)} for {len(part.images)}"
        )
    if part.labels.max() >= classes:
        raise DataError(f"{file_names(paths)}: expected labels 0 to {classes - 1}, received {part.labels.max()}")
    return part
