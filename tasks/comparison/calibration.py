"""The calibration of a family: the answers of all its replicates, by their confidence."""

from collections.abc import Sequence

from tasks.comparison.evidence import Values
from tasks.comparison.schema.calibration import Answers, Calibration, SureAnswers


def calibration(evaluations: Sequence[Values]) -> Calibration | None:
    """The bins of several evaluations together; None where one has none, because an earlier release made it."""
    if not all("reliability" in each for each in evaluations):
        return None
    bins = zip(*(each["reliability"] for each in evaluations), strict=True)
    sure = [each["sure"] for each in evaluations]
    return Calibration(
        bins=tuple(_together(each) for each in bins),
        sure=SureAnswers(above=sure[0]["above"], **_together(sure).model_dump()),
    )


def _together(parts: Sequence[Values]) -> Answers:
    """The answers of all `parts`; the means are weighted by their numbers."""
    full = [part for part in parts if part["count"]]
    count = sum(part["count"] for part in full)
    means = {
        name: sum(part["count"] * part[name] for part in full) / count for name in ("confidence", "accuracy") if full
    }
    return Answers(count=count, **means)
