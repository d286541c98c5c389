"""The mistakes of one dataset at one budget: galleries of test images, each with its true class and the answers."""

from typing import Literal

from pydantic import model_validator

from tasks.comparison.schema.values import Count, Share
from tasks.settings.values import Frozen

Kind = Literal["always", "only_reference", "sure", "disagreed"]


class GivenAnswer(Frozen):
    """A class that models of `family` answered for an image: the `count` of them, and their mean confidence."""

    family: str
    predicted: str
    confidence: Share
    count: Count


class MistakenImage(Frozen):
    """An image of the test part: its position there, from 0, its true class, and what it was taken for.

    `answers` are at most two of each family, the most frequent first. Of `sure`, it is the one answer of one model.
    """

    index: Count
    true: str
    answers: tuple[GivenAnswer, ...]


class Gallery(Frozen):
    """Some of the test images that were mistaken in one way.

    Attributes:
        kind: always: every model of `families` was wrong. only_reference: every model of the family in `families` was
            wrong, every other right. sure: the most confident wrong answers of any model. disagreed: a family of
            `families` was right under some seeds and wrong under others.
        count: how many there are in all: images, and answers of `sure`.
        of: so many images or answers.
        images: the first; they are the most confident mistakes, or the most even disagreements.
    """

    kind: Kind
    families: tuple[str, ...]
    count: Count
    of: Count
    images: tuple[MistakenImage, ...]

    @model_validator(mode="after")
    def _shows_some_of_all(self):
        if not len(self.images) <= self.count <= self.of:
            raise ValueError(
                f"{self.kind}: expected some of the mistakes, received {len(self.images)} of {self.count} of {self.of}"
            )
        return self
