"""The figures of the history: a dataset's accuracies over the runs, with what changed marked below them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tasks.comparison.schema.history import Result
from tasks.report.pages.figures.looks import Legend, look, percentage
from tasks.report.pages.figures.svg import INK, MUTED, canvas, inline, style

MOST = 120  # points of a line: at the width of a figure, more would lie on one another
HEIGHT = 236  # with a row for the legend, which stands below: the newest points fill the right side
ROW = 17  # points of height of a row of marks
FEW = 30  # points that have room for a marker each


class Mark(NamedTuple):
    """Something that changed with the run at this position, from 0, of a line of runs; `kind` is a row of marks."""

    kind: str
    position: int


class Line(NamedTuple):
    """What a figure shows: runs of one profile on one dataset at one budget, the earliest first.

    Attributes:
        name: letters, digits and hyphens, which no other line has.
        results: by family, one for each run; None where it has none.
    """

    name: str
    title: str
    results: dict[str, list[Result | None]]
    marks: tuple[Mark, ...]
    runs: int


def accuracy_figure(line: Line) -> str:
    """Accuracy with its interval over the runs, a line for each family; below it a row for each kind of mark."""
    legend, kinds = Legend(list(line.results)), list(dict.fromkeys(mark.kind for mark in line.marks))
    with style():
        figure = canvas(HEIGHT + ROW * len(kinds) + legend.height, "Test accuracy by run")
        heights = [HEIGHT, *([ROW * len(kinds)] if kinds else [])]
        rows = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for number, (family, results) in enumerate(line.results.items()):
            _family(rows[0], results, number, legend[family])
        rows[0].yaxis.set_major_formatter(percentage)
        if kinds:
            _marks(rows[1], line.marks, kinds)
        rows[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        rows[-1].xaxis.set_major_formatter(lambda value, _: f"{value + 1:,.0f}")
        rows[-1].set(xlabel="run", xlim=(-0.5, line.runs - 0.5))
        legend.draw(figure, rows[0], below=True)
    return inline(figure, line.name, f"{line.title}: test accuracy of {line.runs:,} runs")


def _family(axes: Axes, results: Sequence[Result | None], number: int, label: str) -> None:
    """A run without a result is a gap in the line. A result between two gaps has a marker, as no line leads to it."""
    drawn, shown = look(number), thinned(range(len(results)))
    values = [(each.low, each.accuracy, each.high) if (each := results[index]) else (np.nan,) * 3 for index in shown]
    low, middle, high = np.array(values).T
    known = np.isfinite([np.nan, *middle, np.nan])
    if len(shown) <= FEW:
        axes.vlines(shown, low, high, color=drawn.colour, linewidth=1.4)
        marked = np.flatnonzero(known[1:-1])
    else:
        axes.fill_between(shown, low, high, color=drawn.colour, alpha=0.25, linewidth=0)
        marked = np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])
    axes.plot(
        shown, middle, linestyle=drawn.dash, marker=drawn.marker, markevery=marked.tolist(), markersize=4.5,
        color=drawn.colour, label=label, linewidth=1.4,
    )  # fmt: skip


def _marks(axes: Axes, marks: Sequence[Mark], kinds: Sequence[str]) -> None:
    """A row of short lines for each kind."""
    for row, kind in enumerate(kinds):
        positions = thinned([mark.position for mark in marks if mark.kind == kind])
        axes.vlines(positions, row - 0.32, row + 0.32, color=INK, linewidth=1.2)
    axes.set(ylim=(len(kinds) - 0.4, -0.6), yticks=range(len(kinds)), yticklabels=kinds)
    axes.grid(visible=False)
    axes.tick_params(axis="y", colors=MUTED)


def thinned(positions: Sequence[int]) -> list[int]:
    """At most MOST of rising `positions`, at equal distances, the first and the last among them."""
    if len(positions) <= MOST:
        return list(positions)
    return [positions[index] for index in np.linspace(0, len(positions) - 1, MOST).round().astype(int)]
