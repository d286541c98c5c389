"""Comparisons of several datasets taken together, and one of them taken out again.

What is claimed together is tested together: the p-values of all differences are adjusted for their number. Conclusions,
prices of a point and verdicts follow from them. Nothing else of a dataset depends on the others.
"""

from collections.abc import Iterable, Sequence

from tasks.comparison.cost import priced
from tasks.comparison.frontier import frontiers
from tasks.comparison.schema.differences import Difference, conclusion
from tasks.comparison.schema.report import Comparison, DatasetComparison
from tasks.comparison.statistics.level import ALPHA
from tasks.comparison.statistics.p_values import holm
from tasks.comparison.words.verdict import verdict


def adjusted(parts: Iterable[DatasetComparison]) -> tuple[DatasetComparison, ...]:
    """The comparisons of datasets, with p-values adjusted for all their differences, and what follows from these."""
    known = tuple(parts)
    p_values = iter(holm([each.p_value_unadjusted for part in known for each in part.differences]))
    return tuple(_concluded(part, [next(p_values) for _ in part.differences]) for part in known)


def _concluded(part: DatasetComparison, p_values: Sequence[float]) -> DatasetComparison:
    pairs = zip(part.differences, p_values, strict=True)
    differences = tuple(_difference(part, each, p_value) for each, p_value in pairs)
    said = verdict(part.title, part.budget, part.models, differences, part.fairness, baseline=part.baseline)
    return part.model_copy(update={"differences": differences, "verdict": said})


def _difference(part: DatasetComparison, found: Difference, p_value: float) -> Difference:
    models = {model.family: model for model in part.models}
    concluded = conclusion(found.low, found.high, found.equivalence, detected=p_value < ALPHA)
    gain = found.estimate if concluded in ("better", "worse") else None
    cost = priced(found.cost, models[found.family], models[found.reference], gain)
    return found.model_copy(update={"p_value": p_value, "conclusion": concluded, "cost": cost})


def alone(comparison: Comparison, dataset: str) -> Comparison:
    """What the run says of one dataset when nothing else is claimed."""
    request = comparison.request
    parts = adjusted(each for each in comparison.datasets if each.name == dataset)
    return comparison.model_copy(
        update={
            "datasets": parts,
            "frontiers": frontiers(parts, request.families) if request.budgets else (),
            "data": tuple(section for section in comparison.data if section.name == dataset),
            "stages": tuple(stage for stage in comparison.stages if stage.dataset in (None, dataset)),
        }
    )
