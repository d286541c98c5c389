"""Comparisons of several datasets taken together, and one of them taken out again.

What is claimed together is tested together: the p-values of all differences are adjusted for their number. Conclusions,
prices of a point and verdicts follow from them. Nothing else of a dataset depends on the others.
"""

from collections.abc import Iterable, Sequence

from tasks.comparison.asked import command, public
from tasks.comparison.cost import priced
from tasks.comparison.data import Pictures
from tasks.comparison.evidence import Values
from tasks.comparison.frontier import frontiers
from tasks.comparison.schema.differences import Difference, conclusion
from tasks.comparison.schema.report import Comparison, DatasetComparison, StageRecord
from tasks.comparison.statistics.level import ALPHA
from tasks.comparison.statistics.p_values import holm
from tasks.comparison.words.verdict import verdict
from tasks.settings.request import Request


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


def united(request: Request, each: Sequence[Comparison], stages: Sequence[StageRecord]) -> Comparison:
    """The comparison of a run of many datasets from those of `each` alone, in the request's order, without pictures.

    `stages` are those of the whole run. The surroundings are those of the first.
    """
    sections = (section.model_copy(update=Pictures()._asdict()) for one in each for section in one.data)
    parts = {
        "status": "complete" if all(one.status == "complete" for one in each) else "partial",
        "data": tuple(sections),
        "stages": (*stages, *(stage for one in each for stage in one.stages)),
        "code": {place: digest for one in each for place, digest in one.code.items()},
    }
    return _asked(each[0], request, (part for one in each for part in one.datasets), parts)


def alone(comparison: Comparison, dataset: str) -> Comparison:
    """What the run says of one dataset when nothing else is claimed."""
    known = [each for each in comparison.datasets if each.name == dataset]
    parts = {
        "status": "complete" if all(model.status == "done" for part in known for model in part.models) else "partial",
        "data": tuple(section for section in comparison.data if section.name == dataset),
        "stages": tuple(stage for stage in comparison.stages if stage.dataset == dataset),
        "code": {place: digest for place, digest in comparison.code.items() if place.split("/")[1:2] == [dataset]},
    }
    return _asked(comparison, comparison.request.alone(dataset), known, parts)


def _asked(known: Comparison, request: Request, datasets: Iterable[DatasetComparison], parts: Values) -> Comparison:
    """What is `known`, of what `request` asks: these datasets, these other parts, and what follows from them."""
    compared = adjusted(datasets)
    following = {
        "datasets": compared,
        "frontiers": frontiers(compared, request.families) if request.budgets else (),
        "reproduce": command(request),
        "request": public(request),
        "forecast": None,
        "since": None,
    }
    return known.model_copy(update={**parts, **following})
