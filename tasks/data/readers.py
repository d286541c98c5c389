"""From files to images and labels. Each format is one file of `tasks/data/formats/`, which the dataset names.

A format of arrays offers `read(paths, shape, labels) -> Part`. It returns the images in the dimensions that its files
say, and here they are compared with what the dataset declares. A format of single images offers
`samples(files, labels) -> Iterator[Sample]`. Here the names of the classes are checked. A format unpickles nothing, and
checks every size before it believes it.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tasks.data.part import LABELS, Given, Part, Sample, file_names, listed, shown
from tasks.errors import DataError, RequestError
from tasks.settings.dataset import MAX_CLASSES, Shape
from tasks.settings.values import appearance, visible

FORMATS = "tasks.data.formats"
OFFERS = {"read": "arrays, beside shape and splits", "samples": "single images, beside image_size"}
MAX_DIGITS = 10  # of a label that is a number
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


def offered(reader: str, entry: str) -> Callable[..., Any]:
    """What the format `reader` offers under that name, which is one of `OFFERS`.

    Raises:
        RequestError: there is no such format, or it offers the other one.
    """
    try:
        return getattr(format_named(reader), entry)
    except AttributeError:
        raise RequestError(
            f"reader: expected a format of {OFFERS[entry]}, received {reader!r}; name another, or write its file so"
        ) from None


def read(reader: str, paths: Sequence[Path], shape: Shape, classes: int, labels: str | None = None) -> Part:
    """The part in the files `paths`, which have the format `reader`; `labels` says which of several labels counts.

    Raises:
        RequestError: there is no such format of arrays, or it has no such labels.
        DataError: the bytes are not of that format, of exactly that shape, or have a label of no class.
    """
    part = offered(reader, "read")(paths, shape, labels)
    where = file_names(paths)
    images, numbers = (_bytes(array, what, where) for array, what in zip(part, ("images", "labels"), strict=True))
    _check_shape(images.shape[1:], shape, where)
    if numbers.ndim != 1:
        raise DataError(f"{where}: expected labels in one dimension, received {numbers.ndim}; {CORRECT}")
    if len(images) != len(numbers) or not len(numbers):
        raise DataError(
            f"{where}: expected as many labels as images, received {len(numbers)} for {len(images)}; {CORRECT}"
        )
    if numbers.max() >= classes:
        raise DataError(f"{where}: expected labels 0 to {classes - 1}, received {numbers.max()}; {CORRECT}")
    return Part(images, numbers.astype(LABELS))


def samples(reader: str, files: Sequence[Given], labels: str | None = None) -> Iterator[Sample]:
    """The labelled images in `files`, which have the format `reader`; `labels` says which of several labels counts.

    An image is read when its sample is asked for it, which may happen in another thread.

    Raises:
        RequestError: there is no such format of single images.
        DataError: the files are not what the format expects, or the name of a class or group cannot be shown.
    """
    seen: dict[str, str] = {}
    for sample in offered(reader, "samples")(files, labels):
        _check_class(sample, seen)
        if sample.group is not None:
            _visible(sample.group, f"{shown(sample.name)}: its group")
        yield sample if sample.name.isprintable() else sample._replace(name=shown(sample.name))
    if not seen:
        raise DataError(f"{listed([file.name for file in files])}: expected images, received none; {CORRECT}")


def classes_of(labels: Set[str], declared: Sequence[str] = ()) -> tuple[dict[str, int], tuple[str, ...]]:
    """The number of the class that each label stands for, and the names of all classes in this order.

    A label of `declared` classes is one of their names, or a whole number. Numbers count from 0, or from 1 where there
    is no 0 and the largest is the number of classes. Without declared classes every label is a class: numbers come
    first, by their value, then names in the order of their letters.

    Raises:
        DataError: a label stands for none of the declared classes.
    """
    if not declared:
        names = tuple(sorted(labels, key=lambda label: (_number(label) is None, _number(label) or 0, label)))
        return {name: number for number, name in enumerate(names)}, names
    numbers = {label: number for label in labels - {*declared} if (number := _number(label)) is not None}
    first = 1 if numbers and min(numbers.values()) > 0 and max(numbers.values()) == len(declared) else 0
    found = {name: number for number, name in enumerate(declared) if name in labels}
    found |= {label: number - first for label, number in numbers.items() if 0 <= number - first < len(declared)}
    if unknown := sorted(labels - {*found}):
        raise DataError(
            f"classes: expected labels among {listed(declared)}, or numbers from {first} to "
            f"{len(declared) - 1 + first}, received {listed(unknown)}; {CORRECT}"
        )
    return found, tuple(declared)


def _number(label: str) -> int | None:
    """The whole number that a label is, or None."""
    return int(label) if label.isascii() and label.isdecimal() and len(label) < MAX_DIGITS else None


def _check_class(sample: Sample, seen: dict[str, str]) -> None:
    """The label can be shown to people, who can tell it from those `seen`, by appearance; it joins them."""
    known = seen.get(appearance(sample.label))
    if known is None:
        known = _visible(sample.label, f"{shown(sample.name)}: the name of its class")
        seen[appearance(known)] = known
    if known != sample.label:
        raise DataError(
            f"{shown(sample.name)}: expected names of classes that look different, received {known!r} and "
            f"{sample.label!r}; give one of them another name"
        )
    if len(seen) > MAX_CLASSES:
        raise DataError(f"expected at most {MAX_CLASSES:,} classes, received more; {CORRECT}")


def _visible(text: str, what: str) -> str:
    try:
        return visible(text)
    except ValueError as error:
        raise DataError(f"{what}: {error}; rename it") from None


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
