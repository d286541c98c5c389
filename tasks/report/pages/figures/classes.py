"""The figure of the differences class by class."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from tasks.comparison.schema.differences import ClassDifference, Difference
from tasks.comparison.schema.report import DatasetComparison
from tasks.comparison.words.wording import family_title
from tasks.report.pages.figures.results import CLASSES
from tasks.report.pages.figures.svg import GRID, INK, MUTED, PAPER, canvas, identifier, inline, style
from tasks.report.pages.labels import labels


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
        figure = canvas(60 + 19 * len(shown))
        axes = figure.add_subplot(title=title, xlabel=f"{family} minus {reference}, points")
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
