"""One dataset: its files, their format, its images and classes, and what may be done to an image."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from tasks.settings.addresses import Address
from tasks.settings.values import FILE, Budget, FileName, Frozen, Name, Sha256

Member = Annotated[str, StringConstraints(pattern=f"^({FILE}/){{0,9}}{FILE}$")]
Text = Annotated[str, StringConstraints(pattern=r"^[^\p{Cc}]{1,200}$")]  # for people: no control characters
Side = Annotated[int, Field(ge=1, le=1024)]
Shape = tuple[Side, Side, Side]  # height, width, channels
MAX_SHIFT = 16  # pixels


class Source(Frozen):
    """One upstream file: its addresses in order, and the SHA-256 of the file or of each archive member read from it."""

    name: FileName
    urls: tuple[Address, ...] = Field(min_length=1)
    sha256: Sha256 | None = None
    members: dict[Member, Sha256] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_digest(self):
        if (self.sha256 is None) == (not self.members):
            raise ValueError(f"{self.name}: expected either sha256 (a plain file) or members (an archive)")
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


class Augmentation(Frozen):
    """Which label-preserving transforms a dataset allows; `shift` is in pixels, each way."""

    flip: bool = False
    shift: int = Field(default=0, ge=0, le=MAX_SHIFT)


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

    @model_validator(mode="after")
    def _has_every_file(self):
        known = {file for source in self.sources for file in source.digests}
        missing = sorted({*self.splits.train, *self.splits.test} - known)
        if missing:
            raise ValueError(f"splits: expected files of the sources, received {', '.join(missing)}")
        return self
