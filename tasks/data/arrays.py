"""The arrays and facts that `normalize` wrote, read for the later stages.

A part is two files of NumPy's plain format, which a reader maps into its memory: it reads from the disk what it uses.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.part import LABELS, Part
from tasks.data.selection import Selection

FACTS = "statistics.json"
EXAMPLES = "examples.npy"  # some training images, uint8 [m, h, w, c], for people
CENTROIDS = "centroids.npy"  # the mean training image of each class, float32 [classes, h, w, c]; NaN without images
INDEX = "images.csv"  # of single images: digest, label, part, name


def files(name: str) -> tuple[str, str]:
    """The files of the part `name`: images and labels."""
    return f"{name}-images.npy", f"{name}-labels.npy"


def read(folder: Path, name: str) -> Part:
    """The images and labels of one part, mapped into memory and not to be written to; nothing is unpickled."""
    return Part(*(np.load(folder / file, mmap_mode="r", allow_pickle=False) for file in files(name)))


def write(folder: Path, name: str, part: Selection) -> None:
    """Keep a part, piece by piece."""
    images, labels = files(name)
    write_images(folder / images, part)
    np.save(folder / labels, part.labels.astype(LABELS), allow_pickle=False)


def write_images(path: Path, part: Selection) -> None:
    """Keep the images of a part."""
    _write(path, "|u1", (len(part.rows), *part.images.shape[1:]), part.pieces())


def write_centroids(folder: Path, shape: tuple[int, ...], means: Iterable[NDArray[np.float32]]) -> None:
    """Keep the mean image of each class, [height, width, channels], of all of them together the `shape`."""
    _write(folder / CENTROIDS, "<f4", shape, means)


def _write(path: Path, kind: str, shape: tuple[int, ...], pieces: Iterable[NDArray]) -> None:
    """Keep an array, piece by piece, without a map: where the disk is full, writing to one kills the process."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
        for piece in pieces:
            file.write(piece.data)


def centroids(folder: Path) -> NDArray[np.float32]:
    """The mean training image of each class, mapped into memory."""
    return np.load(folder / CENTROIDS, mmap_mode="r", allow_pickle=False)


def facts(folder: Path) -> dict[str, Any]:
    """All that `normalize` found of the dataset in `folder`."""
    return json.loads((folder / FACTS).read_text(encoding="utf-8"))


def network_facts(folder: Path) -> dict[str, Any]:
    """What a network must know of its data: the shape of an image, how many classes there are, and the scaling.

    `mean` and `std` are those of the training part, per channel, in pixel values from 0 to 255.
    """
    found = facts(folder)
    return {name: found[name] for name in ("shape", "mean", "std")} | {"classes": len(found["classes"])}


def incomparable(before: dict[str, Any], present: dict[str, Any]) -> str | None:
    """Why a model that learned from data of the facts `before` has no answers for the `present` ones, or None."""
    if before["shape"] != present["shape"]:
        sizes = [" x ".join(map(str, facts["shape"])) for facts in (before, present)]
        return f"its images were {sizes[0]}, and are {sizes[1]} now"
    if before["classes"] != present["classes"]:
        new, gone = (len({*b["classes"]} - {*a["classes"]}) for a, b in ((before, present), (present, before)))
        return f"its classes were others ({new} new, {gone} gone)" if new or gone else "its classes had another order"
    return None
