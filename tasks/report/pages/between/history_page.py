"""`history.html`: every dataset's results over the runs of a store, on one page without scripts."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup

from tasks.comparison.between.changes import other_code
from tasks.comparison.schema.history import History, Promoted, Result, Row
from tasks.comparison.words.wording import some
from tasks.report.pages.between.history_figures import MOST, Line, Mark, accuracy_figure
from tasks.report.pages.figures.svg import identifier
from tasks.report.pages.lines import unbroken
from tasks.report.pages.templates import templates
from tasks.settings.workflow import TOGETHER

ROWS = 2_500  # of the whole page, of some 500 bytes: that keeps it below 3 MB
OPEN = 20  # the newest rows of a table, which are not folded
Run = tuple[Row, dict[str, Result]]  # with its results on one dataset at one budget, by family


class Entry(NamedTuple):
    """A row of a table: a run's results on one dataset at one budget.

    Attributes:
        has_new_data: the version is another one than in the run before.
        code: the stages whose code is another one than when a run did them last; None where nothing is known.
        promoted: the models that became the champion, by family; the latest promotion of each.
    """

    row: Row
    results: dict[str, Result]
    has_new_data: bool
    code: tuple[str, ...] | None
    promoted: dict[str, Promoted]


class Key(NamedTuple):
    """What the runs of a series have in common: other ones answer another question."""

    dataset: str
    budget: int
    profile: str
    sample: int | None

    @property
    def identifier(self) -> str:
        """Letters, digits and hyphens, which no other series of a page has."""
        return identifier("history", *self)


class Series(NamedTuple):
    """Runs of one profile on one dataset at one budget, the newest first, and their figure, if there are few series."""

    key: Key
    families: tuple[str, ...]
    entries: Sequence[Entry]
    figure: Markup


class Section(NamedTuple):
    """One dataset."""

    name: str
    title: str
    series: list[Series]


def to_history_page(history: History) -> str:
    """The page. Every text in it is escaped. Only the figures are markup, and Matplotlib escapes their texts."""
    sections = list(_sections(history))
    shown = max(1, ROWS // max(1, sum(len(section.series) for section in sections)))
    passed_over = [(some(runs), reason) for reason, runs in history.reasons.items()]
    values = {"shown": shown, "open": min(OPEN, shown), "MOST": MOST, "passed_over": passed_over}
    page = templates(unbroken).get_template("between/history.html.j2")
    return page.render(history=history, sections=sections, **values)


def _sections(history: History) -> Iterator[Section]:
    """The datasets by name; of each the series with the newest run first."""
    placed: dict[Key, list[Run]] = {}
    for row in history.rows:
        by_place: dict[tuple[str, int], dict[str, Result]] = {}
        for result in row.results:
            by_place.setdefault((result.dataset, result.budget), {})[result.family] = result
        for (dataset, budget), results in by_place.items():
            placed.setdefault(Key(dataset, budget, row.profile, row.sample), []).append((row, results))
    newest = sorted(placed, key=lambda key: -placed[key][-1][0].number)
    is_drawn = len(newest) <= TOGETHER  # each figure takes time, and the figures of some would say little
    for dataset, group in groupby(sorted(newest, key=lambda key: key.dataset), key=lambda key: key.dataset):
        series = [_series(key, placed[key], history.promoted, is_drawn=is_drawn) for key in group]
        title = next(iter(series[0].entries[0].results.values())).title
        yield Section(dataset, title, series)


def _series(key: Key, runs: Sequence[Run], promoted: Sequence[Promoted], *, is_drawn: bool) -> Series:
    entries = list(_entries(key.dataset, runs, [each for each in promoted if _is_of(each, key)]))
    families = tuple(sorted({family for _, results in runs for family in results}))
    by_family = {family: [results.get(family) for _, results in runs] for family in families}
    line = Line(key.identifier, f"{key.dataset}, {key.profile}", by_family, _marks(entries), len(runs))
    figure = Markup(accuracy_figure(line) if is_drawn else "")  # noqa: S704
    return Series(key, families, entries[::-1], figure)


def _is_of(promoted: Promoted, key: Key) -> bool:
    return (promoted.dataset, promoted.budget) == (key.dataset, key.budget)


def _entries(dataset: str, runs: Sequence[Run], promoted: Sequence[Promoted]) -> Iterator[Entry]:
    """The earliest first. What a run does not tell stays as it was last known."""
    version: str | None = None
    known: dict[str, str] = {}
    for row, results in runs:
        code = {place: digest for place, digest in row.code.items() if place.split("/")[1:2] == [dataset]}
        new = row.data.get(dataset, version)
        other = tuple(other_code(known, code)) if known.keys() & code.keys() else None
        crowned = {each.family: each for each in promoted if each.run == row.run}
        yield Entry(row, results, version not in (None, new), other, crowned)
        version, known = new, known | code


def _marks(entries: Sequence[Entry]) -> tuple[Mark, ...]:
    """Where the data and where the code is another one, and where a model became the champion."""
    kinds = {
        "new data": [entry.has_new_data for entry in entries],
        "other code": [bool(entry.code) for entry in entries],
        "promoted": [bool(entry.promoted) for entry in entries],
    }
    return tuple(
        Mark(kind, position) for kind, marked in kinds.items() for position, is_marked in enumerate(marked) if is_marked
    )
