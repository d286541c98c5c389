"""`report.html`: one file, no script, nothing loaded from elsewhere."""

from typing import Any

from markupsafe import Markup

from tasks.comparison import Comparison, DatasetComparison
from tasks.report.figures import class_scores, difference_figure, learning_curves, trial_figures
from tasks.report.templates import render_template


def to_html(comparison: Comparison) -> str:
    """The page; every text in it is escaped, only the figures, whose texts Matplotlib escapes, are markup."""
    figures = {dataset.name: _figures(dataset) for dataset in comparison.datasets}
    return render_template(
        "report.html.j2",
        comparison,
        difference=Markup(difference_figure(comparison) or ""),  # noqa: S704
        figures=figures,
    )


def _figures(dataset: DatasetComparison) -> dict[str, Any]:
    return {
        "curves": [Markup(figure) for figure in learning_curves(dataset)],  # noqa: S704
        "classes": Markup(class_scores(dataset) or ""),  # noqa: S704
        "trials": [Markup(figure) for figure in trial_figures(dataset)],  # noqa: S704
    }
