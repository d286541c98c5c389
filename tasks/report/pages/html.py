"""`report.html`: one file without scripts, which loads nothing from elsewhere."""

from collections.abc import Callable
from itertools import groupby
from typing import Any, NamedTuple

from markupsafe import Markup

from tasks.comparison.assembly import MANY
from tasks.comparison.pairing import reference_of
from tasks.comparison.schema.report import Comparison, DatasetComparison, Frontier
from tasks.comparison.words.opening import question
from tasks.report.pages.answers import answer_of, axis
from tasks.report.pages.figures.classes import class_differences, class_scores
from tasks.report.pages.figures.curves import learning_curves
from tasks.report.pages.figures.frontier import frontier_figures
from tasks.report.pages.figures.heat_maps import heat_map
from tasks.report.pages.figures.intervals import interval_figures
from tasks.report.pages.figures.looks import key
from tasks.report.pages.figures.reliability import reliability_figure
from tasks.report.pages.figures.svg import styled_once
from tasks.report.pages.figures.trials import trial_figures
from tasks.report.pages.lines import unbroken
from tasks.report.pages.templates import render_template


class Section(NamedTuple):
    """One dataset on the page: its comparison and figures at each budget, and the frontier when there are several.

    A page of many datasets has no figures: each dataset has a page with its own.
    """

    parts: list[tuple[DatasetComparison, dict[str, Any]]]
    frontier: Frontier | None
    figures: list[Markup]


def to_html(comparison: Comparison, overview: str = "") -> str:
    """The page; that of one dataset of many leads to the page `overview`.

    Every text in it is escaped. Only the figures are markup, and Matplotlib escapes their texts.
    """
    request = comparison.request
    sections = _sections(comparison, _plain if request.has_pages else _drawn)
    page = render_template(
        "report.html.j2",
        comparison,
        finish=unbroken,
        question=question(
            request.families, reference_of(request.families), datasets=len(sections), parts=len(comparison.datasets)
        ),
        answers=[answer_of([part for part, _ in section.parts], section.frontier) for section in sections],
        axis=axis(comparison),
        sections=sections,
        apart=request.has_pages,
        overview=overview,
        key=key,
    )
    return styled_once(page)


def _sections(
    comparison: Comparison, figures: Callable[[list[DatasetComparison], Frontier | None], Section]
) -> list[Section]:
    frontiers = {frontier.name: frontier for frontier in comparison.frontiers}
    grouped = groupby(comparison.datasets, lambda dataset: dataset.name)
    return [figures(list(group), frontiers.get(name)) for name, group in grouped]


def _plain(parts: list[DatasetComparison], frontier: Frontier | None) -> Section:
    """A dataset without figures."""
    return Section([(part, {}) for part in parts], frontier, [])


def _drawn(parts: list[DatasetComparison], frontier: Frontier | None) -> Section:
    """A dataset with its figures."""
    figures = [Markup(figure) for figure in frontier_figures(parts)] if frontier else []  # noqa: S704
    return Section([(part, _figures(part)) for part in parts], frontier, figures)


def _figures(dataset: DatasetComparison) -> dict[str, Any]:
    many = len(dataset.classes) > MANY
    return {
        "confusion": [Markup(heat_map(dataset, each)) for each in dataset.models if many and each.status == "done"],  # noqa: S704
        "intervals": [Markup(figure) for figure in interval_figures(dataset)],  # noqa: S704
        "curves": [Markup(figure) for figure in learning_curves(dataset)],  # noqa: S704
        "reliability": Markup(reliability_figure(dataset) or ""),  # noqa: S704
        "class_differences": [Markup(figure) for figure in class_differences(dataset)],  # noqa: S704
        "classes": Markup(class_scores(dataset) or ""),  # noqa: S704
        "trials": [Markup(figure) for figure in trial_figures(dataset)],  # noqa: S704
    }
