"""The first screen: each answer in one line, and where its intervals stand on an axis that all of them share."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator

from tasks.comparison.schema.differences import Difference
from tasks.comparison.schema.report import Comparison, DatasetComparison, Frontier
from tasks.comparison.words.opening import answer, answer_over_budgets
from tasks.comparison.words.wording import count, points

NAMES = 22  # percent of the width, where budgets stand before the intervals
EDGE = 0.06  # of the range, free at both ends


class Axis:
    """The differences of a run on one line, so that the intervals of all datasets can be compared by eye.

    Attributes:
        ticks: round numbers of percentage points within the range.
        named: whether a name stands at the left of each interval.
    """

    def __init__(self, differences: Sequence[Difference], *, named: bool) -> None:
        low = min([0.0, *(min(each.low, -each.equivalence) for each in differences)])
        high = max([0.0, *(max(each.high, each.equivalence) for each in differences)])
        edge = EDGE * ((high - low) or 1.0)
        self._low, self._high, self.named = low - edge, high + edge, named
        ticks = np.asarray(MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(100 * low, 100 * high)) / 100
        self.ticks: list[float] = ticks[(ticks >= self._low) & (ticks <= self._high)].tolist()

    def __call__(self, difference: float) -> str:
        """Where a difference stands, as a percentage of the width for CSS and SVG."""
        share = (difference - self._low) / (self._high - self._low)
        left = NAMES if self.named else 0
        return f"{left + (100 - left) * share:.2f}%"


class Mark(NamedTuple):
    """One interval: its name where several stand together, its difference, and what a screen reader says."""

    name: str
    difference: Difference
    label: str


class Line(NamedTuple):
    """The answer on one family in a line, its intervals, and the name of its colour."""

    text: str
    marks: list[Mark]


class Answer(NamedTuple):
    """What a dataset says: a line for each compared family, then the whole verdict."""

    part: DatasetComparison
    conclusion: str
    lines: list[Line]
    verdict: str


def axis(comparison: Comparison) -> Axis:
    """The axis of all differences of the run."""
    differences = [each for dataset in comparison.datasets for each in dataset.differences]
    return Axis(differences, named=bool(comparison.frontiers))


def answer_of(parts: Sequence[DatasetComparison], frontier: Frontier | None) -> Answer:
    """The answer on one dataset, from its comparison at each budget."""
    found: dict[str, list[Mark]] = {}
    for part in parts:
        for difference in part.differences:
            found.setdefault(difference.family, []).append(_mark(part, difference, named=frontier is not None))
    lines = [Line(_said(marks, len(parts), frontier), marks) for marks in found.values()]
    conclusions = {mark.difference.conclusion for line in lines for mark in line.marks}
    conclusion = conclusions.pop() if len(conclusions) == 1 else ("mixed" if conclusions else "none")
    return Answer(parts[0], conclusion.replace(" ", "-"), lines, frontier.verdict if frontier else parts[0].verdict)


def _said(marks: Sequence[Mark], budgets: int, frontier: Frontier | None) -> str:
    if frontier:
        return answer_over_budgets([mark.difference for mark in marks], budgets)
    return answer(marks[0].difference)


def _mark(part: DatasetComparison, difference: Difference, *, named: bool) -> Mark:
    name = count(part.budget) if named else ""
    low, high = points(difference.low), points(difference.high)
    label = f"{points(difference.estimate)} points, interval {low} to {high}"
    return Mark(name, difference, f"{name} parameters: {label}" if name else label)
