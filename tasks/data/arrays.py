"""The arrays and facts that `normalize` wrote, read for the later stages.

A part is two files of NumPy's plain format, which a reader maps into its memory: it reads from the disk what it uses.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tasks.data.part import Part

FACTS = "statistics.json"


def files(name: str) -> tuple[str, str]:
    """The files of the part `name`: images and labels."""
    return f"{name}-images.npy", f"{name}-labels.npy"


def read(folder: Path, name: str) -> Part:
    """The images and labels of one part, mapped into memory and not to be written to; nothing is unpickled."""
    return Part(*(np.load(folder / file, mmap_mode="r", allow_pickle=False) for file in files(name)))


def write(folder: Path, name: str, part: Part) -> None:
    """Keep a part."""
    images, labels = files(name)
    np.save(folder / images, part.images, allow_pickle=False)
    np.save(folder / labels, part.labels, allow_pickle=False)


def network_facts(folder: Path) -> dict[str, Any]:
    """What a network must know of its data: the shape of an image, how many classes there are, and the scaling.

    `mean` and `std` are those of the training part, per channel, in pixel values from 0 to 255.
    """
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return {name: facts[name] for name in ("shape", "mean", "std")} | {"classes": len(facts["classes"])}
