"""Photographs that a script makes: `python -m tests.support.photographs FOLDER`, in one folder for each class.

A class is a texture, whose place, angle, size and colours differ from image to image. Single pixels tell little of it,
so convolutions have the better of dense layers. The images differ in size and format, and some JPEGs lie on their side.
A seed and a number make the same image each time.
"""

import argparse
import contextlib
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image
from pyarrow import parquet

from tasks.data.images import CorruptImageError
from tasks.settings.dataset import Canvas
from tests.support.single_images import decoded

Plane = NDArray[np.float64]  # [height, width]
TEXTURES: dict[str, Callable[[Plane, Plane], Plane]] = {  # what is bright where it is positive; the period is 2 pi
    "bricks": lambda u, v: (
        np.minimum(np.abs(np.sin(v / 2)), np.abs(np.sin(u / 4 + np.pi / 2 * (np.sin(v / 2) > 0)))) - 0.2
    ),
    "checks": lambda u, v: np.sin(u / 2) * np.sin(v / 2),
    "dots": lambda u, v: np.cos(u) + np.cos(v) - 0.7,
    "rings": lambda u, v: np.sin(np.hypot(u, v)),
    "stripes": lambda u, v: np.sin(u),
    "zigzags": lambda u, v: np.sin(u + 2 * np.abs((v / np.pi) % 2 - 1) * 2),
}
SUFFIXES = (".jpg", ".png", ".webp")
SIDES = (40, 200)  # pixels
TURNED = {  # how pixels are stored that EXIF's orientation of this number sets upright
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
ORIENTATION = 0x0112  # the tag
CORRUPT = (b"\xff\xd8\xff\xe0 cut off", b"Not a photograph.\n", b"")
DUPLICATES = 5


def photograph(kind: int, number: int, seed: int = 0) -> Image.Image:
    """The image `number`, of the class `kind`; from the seventh class on, the same textures come again, finer."""
    random = np.random.default_rng([seed, kind, number])
    height, width = random.integers(*SIDES, size=2, endpoint=True)
    turn, place = divmod(kind, len(TEXTURES))
    texture = list(TEXTURES.values())[place]
    rows, columns = np.mgrid[:height, :width] / min(height, width) - random.uniform(0.2, 0.8, (2, 1, 1))
    angle, scale = random.uniform(0, 2 * np.pi), 2 * np.pi * random.uniform(3.5, 5.5) * (1 + turn / 2)
    u = scale * (np.cos(angle) * columns + np.sin(angle) * rows) + 40 * np.pi
    v = scale * (np.cos(angle) * rows - np.sin(angle) * columns) + 40 * np.pi
    if texture is TEXTURES["rings"]:
        u, v = u - 40 * np.pi, v - 40 * np.pi
    ink, paper = random.uniform(0, 255, (2, 3))
    ink = np.where(np.abs(ink - paper).max() < 90, (paper + 128) % 256, ink)
    pixels = np.where(texture(u, v)[..., None] > 0, ink, paper) + random.normal(0, 16, (height, width, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def class_names(classes: int) -> list[str]:
    """The names of so many classes: `bricks`, ..., and from the seventh on `bricks-2`, ..."""
    textures = list(TEXTURES)
    rounds = [divmod(kind, len(textures)) for kind in range(classes)]
    return [textures[place] + (f"-{turn + 1}" if turn else "") for turn, place in rounds]


def write(folder: Path, images: int = 600, classes: int = 6, seed: int = 0) -> None:
    """So many good photographs, three corrupt ones, and five that lie in a second class too."""
    more(folder, images, classes, seed)
    names = class_names(classes)
    for number, body in enumerate(CORRUPT):
        (folder / names[number % classes] / f"corrupt-{number}.jpg").write_bytes(body)
    for number in range(min(DUPLICATES, images)):
        first = next((folder / names[number % classes]).glob(f"{number:06}.*"))
        (folder / names[(number + 1) % classes] / f"duplicate-{number}{first.suffix}").write_bytes(first.read_bytes())


def more(folder: Path, images: int, classes: int = 6, seed: int = 0) -> list[Path]:
    """So many further photographs, which carry on the numbers of those that are there."""
    known = [int(path.stem) for path in folder.glob("*/*") if path.stem.isdigit()]
    start, names = max(known, default=-1) + 1, class_names(classes)
    made = []
    for number in range(start, start + images):
        turn, kind = divmod(number, classes)
        path = folder / names[kind] / f"{number:06}{SUFFIXES[turn % len(SUFFIXES)]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        _save(photograph(kind, number, seed), path, turn // len(SUFFIXES))
        made.append(path)
    return made


def _save(image: Image.Image, path: Path, turn: int) -> None:
    """Three of ten JPEGs are stored on their side, or on their head, and say so."""
    exif, orientation = Image.Exif(), turn % 10
    if path.suffix == ".jpg" and orientation in TURNED:
        exif[ORIENTATION] = orientation
        image = image.transpose(TURNED[orientation])
    image.save(path, quality=90, exif=exif)


def zipped(folder: Path, target: Path) -> Path:
    """The same files as a .zip."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in _files(folder):
            archive.write(path, path.relative_to(folder))
    return target


def tarred(folder: Path, target: Path) -> Path:
    """The same files as a .tar.gz."""
    with tarfile.open(target, "w:gz") as archive:
        for path in _files(folder):
            archive.add(path, path.relative_to(folder))
    return target


def as_parquet(folder: Path, target: Path, shards: int = 2) -> list[Path]:
    """The same files as Parquet, in the folder `target`: Hugging Face's images, and the names of the classes."""
    rows = [
        {"image": {"bytes": path.read_bytes(), "path": path.name}, "label": path.parent.name} for path in _files(folder)
    ]
    target.mkdir(parents=True, exist_ok=True)
    made = [target / f"photographs-{shard:05}-of-{shards:05}.parquet" for shard in range(shards)]
    for shard, path in enumerate(made):
        parquet.write_table(pa.Table.from_pylist(rows[shard::shards]), path, row_group_size=100)
    return made


def as_npz(folder: Path, target: Path, canvas: Canvas) -> Path:
    """The pixels of those files that are images, on that canvas, and the names of their classes."""
    images, labels = [], []
    for path in _files(folder):
        with contextlib.suppress(CorruptImageError):
            images.append(decoded(path.read_bytes(), canvas))
            labels.append(path.parent.name)
    np.savez(target, images=np.stack(images), labels=np.array(labels))
    return target


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/*") if path.is_file())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.support.photographs", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--classes", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--more", action="store_true", help="only add further images")
    options = parser.parse_args()
    (more if options.more else write)(options.folder, options.images, options.classes, options.seed)
