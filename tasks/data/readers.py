"""Files to arrays, by the format that a dataset names: one file of `tasks/data/formats/` each, found by its name.

A format offers `read(paths, shape) -> Part`. Nothing is unpickled, and nothing is believed before its size is checked.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path

from tasks.data.part import Part, Shape, file_names
from tasks.errors import DataError

FORMATS = "tasks.data.formats"


def format_module(reader: str) -> str:
    """The module that a format's name stands for."""
    return f"{FORMATS}.{reader}"


def read(reader: str, paths: Sequence[Path], shape: Shape, classes: int) -> Part:
    """The part that `paths` hold, in the format that `reader` names.

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
