"""What a dataset's TOML should say of images that were looked at, and the text of it, for people to read and change."""

import json
import math

import numpy as np

from tasks.data.part import listed
from tasks.local.dataset.survey import Look
from tasks.settings.dataset import Dataset
from tasks.settings.values import MAX_BUDGET

SIDES = (32, 64)  # pixels, the least and the greatest that is proposed where images differ
KEPT_SIDE = 96  # images that all have one size, of at most so many pixels a side, keep it
NAMED = 6  # classes that the text names
GRAIN = 8  # pixels: a proposed side is a multiple of it, which halves well
BUDGET = 125_000  # parameters
FOR_CLASS = 1_250  # parameters for each class, where there are many
SHIFT = 32  # pixels of the side, for each pixel by which an image may be shifted

TEXT = """\
# Written by `make dataset`; change what you like. Every key is explained in config/README.md.
# Run it alone:  make run DATASETS={name}

title = {title}
reader = {reader}
location = {location}
{labels}{image_size:<32} # height and width that every image is brought to
fit = "crop"                     # "pad" keeps all of an image, with black beside it; "stretch" changes its proportions
color = "{color}"
{budget:<32} # parameters of each model

# The classes come from the data: {classes}.
# A new one joins by itself. To fix them and their order, list them:  classes = ["...", "..."]

[parts]                          # of the images whose part is not given
validation = 0.1
test = 0.2

[augmentation]
flip = false                     # true where a mirrored image has the same class: not for text or digits
{shift:<32} # pixels, each way
"""


def proposal(name: str, location: str, look: Look, labels: str | None) -> Dataset:
    """A dataset of the images that were looked at.

    Images of one size keep it, up to 96 pixels a side. Others become squares of the median of their shorter sides, from
    32 to 64 pixels, in steps of 8. They are grey where none has a colour.
    """
    height, width = _size(look)
    return Dataset(
        name=name,
        title=name.replace("_", " ").capitalize(),
        reader=look.reader,
        location=location,
        labels=labels,
        image_size=(height, width),
        color="grey" if look.is_grey else "rgb",
        budget=min(MAX_BUDGET, max(BUDGET, FOR_CLASS * len(look.labels))),
        augmentation={"shift": min(height, width) // SHIFT},  # type: ignore[arg-type]
    )


def _size(look: Look) -> tuple[int, int]:
    """Height and width, in pixels."""
    first = look.sizes[0]
    if (look.sizes == first).all() and first.max() <= KEPT_SIDE:
        return int(first[0]), int(first[1])
    side = math.floor(float(np.median(look.sizes.min(axis=1))) / GRAIN) * GRAIN
    return (min(max(side, SIDES[0]), SIDES[1]),) * 2


def toml(dataset: Dataset, classes: tuple[str, ...]) -> str:
    """The file of a dataset of images from a location."""
    height, width, _ = dataset.image_shape
    return TEXT.format(
        name=dataset.name,
        title=_quoted(dataset.title),
        reader=_quoted(dataset.reader),
        location=_quoted(dataset.location or ""),
        labels=f"labels = {_quoted(dataset.labels)}\n" if dataset.labels else "",
        image_size=f"image_size = [{height}, {width}]",
        color=dataset.color,
        budget=f"budget = {dataset.budget:_}",
        classes=listed(classes, NAMED),
        shift=f"shift = {dataset.augmentation.shift}",
    )


def _quoted(text: str) -> str:
    """`text` as TOML writes it, which is as JSON does."""
    return json.dumps(text, ensure_ascii=False)
