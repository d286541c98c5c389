"""The report's figures: what a table says less well. Each is drawn at phone width, one idea a picture."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import Locator, LogLocator, MaxNLocator, PercentFormatter

from tasks.comparison import Comparison, DatasetComparison, Difference, Model
from tasks.report.svg import DASHES, FAMILIES, GRID, INK, MARKERS, MUTED, PAPER, canvas, inline, style
from tasks.report.wording import family_title, points

LABEL = 20  # characters beside an axis


class Look(NamedTuple):
    """How a family is drawn everywhere: never by colour alone."""

    colour: str
    marker: str
    dash: str | tuple


def look(number: int) -> Look:
    """The look of the family at that place among the run's families; after the fourth they repeat."""
    return Look(FAMILIES[number % 4], MARKERS[number % 4], DASHES[number % 4])


def difference_figure(comparison: Comparison) -> str | None:
    """Every difference with its interval, and the difference of each seed; None when nothing could be compared."""
    rows = [(dataset, difference) for dataset in comparison.datasets for difference in dataset.differences]
    if not rows:
        return None
    sizes = {dataset.budget: f", {_thousands(dataset.budget)}" if comparison.frontiers else "" for dataset, _ in rows}
    labels = [f"{_short(dataset.title)}\n{_pair(d)}{sizes[dataset.budget]}" for dataset, d in rows]
    with style():
        figure = canvas(52 + 44 * len(rows))
        axes = figure.add_subplot()
        axes.axvline(0, color=MUTED, linewidth=1)
        for place, (_, difference) in enumerate(rows):
            _interval(axes, place, difference)
        axes.set(ylim=(len(rows) - 0.5, -0.6), yticks=range(len(rows)), xlabel="accuracy difference, points")
        axes.set_yticklabels(labels, color=INK)
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.12)
    label = "; ".join(f"{comparison.label(part)}: {_pair(d)} {points(d.estimate)} points" for part, d in rows)
    return inline(figure, "difference", f"Accuracy differences with intervals. {label}")


def _pair(difference: Difference) -> str:
    return f"{family_title(difference.family)} − {family_title(difference.reference)}"  # noqa: RUF001


def _interval(axes: Axes, place: int, difference: Difference) -> None:
    low, high, middle = (100 * value for value in (difference.low, difference.high, difference.estimate))
    axes.plot([low, high], [place, place], color=INK, linewidth=3, solid_capstyle="butt")
    seeds = [100 * test.estimate for test in difference.seeds]
    axes.plot(seeds, [place + 0.26] * len(seeds), "o", color=MUTED, markersize=3.5, alpha=0.8)
    axes.plot(middle, place, "D", color=INK, markeredgecolor=PAPER, markersize=7)
    axes.annotate(
        f"{points(difference.estimate)} ({points(difference.low)} to {points(difference.high)})",
        (middle, place), xytext=(0, 8), textcoords="offset points", ha="center", color=INK,
    )  # fmt: skip


def frontier_figures(parts: Sequence[DatasetComparison]) -> list[str]:
    """Accuracy against parameters, and against training time, a line a family; `parts` are a dataset's, budgets rising.

    A model without a result is a gap in its line.
    """
    if not any(_done(part) for part in parts):
        return []
    return [_frontier(parts, field) for field in ("parameters", "train_seconds")]


def _frontier(parts: Sequence[DatasetComparison], field: str) -> str:
    title = {"parameters": "parameters", "train_seconds": "training time"}[field]
    with style():
        figure = canvas(210)
        axes = figure.add_subplot(title=f"Test accuracy by {title}", xscale="log")
        for number in range(len(parts[0].models)):
            _frontier_line(axes, [part.models[number] for part in parts], field, look(number))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None, symbol=" %"))
        axes.minorticks_off()
        if field == "parameters":
            axes.set(xlabel="parameters", xticks=_apart([part.budget for part in parts]))
            axes.xaxis.set_major_formatter(lambda value, _: _thousands(value))
        else:
            axes.set(xlabel="seconds of training, mean of the seeds")
            axes.xaxis.set_major_locator(_few_ticks(axes))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 10 else f"{value:.2g}")
        axes.legend(loc="best")
    name = f"{parts[0].name.replace('_', '-')}-frontier-{field.replace('_', '-')}"
    return inline(figure, name, f"Test accuracy by {title} on {parts[0].title}")


def _frontier_line(axes: Axes, models: Sequence[Model], field: str, drawn: Look) -> None:
    """One family over the budgets, each mean with its interval."""
    x, y = ([_value(getattr(model, name)) for model in models] for name in (field, "accuracy"))
    intervals = [model.accuracy_interval for model in models]
    low, high = ([np.nan if each is None else getattr(each, end) for each in intervals] for end in ("low", "high"))
    axes.vlines(x, low, high, color=drawn.colour, linewidth=1.4)
    axes.plot(
        x, y, linestyle=drawn.dash, marker=drawn.marker, markersize=5, color=drawn.colour,
        label=family_title(models[0].family),
    )  # fmt: skip


def _few_ticks(axes: Axes) -> Locator:
    """Round numbers on a logarithmic axis, whether it spans decades or a part of one."""
    least, greatest = axes.get_xlim()
    return LogLocator(subs=(1, 2, 5)) if greatest > 5 * least else MaxNLocator(4)


def _apart(numbers: Sequence[int]) -> list[int]:
    """Those of rising `numbers` whose labels do not meet on a logarithmic axis; the first and the last are always."""
    least = (numbers[-1] / numbers[0]) ** (1 / 7)
    kept = [numbers[0]]
    for number in numbers[1:-1]:
        if number >= kept[-1] * least and numbers[-1] >= number * least:
            kept.append(number)
    return [*kept, *numbers[1:][-1:]]


def _thousands(number: float) -> str:
    """A parameter count that is short: 30000 as "30k"."""
    return f"{number / 1e6:g}M" if number >= 1e6 else f"{number / 1e3:g}k"


def learning_curves(dataset: DatasetComparison) -> list[str]:
    """Accuracy and loss on the validation part by epoch: the mean of the seeds, and each seed faintly."""
    wanted = {"val_accuracy": "Validation accuracy", "val_loss": "Validation loss"}
    return [_curves(dataset, field, title) for field, title in wanted.items() if _done(dataset)]


def _curves(dataset: DatasetComparison, field: str, title: str) -> str:
    with style():
        figure = canvas(190)
        axes = figure.add_subplot(title=title, xlabel="epoch")
        for number, model in _done(dataset):
            _curve(axes, model, field, look(number))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if field.endswith("accuracy"):
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None, symbol=" %"))
        axes.legend(loc="best")
    name = f"{_identifier(dataset)}-{field.replace('_', '-')}"
    return inline(figure, name, f"{title} by epoch on {dataset.title}")


def _curve(axes: Axes, model: Model, field: str, drawn: Look) -> None:
    series = [[_value(getattr(epoch, field)) for epoch in replicate.history] for replicate in model.replicates]
    for values in series:
        axes.plot(range(1, len(values) + 1), values, color=drawn.colour, linewidth=0.8, alpha=0.45)
    shared = min(map(len, series))
    means = np.mean([values[:shared] for values in series], axis=0)
    axes.plot(
        range(1, shared + 1), means, linestyle=drawn.dash, marker=drawn.marker, markersize=4,
        color=drawn.colour, label=family_title(model.family),
    )  # fmt: skip


def class_scores(dataset: DatasetComparison) -> str | None:
    """F1 of every class, the families side by side."""
    models = _done(dataset)
    if not models:
        return None
    with style():
        figure = canvas(60 + 19 * len(dataset.classes))
        axes = figure.add_subplot(title="F1 by class")
        scores = np.array([[score.f1 for score in model.classes] for _, model in models])
        rows = range(len(dataset.classes))
        axes.hlines(rows, scores.min(axis=0), scores.max(axis=0), color=GRID, linewidth=3)
        for (number, model), values in zip(models, scores, strict=True):
            drawn, name = look(number), family_title(model.family)
            axes.plot(values, rows, drawn.marker, color=drawn.colour, markersize=6, label=name)
        axes.set(yticks=rows, ylim=(len(dataset.classes) - 0.4, -0.6))
        axes.set_yticklabels([_short(name) for name in dataset.classes], color=INK)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=len(models))
    return inline(figure, f"{_identifier(dataset)}-classes", f"F1 of every class on {dataset.title}")


def trial_figures(dataset: DatasetComparison) -> list[str]:
    """The search's scores against the time of a trial and against its parameters; the chosen trials are ringed."""
    models = [(number, model) for number, model in enumerate(dataset.models) if _points(model, "seconds")]
    axes = {"seconds": "seconds a trial", "parameters": "parameters"}
    return [_trials(dataset, models, field, label) for field, label in axes.items() if models]


def _trials(dataset: DatasetComparison, models: Sequence[tuple[int, Model]], field: str, label: str) -> str:
    with style():
        figure = canvas(200)
        axes = figure.add_subplot(title=f"Validation accuracy by {label}", xlabel=label)
        for number, model in models:
            drawn, found = look(number), _points(model, field)
            x, y, chosen = zip(*found, strict=True)
            axes.plot(x, y, drawn.marker, color=drawn.colour, markersize=6, label=family_title(model.family))
            ringed = np.flatnonzero(chosen).tolist()
            axes.plot(x, y, "o", markevery=ringed, fillstyle="none", color=INK, markersize=11, markeredgewidth=1.2)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None, symbol=" %"))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 10 else f"{value:g}")
        axes.margins(0.12)
        figure.legend(loc="outside lower center", ncols=len(models))
    return inline(figure, f"{_identifier(dataset)}-trials-{field}", f"Trials on {dataset.title}: score by {label}")


def _points(model: Model, field: str) -> list[tuple[float, float, bool]]:
    return [(getattr(t, field), t.score, t.chosen) for t in model.trials if t.score is not None and t.parameters]


def _done(dataset: DatasetComparison) -> list[tuple[int, Model]]:
    """The models with a result, each with its place among the run's families."""
    return [(number, model) for number, model in enumerate(dataset.models) if model.status == "done"]


def _short(text: str) -> str:
    """A label that leaves room for the picture; the tables have the whole text."""
    return text if len(text) <= LABEL else f"{text[: LABEL - 1]}\N{HORIZONTAL ELLIPSIS}"


def _value(number: float | None) -> float:
    return np.nan if number is None else number


def _identifier(dataset: DatasetComparison) -> str:
    return f"{dataset.name.replace('_', '-')}-{dataset.budget}"
