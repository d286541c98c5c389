"""The arrays and statistics that `normalize` wrote, read for the later stages."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tasks.data.part import Part


def read(path: Path) -> Part:
    """The images and labels of one part; nothing is unpickled."""
    with np.load(path, allow_pickle=False) as stored:
        return Part(stored["images"], stored["labels"])


def scaling(folder: Path) -> dict[str, Any]:
    """Mean and standard deviation per channel of the training part, in pixel values from 0 to 255."""
    statistics = json.loads((folder / "statistics.json").read_text(encoding="utf-8"))
    return {"mean": statistics["mean"], "std": statistics["std"]}
