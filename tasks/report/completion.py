"""What a report has beside the comparison of its evidence, added in one place whoever makes it."""

from collections.abc import Mapping

from tasks.comparison.data import Pictures, illustrated
from tasks.comparison.schema.forecast import Estimate
from tasks.comparison.schema.report import Comparison
from tasks.report.duration.estimate import with_forecast


def completed(
    comparison: Comparison, pictures: Mapping[str, Pictures], expected: Estimate | None, code: Mapping[str, str]
) -> Comparison:
    """The comparison with its pictures, what was expected of the run, and the digests of its code by stage."""
    whole = with_forecast(illustrated(comparison, pictures), expected)
    return whole.model_copy(update={"code": dict(code)})
