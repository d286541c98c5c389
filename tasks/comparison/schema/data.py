"""What the report says of a dataset itself: its version, its images by class and part, and what the gate found."""

from typing import Annotated

from pydantic import Field

from tasks.comparison.schema.values import Count, Known, Number
from tasks.settings.values import Frozen

Image = Annotated[str, Field(pattern="^[A-Za-z0-9+/]+={0,2}$")]  # Base64


class ClassCount(Frozen):
    """One class and its images by part."""

    name: str
    counts: dict[str, Count]


class Finding(Frozen):
    """One thing that the gate found: `found` `of` so many are `share`; more than `limit` would have been refused.

    `files` are the first names. Of `imbalance`, `found` and `of` are images of the largest and of the smallest class,
    and `share` is the one for one of the other. Without a `limit` it is only listed.
    """

    name: str
    found: Known = None
    of: Known = None
    share: Known = None
    limit: Known = None
    files: tuple[str, ...] = ()


class Changes(Frozen):
    """What became of the images since the version `previous`.

    `shifted` is the largest change of a class's share; `files` are the first names, by what became of them.
    """

    previous: str | None
    added: Count
    removed: Count
    relabelled: Count
    shifted: Number
    files: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Strip(Frozen):
    """Examples of one class side by side in one picture: `count` images of `width` by `height` pixels.

    `jpeg` is the picture. It is smaller, and less sharp, than what a model learns from.
    """

    name: str
    count: Count
    width: Count
    height: Count
    jpeg: Image


class Picture(Frozen):
    """One image of the test part: its position there, from 0, and a picture of `width` by `height` pixels of it."""

    index: Count
    width: Count
    height: Count
    jpeg: Image


class DataSection(Frozen):
    """One dataset of the run, whatever its budgets.

    Attributes:
        version: the digest of the list of its files; null where these are pinned, and where `normalize` found nothing.
        counts: images by part; empty where `normalize` did not finish.
        classes: in the order of their labels.
        remarks: sentences on what the numbers say: balance, classes that a part lacks, where the parts come from.
        examples: of the training part.
        mistaken: the images of the galleries at all budgets, each once, by their index.
        no_room: whether there are no pictures because the disk of the report's maker had no room for the images.
    """

    name: str
    title: str
    version: str | None = None
    changes: Changes | None = None
    counts: dict[str, Count] = Field(default_factory=dict)
    classes: tuple[ClassCount, ...] = ()
    gate: tuple[Finding, ...] = ()
    remarks: tuple[str, ...] = ()
    examples: tuple[Strip, ...] = ()
    mistaken: tuple[Picture, ...] = ()
    no_room: bool = False
