"""From files to arrays. Each format is one file of `tasks/data/formats/`, which the dataset names.

A format offers `read(paths, shape) -> Part`. It unpickles nothing, and checks every size before it believes it. It
returns the images in the dimensions that its files say. Here they are compared with what the dataset declares.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from tasks.data.part import LABELS, Part, file_names
from tasks.errors import DataError, RequestError
from tasks.settings.dataset import Shape

FORMATS = "tasks.data.formats"
CORRECT = "correct the dataset's file in config/datasets, or its data"


def format_module(reader: str) -> str:
    """The module of the format `reader`."""
    return f"{FORMATS}.{reader}"


def format_named(reader: str) -> ModuleType:
    """The format `reader`, imported.

    Raises:
        RequestError: there is none of that name where this stage runs.
    """
    module = format_module(reader)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise RequestError(f"reader: expected a file of tasks/data/formats/, received {reader!r}") from None


def read(reader: str, paths: Sequence[Path], shape: Shape, classes: int) -> Part:
    """The part in the files `paths`, which have the format `reader`.

    Raises:
        RequestError: there is no such format.
        DataError: the bytes are not of that format, of exactly that shape, or have a label of no class.
    """
    part = format_named(reader).read(paths, shape)
    where = file_names(paths)
    images, labels = (_bytes(array, what, where) for array, what in zip(part, ("images", "labels"), strict=True))
    _check_shape(images.shape[1:], shape, where)
    if labels.ndim != 1:
        raise DataError(f"{where}: expected labels in one dimension, received {labels.ndim}; {CORRECT}")
    if len(images) != len(labels) or not len(labels):
        raise DataError(
            f"{where}: expected as many labels as images, received {len(labels)} for {len(images)}; {CORRECT}"
        )
    if labels.max() >= classes:
        raise DataError(f"{where}: expected labels 0 to {classes - 1}, received {labels.max()}; {CORRECT}")
    return Part(images, labels.astype(LABELS))


def _bytes(array: object, what: str, where: str) -> np.ndarray:
    """`array`, which must be one of bytes with at least one dimension."""
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or not array.ndim:
        kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise DataError(f"{where}: expected {what} of uint8, received {kind}; correct the format, or name another")
    return array


def _check_shape(received: tuple[int, ...], shape: Shape, where: str) -> None:
    """Compare each dimension: as many pixels in another order would be other images."""
    height, width, channels = shape
    if received == shape:
        return
    if received == (channels, height, width):
        reason = "the channels come first, and they must come last"
    elif received == (width, height, channels):
        reason = "height and width are exchanged"
    else:
        reason = "these are height, width and channels"
    raise DataError(f"{where}: expected images of {shape}, received {received}; {reason}; {CORRECT}")
