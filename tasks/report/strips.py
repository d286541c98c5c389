"""Images of a dataset as small pictures: for each class one strip of examples, and single images, as JPEG in Base64.

A report carries them, so all of a dataset together have a limit: they get smaller and less sharp until they keep it.
The same images give the same bytes with the same release of Pillow.
"""

import io
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from math import ceil
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image

from tasks.comparison.assembly import MANY
from tasks.comparison.schema.data import Picture, Strip
from tasks.comparison.schema.report import Comparison, DatasetComparison

CLASSES, IMAGES = 12, 8  # of the strips, and images of each of them, at most
SIDES = (96, 64, 48, 24)  # pixels of a single image: the first that keeps the limit
SIDES_OF_STRIPS = (48, 24)
NARROWEST = 8  # times the shorter side at most is the longer one of a picture, so that all of it can be seen
QUALITIES = (90, 80, 65, 50, 35, 20)  # of the JPEGs: the first of these too
PAGE = 2_900_000  # bytes that the page of a run may take: below 3 MB with what surrounds the pictures
# About what else a page has for each dataset at each budget, and of that for each model, class and cell of a matrix.
# The last is for all budgets of a dataset together.
OF_A_PART, OF_A_MODEL, OF_A_CLASS, OF_A_CELL, OF_A_FRONTIER = 20_000, 28_000, 200, 40, 20_000
Made = TypeVar("Made", Strip, Picture)
Draw = Callable[[int, int], dict[str, Made] | dict[int, Made]]


class Limits(NamedTuple):
    """The characters of Base64 that the pictures of one dataset may take, as often as the page shows them."""

    strips: int = 180_000
    single: int = 300_000


def limits(comparison: Comparison) -> Limits:
    """What each dataset of a report has room for: as much as ever, or less where there are many of them."""
    text = sum(map(_text, comparison.datasets)) + OF_A_FRONTIER * len(comparison.frontiers)
    room = (PAGE - text) / len(comparison.data)
    share = min(1.0, max(0.0, room / sum(Limits())))
    return Limits(*(int(share * limit) for limit in Limits()))


def _text(part: DatasetComparison) -> int:
    """About how many bytes a page has on a dataset at one budget, without pictures of the data."""
    classes = len(part.classes)
    of_a_model = OF_A_MODEL + OF_A_CLASS * classes + OF_A_CELL * min(classes, MANY) ** 2
    return OF_A_PART + len(part.models) * of_a_model


def strips(images: np.ndarray, names: Sequence[str], limit: int = Limits().strips) -> tuple[Strip, ...]:
    """A strip for each class of `images`, uint8 [m, h, w, c] of the classes `names` [m], in the order of the names."""
    by_class: dict[str, list[np.ndarray]] = {}
    for image, name in zip(images, names, strict=True):
        by_class.setdefault(name, []).append(image)
    rows = {name: row[:IMAGES] for name, row in list(by_class.items())[:CLASSES]}

    def draw(side: int, quality: int) -> dict[str, Strip]:
        return {name: _strip(name, row, side, quality) for name, row in rows.items()}

    return _fitted(draw, Counter([*rows]), limit, SIDES_OF_STRIPS)


def pictures(images: np.ndarray, indices: Sequence[int], limit: int = Limits().single) -> tuple[Picture, ...]:
    """Single images of `images`, uint8 [m, h, w, c], each once; `indices` has each as often as a page shows it."""
    uses = Counter(indices)

    def draw(side: int, quality: int) -> dict[int, Picture]:
        return {index: _picture(index, images[index], side, quality) for index in sorted(uses)}

    return _fitted(draw, uses, limit, SIDES)


def _fitted(draw: Draw, uses: Counter, limit: int, sides: Sequence[int]) -> tuple[Made, ...]:
    """What `draw` makes, as large and as sharp as the limit allows."""
    for side, quality in product(sides, QUALITIES):
        made = draw(side, quality)
        if _size(made, uses) <= limit:
            break
    while _size(made, uses) > limit:  # very many, or images of noise: the last ones have no picture
        made.popitem()
    return tuple(made.values())


def _size(made: dict, uses: Counter) -> int:
    """The characters of all pictures on a page."""
    return sum(len(each.jpeg) * uses[name] for name, each in made.items())


def _picture(index: int, image: np.ndarray, side: int, quality: int) -> Picture:
    small = _small(image, side)
    return Picture(index=index, width=small.width, height=small.height, jpeg=_jpeg(small, quality))


def _strip(name: str, row: Sequence[np.ndarray], side: int, quality: int) -> Strip:
    small = [_small(image, side) for image in row]
    width, height = small[0].size
    return Strip(name=name, count=len(row), width=width, height=height, jpeg=_jpeg(_joined(small), quality))


def _small(image: np.ndarray, side: int) -> Image.Image:
    """An image of one, three or more channels, of which the first three are shown, scaled down to `side` at most.

    One that is longer than NARROWEST times its width, or the other way round, is made as wide as that.
    """
    channels = image[..., 0] if image.shape[-1] < 3 else image[..., :3]
    picture = Image.fromarray(np.ascontiguousarray(channels))
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    least = ceil(max(picture.size) / NARROWEST)
    width, height = (max(least, length) for length in picture.size)
    return picture if (width, height) == picture.size else picture.resize((width, height))


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
