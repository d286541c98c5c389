"""One dataset: its files, their format, its images and classes, and what may be done to an image."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, cast

from pydantic import Field, field_validator, model_validator

from tasks.settings.addresses import Address
from tasks.settings.values import (
    FILE,
    Budget,
    FileName,
    Frozen,
    Name,
    Number,
    Sha256,
    Switch,
    Text,
    Whole,
    appearance,
    matching,
)

Member = Annotated[
    str, matching(f"({FILE}/){{0,9}}{FILE}", "a path in an archive, of at most 9 folders, without .. and a first /")
]
Side = Annotated[Whole, Field(ge=1, le=1024)]
Shape = tuple[Side, Side, Side]  # height, width, channels
Color = Literal["rgb", "grey"]
Fit = Literal["crop", "pad", "stretch"]
Share = Annotated[Number, Field(gt=0, lt=1)]
Limit = Annotated[Number, Field(ge=0, le=1)]
License = Annotated[
    str,
    matching(
        "[a-z0-9][a-z0-9.+-]{0,49}", "a licence as Hugging Face names it, such as mit, cc-by-4.0, unknown or other"
    ),
]
WebAddress = Annotated[Address, matching("https?://.+", "an address that begins with https://")]
# What Hugging Face calls one that its list does not have, and one that nobody states.
OTHER_LICENSE, UNKNOWN_LICENSE = "other", "unknown"
CHANNELS = {"rgb": 3, "grey": 1}
MAX_CLASSES = 10_000
MOST_HELD_BACK = 0.9  # of the images, by validation and test together
MAX_SHIFT = 16  # pixels
MAX_VALUES = 2**24  # of one image


class Source(Frozen):
    """One upstream file: its addresses in order, and the SHA-256 of the file or of each archive member read from it."""

    name: FileName
    urls: tuple[Address, ...] = Field(min_length=1)
    sha256: Sha256 | None = None
    members: dict[Member, Sha256] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_digest(self):
        if (self.sha256 is None) == (not self.members):
            both = "both" if self.members else "neither"
            raise ValueError(
                f"{self.name}: expected either sha256 (a plain file) or members (an archive), received {both}"
            )
        if self.members and len(self.digests) < len(self.members):
            raise ValueError(f"{self.name}: expected members of different base names, received two of one")
        return self

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 by the name of the file that `fetch` keeps: the file itself, or each member's base name."""
        return {self.name: self.sha256} if self.sha256 else {PurePosixPath(m).name: d for m, d in self.members.items()}


class Splits(Frozen):
    """The files that make the official training part and the official test part, in reading order."""

    train: tuple[FileName, ...] = Field(min_length=1)
    test: tuple[FileName, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _keeps_the_test_apart(self):
        if shared := sorted({*self.train} & {*self.test}):
            raise ValueError(f"test: expected no file of splits.train, received {', '.join(shared)}")
        for part, files in (("train", self.train), ("test", self.test)):
            if twice := _repeated(files):
                raise ValueError(f"{part}: expected each file once, received {', '.join(twice)} more than once")
        return self


class Canvas(NamedTuple):
    """What every image of a dataset is brought to: its size in pixels, its colours, and how it is made to fit.

    `fit`: "crop" scales it to cover the canvas and cuts off what is too much, "pad" scales it to lie within and fills
    up with black, "stretch" scales each side by itself.
    """

    height: int
    width: int
    color: Color
    fit: Fit

    @property
    def shape(self) -> Shape:
        """Height, width, channels."""
        return self.height, self.width, CHANNELS[self.color]


class Parts(Frozen):
    """The shares of the images whose part is not given, which their own content puts into a part."""

    validation: Share = 0.1
    test: Share = 0.2

    @model_validator(mode="after")
    def _leaves_some_to_train(self):
        if self.validation + self.test > MOST_HELD_BACK:
            raise ValueError(
                f"expected shares of validation and test of at most {MOST_HELD_BACK} together, "
                f"received {self.validation + self.test:g}"
            )
        return self


class Gate(Frozen):
    """What data may be like. Beyond a threshold they are refused; below it, what was found is listed.

    All but `imbalance` are shares. `conflicting`: images that stand under two labels. `crossing`: images that stand in
    two parts that were given. `imbalance`: the images of the largest class for one of the smallest. The others compare
    with the version before: images `added`, `removed`, under another label, and the largest change of a class's share.
    """

    corrupt: Limit = 0.05
    conflicting: Limit = 0.05
    crossing: Limit = 0.05
    imbalance: Annotated[Number, Field(ge=1)] = 1000.0
    added: Annotated[Number, Field(ge=0)] = 10.0
    removed: Limit = 0.2
    relabelled: Limit = 0.1
    shifted: Limit = 0.2


class Augmentation(Frozen):
    """Which label-preserving transforms a dataset allows; `shift` is in pixels, each way."""

    flip: Switch = False
    shift: Whole = Field(default=0, ge=0, le=MAX_SHIFT)


class Dataset(Frozen):
    """One file of `config/datasets/`; its name is the file's stem, its budget a parameter count.

    Attributes:
        reader: a file of `tasks/data/formats/`.
        shape: of arrays, whose official parts are the files of `splits`; each dimension is what the files say.
        image_size: height and width to which single images are brought, as `fit` and `color` say; a dataset has either
            this or `shape`.
        classes: their names in the order of their labels; none where the data tell them.
        labels: which of several labels counts: a column of a table, or the `fine` or `coarse` ones of CIFAR-100.
        sources: pinned files, each with its digest; a dataset has either these or `location`.
        location: a living source, which may change: a folder, a file, an archive, or an s3:// prefix.
        mirror_folder: where a mirror keeps the sources; the dataset's name where it is not said.
        license, license_name, license_link: of the data, for a model card. "other" has a name, and may have a link.
    """

    name: Name
    title: Text
    reader: Name
    shape: Shape | None = None
    image_size: tuple[Side, Side] | None = None
    fit: Fit = "crop"
    color: Color = "rgb"
    classes: tuple[Text, ...] = Field(default=(), max_length=MAX_CLASSES)
    labels: Text | None = None
    budget: Budget
    mirror_folder: FileName | None = None
    splits: Splits | None = None
    parts: Parts = Parts()
    gate: Gate = Gate()
    augmentation: Augmentation = Augmentation()
    sources: tuple[Source, ...] = ()
    location: Address | None = None
    license: License | None = None
    license_name: License | None = None
    license_link: WebAddress | None = None

    @field_validator("classes")
    @classmethod
    def _tells_classes_apart(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if len(classes) == 1:
            raise ValueError("expected at least two classes, or none where the data tell them")
        if twice := _repeated([appearance(name) for name in classes]):
            raise ValueError(f"expected different names, received {', '.join(map(repr, twice))} more than once")
        return classes

    @field_validator("shape")
    @classmethod
    def _fits_into_memory(cls, shape: Shape | None) -> Shape | None:
        if shape and math.prod(shape) > MAX_VALUES:
            raise ValueError(f"expected at most {MAX_VALUES:,} values in an image, received {math.prod(shape):,}")
        return shape

    @model_validator(mode="after")
    def _is_of_arrays_or_of_images(self):
        if (self.shape is None) == (self.image_size is None):
            received = "neither" if self.shape is None else "both"
            raise ValueError(f"expected either shape (arrays) or image_size (single images), received {received}")
        if (self.shape is None) != (self.splits is None):
            raise ValueError("expected splits beside shape, and none beside image_size")
        if self.shape and not self.classes:
            raise ValueError("classes: expected the names of the classes beside shape")
        return self

    @model_validator(mode="after")
    def _names_its_own_license(self):
        if (self.license == OTHER_LICENSE) != (self.license_name is not None):
            raise ValueError(f"expected license_name beside license = {OTHER_LICENSE!r}, and beside no other")
        if self.license_link and not self.license_name:
            raise ValueError("expected license_link beside license_name alone: a common licence needs none")
        return self

    @model_validator(mode="after")
    def _comes_from_somewhere(self):
        if (not self.sources) == (self.location is None):
            received = "both" if self.sources else "neither"
            raise ValueError(
                f"expected either sources (pinned files) or a location that may change, received {received}"
            )
        return self

    @model_validator(mode="after")
    def _has_every_file(self):
        if not (self.splits and self.sources):
            return self
        known = {file for source in self.sources for file in source.digests}
        for part, files in (("train", self.splits.train), ("test", self.splits.test)):
            if missing := sorted({*files} - known):
                raise ValueError(f"splits.{part}: expected files of the sources, received {', '.join(missing)}")
        return self

    def substance(self) -> dict[str, Any]:
        """What results depend on: of the `files` their digests, and neither a title nor where anything lies.

        Not in it is what lies at a `location`: its version tells that.
        """
        origin = ("image_size", "fit", "color", "parts", "gate") if self.image_size else ("shape", "splits")
        fields = ("reader", "classes", "labels", "budget", "augmentation", *origin)
        files = tuple(digest for source in self.sources for digest in source.digests.values())
        return {name: getattr(self, name) for name in fields} | {"files": files}

    @property
    def canvas(self) -> Canvas | None:
        """What single images are brought to; None for a dataset of arrays."""
        return Canvas(*self.image_size, self.color, self.fit) if self.image_size else None

    @property
    def image_shape(self) -> Shape:
        """Height, width and channels of every image that a model gets."""
        return self.canvas.shape if self.canvas else cast(Shape, self.shape)


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted(name for name, number in Counter(names).items() if number > 1)
