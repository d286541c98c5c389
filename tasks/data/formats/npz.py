"""The format `npz`: pixels and labels as NumPy's arrays, in .npz archives or in .npy files.

The arrays are `images` and `labels`, or have the names of Keras (`x_train`, `y_train`) or of MedMNIST (`train_images`,
`train_labels`), with any word for a part. Images are uint8 [n, h, w] or [n, h, w, c] with 1, 3 or 4 channels, labels
whole numbers or texts, [n] or [n, 1]. An archive is read image by image, and nothing is unpickled
(https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
"""

import math
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tasks.data.part import (
    CHANNELS,
    PART_WORDS,
    Given,
    PartName,
    Sample,
    label_text,
    listed,
    part_of_file,
    shown,
    tells_of_content,
)
from tasks.errors import DataError, RequestError

NAMES: dict[str, tuple[str, PartName | None]] = {  # of the labels that belong to images of a name, and their part
    "images": ("labels", None),
    **{f"x_{word}": (f"y_{word}", part) for word, part in PART_WORDS.items()},
    **{f"{word}_images": (f"{word}_labels", part) for word, part in PART_WORDS.items()},
}
VERSION = (1, 0)  # of the header; a later one can claim 2**32 bytes
LABEL_KINDS = "iubUS"  # NumPy's letters for whole numbers, truth values and texts
MAX_IMAGE, MAX_LABELS = 2**28, 2**30  # bytes
MAX_REASON = 300  # characters of a message
CORRECT = "correct the file, or name another reader"


class Stored(NamedTuple):
    """An array in a file: in an archive or not, the bytes with its header, and its part, if it is said."""

    place: str
    path: Path
    member: zipfile.ZipInfo | None
    size: int
    part: PartName | None


def samples(files: Sequence[Given], labels: str | None = None) -> Iterator[Sample]:
    """The images of all .npz and .npy files. A sample holds its pixels.

    The name of a file, or of a folder above it, may say its part.

    Raises:
        RequestError: other `labels` are asked for.
        DataError: there is no such file, or one is damaged, or its arrays are not as the format has them.
    """
    if labels:
        raise RequestError(f"labels: expected none, as the arrays of npz have names of their own, received {labels!r}")
    groups = list(_groups(files))
    found = [group for group in groups if not group.keys().isdisjoint(NAMES)]
    if not found:
        names = listed([file.name for file in files])
        raise DataError(
            f"{names}: expected .npz or .npy files with the arrays images and labels, or x_train, y_train and so on, "
            f"received {listed([name for group in groups for name in group]) or 'none'}; {CORRECT}"
        )
    for group in found:
        for name in sorted(group.keys() & NAMES):
            yield from _of_arrays(name, group)


def _groups(files: Sequence[Given]) -> Iterator[Mapping[str, Stored]]:
    """The arrays that lie together, by name: those of an archive, or the .npy files of one folder."""
    loose: dict[str, dict[str, Stored]] = {}
    for file in sorted(files):
        path, part = PurePosixPath(file.name), part_of_file(file.name)
        if path.suffix == ".npy":
            stored = Stored(shown(file.name), file.path, None, file.path.stat().st_size, part)
            loose.setdefault(str(path.parent), {})[path.stem] = stored
        elif path.suffix == ".npz":
            yield _members(file, part)
    yield from loose.values()


def _members(file: Given, part: PartName | None) -> Mapping[str, Stored]:
    try:
        with zipfile.ZipFile(file.path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
    except (zipfile.BadZipFile, ValueError, LookupError, NotImplementedError) as error:
        raise DataError(
            f"{shown(file.name)}: expected an .npz archive, received another file ({shown(str(error))}); {CORRECT}"
        ) from None
    return {
        member.filename.removesuffix(".npy"): Stored(
            f"{shown(file.name)}, {shown(member.filename)}", file.path, member, member.file_size, part
        )
        for member in members
    }


def _of_arrays(name: str, group: Mapping[str, Stored]) -> Iterator[Sample]:
    """The samples of one array of images, and of the labels that belong to it."""
    images, (labels, part) = group[name], NAMES[name]
    if labels not in group:
        received = listed(sorted(group))
        raise DataError(f"{images.place}: expected an array {labels} beside it, received {received}; {CORRECT}")
    place = group[labels].place
    try:
        numbers = _labels(group[labels])
        place = images.place
        for row, pixels in enumerate(_rows(images, len(numbers))):
            place = f"{images.place}, row {row}"
            yield Sample(place, _text(numbers[row].item()), partial(np.asarray, pixels), part or images.part)
    except MemoryError:
        raise
    except (OSError, EOFError, LookupError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        if not tells_of_content(error):
            raise
        raise DataError(f"{place}: {shown(str(error), MAX_REASON)}; {CORRECT}") from None


def _labels(stored: Stored) -> NDArray[Any]:
    """The labels, [n]: whole numbers, truth values, texts or bytes.

    Raises:
        ValueError: they have another type or more dimensions, or the file does not hold as many.
    """
    with ExitStack() as stack:
        stream, shape, kind = _opened(stored, stack)
        if kind.kind not in LABEL_KINDS:
            raise ValueError(f"expected labels that are whole numbers or texts, received {kind}")
        if len(shape) not in (1, 2) or shape[1:] not in ((), (1,)):
            raise ValueError(f"expected labels [n] or [n, 1], received {list(shape)}")
        body = _read(stream, shape, kind, MAX_LABELS)
    # NumPy would make strings of letters that do not exist, which end Python.
    if kind.kind == "U" and np.frombuffer(body, f"{kind.byteorder}u4").max() > sys.maxunicode:
        raise ValueError("expected labels that are texts, received letters that Unicode does not have")
    return np.frombuffer(body, kind)


def _rows(stored: Stored, count: int) -> Iterator[NDArray[np.uint8]]:
    """So many images one by one, uint8 [h, w] or [h, w, c].

    Raises:
        ValueError: they have another type, shape or number, or the file does not hold as many.
    """
    with ExitStack() as stack:
        stream, shape, kind = _opened(stored, stack)
        if kind != np.uint8:
            raise ValueError(f"expected images of uint8, received {kind}")
        if len(shape) not in (3, 4) or shape[3:] not in CHANNELS:
            raise ValueError(f"expected images [n, h, w] or [n, h, w, c] of 1, 3 or 4 channels, received {list(shape)}")
        if shape[0] != count:
            raise ValueError(f"expected as many images as labels, received {shape[0]:,} for {count:,}")
        for _ in range(count):
            yield np.frombuffer(_read(stream, shape[1:], kind, MAX_IMAGE), np.uint8).reshape(shape[1:])


def _opened(stored: Stored, stack: ExitStack) -> tuple[IO[bytes], tuple[int, ...], np.dtype]:
    """The file of an array after its header, and what that says: shape and type, which fit the size of the file.

    Raises:
        ValueError: there is no such header, or the size is another.
    """
    if stored.member is None:
        stream: IO[bytes] = stack.enter_context(stored.path.open("rb"))
    else:
        archive = stack.enter_context(zipfile.ZipFile(stored.path))
        stream = stack.enter_context(archive.open(stored.member))
    shape, is_fortran, kind = _header(stream)
    if kind.hasobject or min(shape, default=0) < 1 or (is_fortran and len(shape) > 1):
        order = "F" if is_fortran else "C"
        raise ValueError(
            f"expected an array of plain values in the order C, received {kind} {list(shape)} in the order {order}; "
            "save numpy.ascontiguousarray of it"
        )
    expected, received = math.prod(shape) * kind.itemsize, stored.size - stream.tell()
    if received != expected:
        raise ValueError(f"expected {expected:,} bytes for {kind} {list(shape)}, received {received:,}")
    return stream, shape, kind


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        if npy.read_magic(stream) != VERSION:
            raise ValueError("another version")
        return npy.read_array_header_1_0(stream)
    except OSError:
        raise
    except Exception as error:  # NumPy reads it as Python's literals, which fail in many ways
        raise ValueError(
            f"expected an array of NumPy's format {VERSION}, received none ({shown(str(error))})"
        ) from None


def _read(stream: IO[bytes], shape: Sequence[int], kind: np.dtype, most: int) -> bytes:
    """The bytes of an array of that shape; never more than so many."""
    expected = math.prod(shape) * kind.itemsize
    if expected > most:
        raise ValueError(f"expected at most {most:,} bytes, received {kind} {list(shape)}")
    body = stream.read(expected)
    if len(body) != expected:
        raise ValueError(f"expected {expected:,} bytes, received {len(body):,} before the end of the file")
    return body


def _text(label: object) -> str:
    return label_text(label.decode() if isinstance(label, bytes) else label)
