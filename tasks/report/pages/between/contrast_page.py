"""Two runs compared: as a page without scripts, and as text for a terminal."""

from collections.abc import Iterator

from tasks.comparison.schema.report import Comparison
from tasks.comparison.schema.since import Since
from tasks.comparison.words.since import day, placed
from tasks.comparison.words.wording import p_value, points
from tasks.report.pages.lines import unbroken
from tasks.report.pages.templates import templates

HOW = {
    "same test part": "paired",
    "other test part": "unpaired: the test parts differ",
    "unknown test part": "unpaired: a report does not know its test part",
}
NOTHING = "The two runs have no dataset, budget and model in common."


def to_contrast_page(before: Comparison, after: Comparison, since: Since) -> str:
    """The page. Every text in it is escaped."""
    page = templates(unbroken).get_template("between/contrast_page.html.j2")
    return page.render(before=before, after=after, since=since, nothing=NOTHING)


def to_text(before: Comparison, after: Comparison, since: Since) -> Iterator[str]:
    """The lines: the two runs, what differs, and what became of the results."""
    yield f"{_run(before)}  ->  {_run(after)}"
    yield ""
    yield "What differs:" if since.changes else "Nothing differs that may matter to the results."
    width = max((len(change.kind) for change in since.changes), default=0)
    for change in since.changes:
        values = "others" if change.before is None or change.after is None else f"{change.before} -> {change.after}"
        yield f"  {change.kind:<{width}}  {change.what}: {values}"
    yield ""
    if not since.shifts:
        yield NOTHING
        return
    yield "Test accuracy, and whether a difference exceeds the noise (Holm-adjusted, 95 %):"
    for shift in since.shifts:
        yield f"  {placed(shift)}"
        if shift.estimate is not None and shift.low is not None and shift.high is not None:
            bounds = f"{points(shift.low, 2)} to {points(shift.high, 2)}"
            how = HOW[shift.relation]
            p = p_value(shift.p_value or 0.0)
            yield f"      {points(shift.estimate, 2)} points, {bounds}; {p}; {how}"


def _run(comparison: Comparison) -> str:
    return f"{comparison.run} ({comparison.request.profile}, {day(comparison.environment.created)})"
