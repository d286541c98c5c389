"""One dataset: its files, their format, its images and classes, and what may be done to an image."""

import math
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from tasks.settings.addresses import Address
from tasks.settings.values import FILE, Budget, FileName, Frozen, Name, Sha256, Switch, Text, Whole, matching

Member = Annotated[
    str, matching(f"({FILE}/){{0,9}}{FILE}", "a path in an archive, of at most 9 folders, without .. and a first /")
]
Side = Annotated[Whole, Field(ge=1, le=1024)]
Shape = tuple[Side, Side, Side]  # height, width, channels
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


class Augmentation(Frozen):
    """Which label-preserving transforms a dataset allows; `shift` is in pixels, each way."""

    flip: Switch = False
    shift: Whole = Field(default=0, ge=0, le=MAX_SHIFT)


class Dataset(Frozen):
    """One file of `config/datasets/`; its name is the file's stem, its budget a parameter count.

    `reader` names a file of `tasks/data/formats/`.
    """

    name: Name
    title: Text
    reader: Name
    shape: Shape
    classes: tuple[Text, ...] = Field(min_length=2, max_length=256)  # labels are bytes
    budget: Budget
    mirror_folder: FileName
    splits: Splits
    augmentation: Augmentation = Augmentation()
    sources: tuple[Source, ...] = Field(min_length=1)

    @field_validator("classes")
    @classmethod
    def _tells_classes_apart(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        # "A" and "a" may be two letters, but two ways to write one name look the same.
        if twice := _repeated([unicodedata.normalize("NFKC", name).strip() for name in classes]):
            raise ValueError(f"expected different names, received {', '.join(map(repr, twice))} more than once")
        return classes

    @field_validator("shape")
    @classmethod
    def _fits_into_memory(cls, shape: Shape) -> Shape:
        if math.prod(shape) > MAX_VALUES:
            raise ValueError(f"expected at most {MAX_VALUES:,} values in an image, received {math.prod(shape):,}")
        return shape

    @model_validator(mode="after")
    def _has_every_file(self):
        known = {file for source in self.sources for file in source.digests}
        for part, files in (("train", self.splits.train), ("test", self.splits.test)):
            if missing := sorted({*files} - known):
                raise ValueError(f"splits.{part}: expected files of the sources, received {', '.join(missing)}")
        return self


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
