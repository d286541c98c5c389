"""Examples of a dataset as small pictures: for each class one strip of images, as a JPEG in Base64.

All strips of a dataset take at most LIMIT characters, because the report carries them. The same images give the same
bytes with the same release of Pillow.
"""

import io
from base64 import b64encode
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tasks.comparison.schema.data import Strip

CLASSES, IMAGES = 12, 8  # at most, and images of each class
SIDE = 48  # pixels
LIMIT = 180_000  # characters of Base64
QUALITIES = (90, 80, 65, 50, 35, 20)  # of the JPEGs: the first that keeps the limit


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


def _strip(name: str, row: Sequence[Image.Image], jpeg: str) -> Strip:
    return Strip(name=name, count=len(row), width=row[0].width, height=row[0].height, jpeg=jpeg)


def _small(image: np.ndarray) -> Image.Image:
    """An image of one, three or more channels, of which the first three are shown, scaled down to SIDE at most."""
    channels = image[..., 0] if image.shape[-1] < 3 else image[..., :3]
    picture = Image.fromarray(np.ascontiguousarray(channels))
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
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
