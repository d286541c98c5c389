"""The figures of a frontier: accuracy and differences over the budgets of a run, each family in its usual look."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import Locator, LogLocator, MaxNLocator
from matplotlib.transforms import Transform, offset_copy

from tasks.comparison.schema.differences import Difference
from tasks.comparison.schema.models import Model
from tasks.comparison.schema.report import DatasetComparison
from tasks.comparison.words.wording import family_title
from tasks.report.pages.figures.looks import Legend, Look, look, or_nan, percentage
from tasks.report.pages.figures.svg import MUTED, canvas, identifier, inline, style

HEIGHT = 210


def frontier_figures(parts: Sequence[DatasetComparison]) -> list[str]:
    """Accuracy by parameters, accuracy by training time, and difference by parameters, with a line for each family.

    `parts` are one dataset's comparisons, by rising budget. A model without a result is a gap in its line.
    """
    if not any(model.status == "done" for part in parts for model in part.models):
        return []
    figures = [_accuracy_by_parameters(parts), _accuracy_by_time(parts)]
    return [*figures, _difference_by_parameters(parts)] if any(part.differences for part in parts) else figures


def _accuracy_by_parameters(parts: Sequence[DatasetComparison]) -> str:
    with style():
        figure = canvas(HEIGHT + _legend(parts).height, "Test accuracy by parameters")
        axes = figure.add_subplot(xscale="log")
        _accuracies(figure, axes, parts, "parameters")
        _budget_axis(axes, parts)
    return _inline(figure, parts, "parameters", "Test accuracy by parameters")


def _accuracy_by_time(parts: Sequence[DatasetComparison]) -> str:
    with style():
        figure = canvas(HEIGHT + _legend(parts).height, "Test accuracy by training time")
        axes = figure.add_subplot(xscale="log")
        _accuracies(figure, axes, parts, "train_seconds")
        axes.set(xlabel="seconds of training, mean of the seeds")
        axes.minorticks_off()
        axes.xaxis.set_major_locator(_round_ticks(*axes.get_xlim()))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 10 else f"{value:.2g}")
    return _inline(figure, parts, "time", "Test accuracy by training time")


def _difference_by_parameters(parts: Sequence[DatasetComparison]) -> str:
    legend = Legend(list({difference.family: None for part in parts for difference in part.differences}))
    with style():
        figure = canvas(HEIGHT + legend.height, "Difference by parameters")
        axes = figure.add_subplot(xscale="log", ylabel="accuracy difference, points")
        axes.axhline(0, color=MUTED, linewidth=1)
        for number, model in enumerate(parts[0].models):
            differences = [next((d for d in part.differences if d.family == model.family), None) for part in parts]
            if any(differences):
                beside = offset_copy(axes.transData, figure, x=6, units="points")
                _difference_line(axes, parts, differences, look(number), beside)
        _budget_axis(axes, parts)
        legend.draw(figure, axes)
    return _inline(figure, parts, "difference", "Accuracy difference by parameters")


def _accuracies(figure: Figure, axes: Axes, parts: Sequence[DatasetComparison], field: str) -> None:
    """Each family's accuracies, with their intervals, over the models' `field`."""
    legend = _legend(parts)
    for number in range(len(parts[0].models)):
        models = [part.models[number] for part in parts]
        x = [or_nan(getattr(model, field)) for model in models]
        _line(axes, x, np.array([_accuracy(model) for model in models]), look(number), legend[models[0].family])
    axes.yaxis.set_major_formatter(percentage)
    legend.draw(figure, axes)


def _legend(parts: Sequence[DatasetComparison]) -> Legend:
    return Legend([model.family for model in parts[0].models])


def _accuracy(model: Model) -> list[float]:
    """The low end of the interval, the mean, the high end."""
    interval = model.accuracy_interval
    return [np.nan] * 3 if interval is None else [interval.low, or_nan(model.accuracy), interval.high]


def _difference_line(
    axes: Axes,
    parts: Sequence[DatasetComparison],
    differences: Sequence[Difference | None],
    drawn: Look,
    beside: Transform,
) -> None:
    """Draw a family's differences with their intervals, and the differences of single seeds `beside` them."""
    values = np.array([[each.low, each.estimate, each.high] if each else [np.nan] * 3 for each in differences]) * 100
    compared = [(part, difference) for part, difference in zip(parts, differences, strict=True) if difference]
    seeds = [(part.budget, 100 * test.estimate) for part, difference in compared for test in difference.seeds]
    axes.plot(*zip(*seeds, strict=True), "o", color=MUTED, markersize=2.5, alpha=0.8, transform=beside)
    _, first = compared[0]
    title = f"{family_title(first.family)} − {family_title(first.reference)}"  # noqa: RUF001
    _line(axes, [part.budget for part in parts], values, drawn, title)


def _line(axes: Axes, x: Sequence[float], values: np.ndarray, drawn: Look, label: str) -> None:
    """Draw a line through the means of `values` [points, (low, mean, high)], with a bar from low to high at each."""
    low, middle, high = values.T
    axes.vlines(x, low, high, color=drawn.colour, linewidth=1.4)
    axes.plot(x, middle, linestyle=drawn.dash, marker=drawn.marker, markersize=5, color=drawn.colour, label=label)


def _budget_axis(axes: Axes, parts: Sequence[DatasetComparison]) -> None:
    axes.minorticks_off()
    axes.set(xlabel="parameters", xticks=_apart([part.budget for part in parts]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k")


def _apart(numbers: Sequence[int]) -> list[int]:
    """Those rising `numbers` whose labels do not overlap on a logarithmic axis. The first and last always stay."""
    least = (numbers[-1] / numbers[0]) ** (1 / 7)
    kept = [numbers[0]]
    for number in numbers[1:-1]:
        if number >= kept[-1] * least and numbers[-1] >= number * least:
            kept.append(number)
    return [*kept, *numbers[1:][-1:]]


def _round_ticks(least: float, greatest: float) -> Locator:
    """A locator of round numbers on a logarithmic axis, which may span several decades or a part of one."""
    return LogLocator(subs=(1, 2, 5)) if greatest > 5 * least else MaxNLocator(4)


def _inline(figure: Figure, parts: Sequence[DatasetComparison], name: str, title: str) -> str:
    return inline(figure, identifier(parts[0].name, "frontier", name), f"{title} on {parts[0].title}")
