"""Images of a dataset as small pictures: for each class one strip of examples, and single images, as JPEG in Base64.

All strips of a dataset take at most LIMIT characters, and the single ones LIMIT_OF_SINGLE, because the report carries
them. The same images give the same bytes with the same release of Pillow.
"""

import io
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from PIL import Image

from tasks.comparison.schema.data import Picture, Strip

CLASSES, IMAGES = 12, 8  # at most, and images of each class
SIDE = 48  # pixels
LIMIT = 180_000  # characters of Base64
QUALITIES = (90, 80, 65, 50, 35, 20)  # of the JPEGs: the first that keeps the limit
LIMIT_OF_SINGLE = 300_000  # characters of Base64, as often as a page shows them
LIMIT_OF_A_REPORT = 1_200_000  # the same of all datasets
SIDES = (96, 64, 48, 24)  # pixels of a single image: the first of these too


def strips(images: np.ndarray, names: Sequence[str]) -> tuple[Strip, ...]:
    """A strip for each class of `images`, uint8 [m, h, w, c] of the classes `names` [m], in the order of the names."""
    by_class: dict[str, list[Image.Image]] = {}
    for image, name in zip(images, names, strict=True):
        if len(by_class.setdefault(name, [])) < IMAGES:
            by_class[name].append(_small(image))
    joined = {name: _joined(row) for name, row in list(by_class.items())[:CLASSES]}
    texts: dict[str, str] = {}
    for quality in QUALITIES:
        texts = {name: _jpeg(picture, quality) for name, picture in joined.items()}
        if sum(map(len, texts.values())) <= LIMIT:
            break
    return tuple(_strip(name, by_class[name], texts[name]) for name in joined)


def pictures(images: np.ndarray, indices: Sequence[int], datasets: int = 1) -> tuple[Picture, ...]:
    """Single images of `images`, uint8 [m, h, w, c], each once; `indices` has each as often as a page shows it.

    They are as large and as sharp as the limit allows in a report of so many `datasets`.
    """
    uses, limit = Counter(indices), min(LIMIT_OF_SINGLE, LIMIT_OF_A_REPORT // datasets)
    for side, quality in product(SIDES, QUALITIES):
        made = {index: _picture(index, images[index], side, quality) for index in sorted(uses)}
        if _size(made, uses) <= limit:
            break
    while _size(made, uses) > limit:  # very many images of noise: the last ones have no picture
        made.popitem()
    return tuple(made.values())


def _size(made: Mapping[int, Picture], uses: Mapping[int, int]) -> int:
    """The characters of all pictures on a page."""
    return sum(len(picture.jpeg) * uses[index] for index, picture in made.items())


def _picture(index: int, image: np.ndarray, side: int, quality: int) -> Picture:
    small = _small(image, side)
    return Picture(index=index, width=small.width, height=small.height, jpeg=_jpeg(small, quality))


def _strip(name: str, row: Sequence[Image.Image], jpeg: str) -> Strip:
    return Strip(name=name, count=len(row), width=row[0].width, height=row[0].height, jpeg=jpeg)


def _small(image: np.ndarray, side: int = SIDE) -> Image.Image:
    """An image of one, three or more channels, of which the first three are shown, scaled down to `side` at most."""
    channels = image[..., 0] if image.shape[-1] < 3 else image[..., :3]
    picture = Image.fromarray(np.ascontiguousarray(channels))
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture


def _joined(row: Sequence[Image.Image]) -> Image.Image:
    width, height = row[0].size
    whole = Image.new(row[0].mode, (width * len(row), height))
    for place, picture in enumerate(row):
        whole.paste(picture, (place * width, 0))
    return whole


def _jpeg(picture: Image.Image, quality: int) -> str:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality, subsampling=0, optimize=True)
    return b64encode(stream.getvalue()).decode()
