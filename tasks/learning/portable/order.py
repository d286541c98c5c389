"""What to export: a trained network, and the images on which its files are checked."""

from pathlib import Path
from typing import NamedTuple

KERAS_FILE, ONNX_FILE = "model.keras", "model.onnx"


class Order(NamedTuple):
    """What to export.

    Attributes:
        model: a folder with the trained network, as `network.save` wrote it.
        images: a file of NumPy's plain format with images to check on, uint8 [n, h, w, c].
        output: the folder of the files to be made.
        temperature: by which the logits are divided.
        facts: texts by name, the metadata of the ONNX file.
    """

    model: Path
    images: Path
    output: Path
    temperature: float
    facts: dict[str, str]
