"""The figures of what the search tried."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tasks.comparison.schema.models import Model, Trial
from tasks.comparison.schema.report import DatasetComparison
from tasks.report.pages.figures.looks import Legend, Look, look, named, percentage
from tasks.report.pages.figures.svg import INK, canvas, inline, style

Point = tuple[float, float, bool]  # of a trial: where it stands, its score, and whether it was chosen
FEW_TRIALS = 40  # that have room for large marks


def trial_figures(dataset: DatasetComparison) -> list[str]:
    """The search's scores in the order of the trials, and against the time of a trial; the chosen trials are ringed."""
    models = [(number, model) for number, model in enumerate(dataset.models) if _points(model.trials, "seconds")]
    axes = {"number": "trial", "seconds": "seconds a trial"}
    return [_trials(dataset, models, field, label) for field, label in axes.items() if models]


def _trials(dataset: DatasetComparison, models: Sequence[tuple[int, Model]], field: str, label: str) -> str:
    legend = Legend([model.family for _, model in models])
    with style():
        figure = canvas(200 + legend.height, f"Validation accuracy by {label}")
        axes = figure.add_subplot(xlabel=label)
        for number, model in models:
            drawn = look(number)
            x, y, chosen = zip(*_points(model.trials, field), strict=True)
            for _, trials in model.searches if field == "number" else ():
                _best_so_far(axes, _points(trials, field), drawn)
            size = 6 if len(x) <= FEW_TRIALS else 3.5
            axes.plot(x, y, drawn.marker, color=drawn.colour, markersize=size, label=legend[model.family])
            ringed = np.flatnonzero(chosen).tolist()
            axes.plot(x, y, "o", markevery=ringed, fillstyle="none", color=INK, markersize=11, markeredgewidth=1.2)
        axes.yaxis.set_major_formatter(percentage)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=field == "number"))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 10 else f"{value:g}")
        axes.margins(0.12)
        legend.draw(figure, axes, below=True)
    return inline(figure, named(dataset, "trials", field), f"Trials on {dataset.title}: score by {label}")


def _best_so_far(axes: Axes, points: Sequence[Point], drawn: Look) -> None:
    best = np.maximum.accumulate([score for _, score, _ in points])
    axes.step([x for x, _, _ in points], best, where="post", color=drawn.colour, linestyle=drawn.dash, linewidth=1.2)


def _points(trials: Sequence[Trial], field: str) -> list[Point]:
    """The trials that have a score, in their order."""
    ordered = sorted(trials, key=lambda trial: trial.number)
    return [(getattr(trial, field), trial.score, trial.chosen) for trial in ordered if trial.score is not None]
