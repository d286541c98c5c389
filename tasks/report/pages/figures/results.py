"""The report's figures. Each shows one idea, at the width of a phone."""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from tasks.comparison.schema.differences import Difference
from tasks.comparison.schema.models import Model, Trial
from tasks.comparison.schema.report import DatasetComparison
from tasks.comparison.words.wording import family_title, points
from tasks.report.pages.figures.svg import (
    DASHES,
    FAMILIES,
    GRID,
    INK,
    MARKERS,
    MUTED,
    PAPER,
    WIDTH,
    canvas,
    icon,
    identifier,
    inline,
    style,
)
from tasks.report.pages.labels import labels

CLASSES = 20  # classes that a figure has room for
FEW_TRIALS = 40  # that have room for large marks
INSIDE = 3  # families that have room for their legend beside the lines


Point = tuple[float, float, bool]  # of a trial: where it stands, its score, and whether it was chosen


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
    if accuracies := [_accuracy_span(number, model) for number, model in _done(dataset)]:
        figures.append(_spans(accuracies, "Test accuracy", "%", _named(dataset, "accuracy"), dataset.title))
    if differences := [_difference_span(difference) for difference in dataset.differences]:
        margin = 100 * max(difference.equivalence for difference in dataset.differences)
        name = _named(dataset, "difference")
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
        figure = canvas(58 + 40 * len(rows))
        axes = figure.add_subplot(title=title, xlabel=unit)
        if margin is not None:
            axes.axvspan(-margin, margin, color=GRID, linewidth=0)
            axes.axvline(0, color=MUTED, linewidth=1)
        for place, (row, words) in enumerate(zip(rows, said, strict=True)):
            _span(axes, place, row, words)
        axes.set(ylim=(len(rows) - 0.5, -0.7), yticks=range(len(rows)))
        axes.set_yticklabels(labels([row.name for row in rows]), color=INK)
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.margins(x=0.16)
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


def learning_curves(dataset: DatasetComparison) -> list[str]:
    """Accuracy and loss on the validation part by epoch: the mean of the seeds, and each seed as a faint line."""
    titles = {"val_accuracy": "Validation accuracy", "val_loss": "Validation loss"}
    return [_curves(dataset, field, title) for field, title in titles.items() if _done(dataset)]


def _curves(dataset: DatasetComparison, field: str, title: str) -> str:
    legend = Legend([model.family for _, model in _done(dataset)])
    with style():
        figure = canvas(190 + legend.height)
        axes = figure.add_subplot(title=title, xlabel="epoch")
        for number, model in _done(dataset):
            _curve(axes, model, field, look(number), legend[model.family])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if field.endswith("accuracy"):
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None, symbol=" %"))
        legend.draw(figure, axes)
    return inline(figure, _named(dataset, field), f"{title} by epoch on {dataset.title}")


def _curve(axes: Axes, model: Model, field: str, drawn: Look, label: str) -> None:
    series = [[or_nan(getattr(epoch, field)) for epoch in replicate.history] for replicate in model.replicates]
    for values in series:
        axes.plot(range(1, len(values) + 1), values, color=drawn.colour, linewidth=0.8, alpha=0.45)
    shared = min(map(len, series))
    means = np.mean([values[:shared] for values in series], axis=0)
    axes.plot(
        range(1, shared + 1), means, linestyle=drawn.dash, marker=drawn.marker, markersize=4,
        color=drawn.colour, label=label,
    )  # fmt: skip


def class_scores(dataset: DatasetComparison) -> str | None:
    """The F1 score of every class, the families side by side; of many classes those with the lowest mean."""
    models = _done(dataset)
    if not models:
        return None
    scores = np.array([[score.f1 for score in model.classes] for _, model in models])
    measured = np.flatnonzero([score.support for score in models[0][1].classes])
    lowest = np.argsort(scores[:, measured].mean(axis=0), kind="stable")[:CLASSES]
    shown = sorted(measured[lowest].tolist())
    title = "F1 by class" if len(shown) == len(dataset.classes) else f"The {len(shown)} classes of lowest F1"
    legend, rows, names = Legend([model.family for _, model in models]), range(len(shown)), labels(dataset.classes)
    with style():
        figure = canvas(60 + 19 * len(shown) + legend.height)
        axes = figure.add_subplot(title=title)
        scores = scores[:, shown]
        axes.hlines(rows, scores.min(axis=0), scores.max(axis=0), color=GRID, linewidth=3)
        for (number, model), values in zip(models, scores, strict=True):
            drawn = look(number)
            axes.plot(values, rows, drawn.marker, color=drawn.colour, markersize=6, label=legend[model.family])
        axes.set(yticks=rows, ylim=(len(shown) - 0.4, -0.6))
        axes.set_yticklabels([names[index] for index in shown], color=INK)
        legend.draw(figure, axes, below=True)
    return inline(figure, _named(dataset, "classes"), f"{title} on {dataset.title}")


def trial_figures(dataset: DatasetComparison) -> list[str]:
    """The search's scores in the order of the trials, and against the time of a trial; the chosen trials are ringed."""
    models = [(number, model) for number, model in enumerate(dataset.models) if _points(model.trials, "seconds")]
    axes = {"number": "trial", "seconds": "seconds a trial"}
    return [_trials(dataset, models, field, label) for field, label in axes.items() if models]


def _trials(dataset: DatasetComparison, models: Sequence[tuple[int, Model]], field: str, label: str) -> str:
    legend = Legend([model.family for _, model in models])
    with style():
        figure = canvas(200 + legend.height)
        axes = figure.add_subplot(title=f"Validation accuracy by {label}", xlabel=label)
        for number, model in models:
            drawn = look(number)
            x, y, chosen = zip(*_points(model.trials, field), strict=True)
            if field == "number":
                for _, trials in model.searches:
                    _best_so_far(axes, _points(trials, field), drawn)
            size = 6 if len(x) <= FEW_TRIALS else 3.5
            axes.plot(x, y, drawn.marker, color=drawn.colour, markersize=size, label=legend[model.family])
            ringed = np.flatnonzero(chosen).tolist()
            axes.plot(x, y, "o", markevery=ringed, fillstyle="none", color=INK, markersize=11, markeredgewidth=1.2)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None, symbol=" %"))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=field == "number"))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 10 else f"{value:g}")
        axes.margins(0.12)
        legend.draw(figure, axes, below=True)
    return inline(figure, _named(dataset, "trials", field), f"Trials on {dataset.title}: score by {label}")


def _best_so_far(axes: Axes, points: Sequence[Point], drawn: Look) -> None:
    best = np.maximum.accumulate([score for _, score, _ in points])
    axes.step([x for x, _, _ in points], best, where="post", color=drawn.colour, linestyle=drawn.dash, linewidth=1.2)


def _points(trials: Sequence[Trial], field: str) -> list[Point]:
    """The trials that have a score, in their order."""
    ordered = sorted(trials, key=lambda trial: trial.number)
    return [(getattr(trial, field), trial.score, trial.chosen) for trial in ordered if trial.score is not None]


def _done(dataset: DatasetComparison) -> list[tuple[int, Model]]:
    """The models with a result, each with its position among the run's families."""
    return [(number, model) for number, model in enumerate(dataset.models) if model.status == "done"]


def or_nan(number: float | None) -> float:
    """The number, or NaN, which Matplotlib draws as a gap, in place of None."""
    return np.nan if number is None else number


def _named(dataset: DatasetComparison, *parts: str) -> str:
    return identifier(dataset.name, dataset.budget, *parts)
