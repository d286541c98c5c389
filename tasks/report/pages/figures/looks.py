"""What the figures share: how a family is drawn, its key and its legend, and which models there are to draw."""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tasks.comparison.schema.models import Model
from tasks.comparison.schema.report import DatasetComparison
from tasks.comparison.words.wording import family_title
from tasks.report.pages.figures.svg import DASHES, FAMILIES, MARKERS, WIDTH, icon, identifier
from tasks.report.pages.labels import labels

INSIDE = 3  # families that have room for their legend beside the lines


class Look(NamedTuple):
    """How a family is drawn in every figure. Marker and dash tell families apart without colour."""

    colour: str
    marker: str
    dash: str | tuple


def look(number: int) -> Look:
    """The look of the family with this position among the run's families; no two of the first 440 look alike."""
    return Look(FAMILIES[number % len(FAMILIES)], MARKERS[number % len(MARKERS)], DASHES[number % len(DASHES)])


def key(number: int) -> Markup:
    """The colour and the marker of a family, to stand before its name."""
    return Markup(icon(look(number).marker, number))  # noqa: S704


class Legend:
    """The names of a figure's families: inside the axes where they are few, else below them, in rows of its own."""

    def __init__(self, families: Sequence[str]):
        self._labels = dict(zip(families, labels([family_title(family) for family in families]), strict=True))
        width = 42 + 6 * max(map(len, self._labels.values()), default=0)
        self._columns = max(1, min(len(families), WIDTH // width))
        self.height = 16 * ceil(len(families) / self._columns) if len(families) > INSIDE else 0

    def __getitem__(self, family: str) -> str:
        return self._labels[family]

    def draw(self, figure: Figure, axes: Axes, *, below: bool = False) -> None:
        """Draw it from what the `axes` of `figure` show; `below` for a figure without free room inside."""
        if below or self.height:
            handles, names = axes.get_legend_handles_labels()
            figure.legend(handles, names, loc="outside lower center", ncols=self._columns)
        else:
            axes.legend(loc="best")


def percentage(share: float, _: float) -> str:
    """A tick of an axis of shares, with the digits that it needs: "60 %", "62.5 %"."""
    return f"{round(100 * share, 6):g} %"


def done(dataset: DatasetComparison) -> list[tuple[int, Model]]:
    """The models with a result, each with its position among the run's families."""
    return [(number, model) for number, model in enumerate(dataset.models) if model.status == "done"]


def or_nan(number: float | None) -> float:
    """The number, or NaN, which Matplotlib draws as a gap, in place of None."""
    return np.nan if number is None else number


def named(dataset: DatasetComparison, *parts: str) -> str:
    """The name of a figure of a dataset at one budget."""
    return identifier(dataset.name, dataset.budget, *parts)
