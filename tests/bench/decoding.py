"""How fast a folder of photographs becomes arrays: our route, gate and all, beside Pillow alone on as many threads.

Pillow reads, decodes and scales the same files with the same operations, and keeps nothing. The two take turns.
"""

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from tasks.data.collected.collection import collect
from tasks.data.images import DRAFT, SCALING
from tasks.data.part import Given
from tasks.data.readers import samples
from tasks.settings.dataset import Canvas
from tasks.storage.provenance import cores
from tests.bench.clock import timed
from tests.bench.section import Section, spread
from tests.support.photographs import photograph

SIDE = 256  # of a JPEG, in pixels
CANVAS = Canvas(64, 64, "rgb", "crop")
DIFFERENT = 500  # photographs; the other files are links to them
BATCH = 32  # images that a thread of Pillow's takes at a time


def decoding(images: int = 50_000, turns: int = 3) -> list[Section]:
    """JPEGs of 256 x 256 pixels, brought to 64 x 64."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = _files(folder / "photographs", images)
        costs = [(timed(lambda: _ours(files, folder))[1], timed(lambda: _pillow(files))[1]) for _ in range(turns)]
    row = {
        "images": images,
        "threads": cores(),
        **spread("images a second", (images / ours.seconds for ours, _ in costs)),
        **spread("by Pillow alone", (images / alone.seconds for _, alone in costs)),
        **spread("ratio", (alone.seconds / ours.seconds for ours, alone in costs)),
        **spread("images a CPU second", (images / ours.cpu_seconds for ours, _ in costs)),
        **spread("ratio of CPU seconds", (alone.cpu_seconds / ours.cpu_seconds for ours, alone in costs)),
    }
    return [Section(f"Decoding JPEGs of {SIDE} x {SIDE} pixels to {CANVAS.width} x {CANVAS.height}", [row])]


def _files(folder: Path, images: int) -> list[Given]:
    """So many JPEGs in six folders of classes."""
    paths = [folder / f"class-{number % 6}" / f"{number:06}.jpg" for number in range(images)]
    for path in paths[:6]:
        path.parent.mkdir(parents=True)
    for number, path in enumerate(paths):
        if number < DIFFERENT:
            photograph(number % 6, number).resize((SIDE, SIDE)).save(path, quality=90)
        else:
            os.link(paths[number % DIFFERENT], path)
    return [Given(path.relative_to(folder).as_posix(), path) for path in paths]


def _ours(files: Sequence[Given], folder: Path) -> None:
    """What `normalize` does until it has the pixels, digests and hashes of all images."""
    found = collect(samples("folder", files), CANVAS, folder, lambda line: None)
    assert len(found.images) == len(files)


def _pillow(files: Sequence[Given]) -> None:
    with ThreadPoolExecutor(cores()) as threads:
        pieces = [files[start : start + BATCH] for start in range(0, len(files), BATCH)]
        assert sum(threads.map(_decoded, pieces)) == len(files)


def _decoded(files: Sequence[Given]) -> int:
    size = CANVAS.width, CANVAS.height
    for file in files:
        image = Image.open(BytesIO(file.path.read_bytes()))
        image.draft(None, (DRAFT * size[0], DRAFT * size[1]))
        np.asarray(image.resize(size, SCALING))
    return len(files)
