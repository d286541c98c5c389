"""What a report has beside the comparison of its evidence, added in one place whoever makes it."""

from collections.abc import Mapping

from tasks.comparison.assembly import compare
from tasks.comparison.data import Pictures, illustrated
from tasks.comparison.evidence import Branch
from tasks.comparison.schema.forecast import Estimate
from tasks.comparison.schema.report import Comparison
from tasks.report.collection import (
    Publish,
    Records,
    Say,
    code_of,
    collect,
    environment,
    facts_of,
    pictures_of,
)
from tasks.report.duration.estimate import with_forecast
from tasks.settings.request import Request
from tasks.storage.contract import Store


def compiled(
    request: Request, records: Records, store: Store, expected: Estimate | None, progress: Say, publish: Publish
) -> tuple[Comparison, list[Branch]]:
    """The comparison of what the stages left, whole but for the run before, and the branches that it is made from.

    `publish` gets the predictions, under the keys that the report names.
    """
    branches = collect(request, records, store, progress, publish)
    comparison = compare(request, branches, records, facts_of(request, store, records), environment())
    pictures, code = pictures_of(comparison, store, records), code_of(store, records)
    return completed(comparison, pictures, expected, code), branches


def completed(
    comparison: Comparison, pictures: Mapping[str, Pictures], expected: Estimate | None, code: Mapping[str, str]
) -> Comparison:
    """The comparison with its pictures, what was expected of the run, and the digests of its code by stage."""
    whole = with_forecast(illustrated(comparison, pictures), expected)
    return whole.model_copy(update={"code": dict(code)})
