"""The figures of single classes: the scores of the families, and their differences."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from tasks.comparison.schema.differences import ClassDifference, Difference
from tasks.comparison.schema.report import DatasetComparison
from tasks.comparison.words.wording import family_title
from tasks.report.pages.figures.looks import Legend, done, look, named
from tasks.report.pages.figures.svg import GRID, INK, MUTED, PAPER, canvas, identifier, inline, style
from tasks.report.pages.labels import labels

CLASSES = 20  # that a figure has room for


def class_scores(dataset: DatasetComparison) -> str | None:
    """The F1 score of every class, the families side by side; of many classes those with the lowest mean."""
    models = done(dataset)
    if not models:
        return None
    scores = np.array([[score.f1 for score in model.classes] for _, model in models])
    measured = np.flatnonzero([score.support for score in models[0][1].classes])
    lowest = np.argsort(scores[:, measured].mean(axis=0), kind="stable")[:CLASSES]
    shown = sorted(measured[lowest].tolist())
    title = "F1 by class" if len(shown) == len(measured) else f"The {len(shown)} classes of lowest F1"
    legend, rows, names = Legend([model.family for _, model in models]), range(len(shown)), labels(dataset.classes)
    with style():
        figure = canvas(60 + 19 * len(shown) + legend.height, title)
        axes = figure.add_subplot()
        scores = scores[:, shown]
        axes.hlines(rows, scores.min(axis=0), scores.max(axis=0), color=GRID, linewidth=3)
        for (number, model), values in zip(models, scores, strict=True):
            drawn = look(number)
            axes.plot(values, rows, drawn.marker, color=drawn.colour, markersize=6, label=legend[model.family])
        axes.set(yticks=rows, ylim=(len(shown) - 0.4, -0.6))
        axes.set_yticklabels([names[index] for index in shown], color=INK)
        legend.draw(figure, axes, below=True)
    return inline(figure, named(dataset, "classes"), f"{title} on {dataset.title}")


def class_differences(dataset: DatasetComparison) -> list[str]:
    """For each family that is compared: the classes with their intervals, the largest gain first, the ends of many."""
    return [_figure(dataset, each) for each in dataset.differences if each.classes]


def ends(difference: Difference, room: int = CLASSES) -> list[ClassDifference]:
    """The classes, the largest gain first. Of more than there is `room` for: the surest gains, then the surest losses.

    How sure they are is told by the near ends of their intervals. By their size, classes of few examples would win.
    """
    if len(difference.classes) <= room:
        return _by_gain(difference.classes)
    gains = sorted(difference.classes, key=lambda each: (-each.low, -each.estimate))
    losses = sorted(gains[room // 2 :], key=lambda each: (each.high, each.estimate))
    return _by_gain(gains[: room // 2]) + _by_gain(losses[: room // 2])


def _by_gain(classes: Sequence[ClassDifference]) -> list[ClassDifference]:
    return sorted(classes, key=lambda each: -each.estimate)


def _figure(dataset: DatasetComparison, difference: Difference) -> str:
    shown = ends(difference)
    family, reference = family_title(difference.family), family_title(difference.reference)
    few = len(shown) == len(difference.classes)
    title = "Difference of recall by class" if few else "The surest gains and losses of recall"
    with style():
        figure = canvas(60 + 19 * len(shown), title)
        axes = figure.add_subplot(xlabel=f"{family} minus {reference}, points")
        axes.axvline(0, color=MUTED, linewidth=1)
        for place, each in enumerate(shown):
            _interval(axes, place, each)
        if not few:
            axes.axhline(len(shown) / 2 - 0.5, color=GRID, linestyle="--")  # the other classes are between the two
        axes.set(yticks=range(len(shown)), ylim=(len(shown) - 0.4, -0.6))
        axes.set_yticklabels(labels([each.name for each in shown]), color=INK)
        axes.grid(axis="y", visible=False)
    name = identifier(dataset.name, dataset.budget, "difference", difference.family)
    return inline(figure, name, f"{title} on {dataset.title}: {family} minus {reference}")


def _interval(axes: Axes, place: int, found: ClassDifference) -> None:
    """A detected difference is a full mark, another one a hollow mark."""
    low, high, middle = (100 * value for value in (found.low, found.high, found.estimate))
    detected = found.conclusion != "undetected"
    colour = INK if detected else MUTED
    axes.plot([low, high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
    axes.plot(middle, place, "D", color=colour, markerfacecolor=colour if detected else PAPER, markersize=5.5)
