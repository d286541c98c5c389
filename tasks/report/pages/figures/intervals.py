"""The figures of what every family reached, and of how far apart they are, with intervals."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tasks.comparison.schema.differences import Difference
from tasks.comparison.schema.models import Model
from tasks.comparison.schema.report import DatasetComparison
from tasks.comparison.words.wording import family_title, points
from tasks.report.pages.figures.looks import done, look, named, or_nan
from tasks.report.pages.figures.svg import GRID, INK, MUTED, PAPER, canvas, inline, style
from tasks.report.pages.labels import labels


class Span(NamedTuple):
    """An interval around its middle, with what each seed reached; all in percent or percentage points."""

    name: str
    low: float
    middle: float
    high: float
    seeds: list[float]
    colour: str = INK
    marker: str = "D"


def interval_figures(dataset: DatasetComparison) -> list[str]:
    """The test accuracy of every family and every difference, each with its interval and with single seeds."""
    figures = []
    if accuracies := [_accuracy_span(number, model) for number, model in done(dataset)]:
        figures.append(_spans(accuracies, "Test accuracy", "%", named(dataset, "accuracy"), dataset.title))
    if differences := [_difference_span(difference) for difference in dataset.differences]:
        margin = 100 * max(difference.equivalence for difference in dataset.differences)
        name = named(dataset, "difference")
        figures.append(_spans(differences, "Difference in accuracy", "points", name, dataset.title, margin=margin))
    return figures


def _accuracy_span(number: int, model: Model) -> Span:
    drawn, interval = look(number), model.accuracy_interval
    middle = or_nan(model.accuracy)
    low, high = (interval.low, interval.high) if interval else (middle, middle)
    seeds = [100 * replicate.accuracy for replicate in model.replicates]
    values = (100 * low, 100 * middle, 100 * high)
    return Span(family_title(model.family), *values, seeds, drawn.colour, drawn.marker)


def _difference_span(difference: Difference) -> Span:
    name = f"{family_title(difference.family)} − {family_title(difference.reference)}"  # noqa: RUF001
    low, middle, high = (100 * value for value in (difference.low, difference.estimate, difference.high))
    return Span(name, low, middle, high, [100 * test.estimate for test in difference.seeds])


def _spans(rows: Sequence[Span], title: str, unit: str, name: str, where: str, *, margin: float | None = None) -> str:
    """The rows below each other; with a `margin`, the band of practical equality around a line at 0."""
    said = [f"{_short(row.middle)} ({_short(row.low)} to {_short(row.high)})" for row in rows]
    with style():
        figure = canvas(58 + 40 * len(rows), title)
        axes = figure.add_subplot(xlabel=unit)
        if margin is not None:
            axes.axvspan(-margin, margin, color=GRID, linewidth=0)
            axes.axvline(0, color=MUTED, linewidth=1)
        for place, (row, words) in enumerate(zip(rows, said, strict=True)):
            _span(axes, place, row, words)
        axes.set(ylim=(len(rows) - 0.5, -0.7), yticks=range(len(rows)))
        axes.set_yticklabels(labels([row.name for row in rows]), color=INK)
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.margins(x=0.24)  # room for the words above a short interval at an edge
    label = "; ".join(f"{row.name} {words} {unit}" for row, words in zip(rows, said, strict=True))
    return inline(figure, name, f"{title} on {where}, with intervals: {label}")


def _span(axes: Axes, place: int, row: Span, words: str) -> None:
    axes.plot([row.low, row.high], [place, place], color=row.colour, linewidth=3, solid_capstyle="butt")
    axes.plot(row.seeds, [place + 0.26] * len(row.seeds), "o", color=MUTED, markersize=3.5, alpha=0.8)
    axes.plot(row.middle, place, row.marker, color=row.colour, markeredgecolor=PAPER, markersize=7)
    behind = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}  # hides the line at zero behind the words
    axes.annotate(
        words, (row.middle, place), xytext=(0, 7), textcoords="offset points", ha="center", color=INK, bbox=behind
    )


def _short(percentage: float) -> str:
    return points(percentage / 100)
