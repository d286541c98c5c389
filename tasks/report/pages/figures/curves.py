"""The figures of how the models learned."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tasks.comparison.schema.models import Model
from tasks.comparison.schema.report import DatasetComparison
from tasks.report.pages.figures.looks import Legend, Look, done, look, named, or_nan, percentage
from tasks.report.pages.figures.svg import canvas, inline, style


def learning_curves(dataset: DatasetComparison) -> list[str]:
    """Accuracy and loss on the validation part by epoch: the mean of the seeds, and each seed as a faint line."""
    titles = {"val_accuracy": "Validation accuracy", "val_loss": "Validation loss"}
    return [_curves(dataset, field, title) for field, title in titles.items() if done(dataset)]


def _curves(dataset: DatasetComparison, field: str, title: str) -> str:
    legend = Legend([model.family for _, model in done(dataset)])
    with style():
        figure = canvas(190 + legend.height, title)
        axes = figure.add_subplot(xlabel="epoch")
        for number, model in done(dataset):
            _curve(axes, model, field, look(number), legend[model.family])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if field.endswith("accuracy"):
            axes.yaxis.set_major_formatter(percentage)
        legend.draw(figure, axes)
    return inline(figure, named(dataset, field), f"{title} by epoch on {dataset.title}")


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
