"""What became of the results between two runs: each family's accuracy, and whether the difference exceeds the noise."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tasks.comparison.schema.models import Model
from tasks.comparison.schema.report import Comparison, DatasetComparison
from tasks.comparison.schema.since import TESTED, Relation, Shift
from tasks.comparison.statistics.crossed import Estimate, Hits, of_difference, of_samples
from tasks.comparison.statistics.level import ALPHA
from tasks.comparison.statistics.p_values import holm

Hitting = Callable[[Model], Hits]  # the hits [seeds, examples] of a model with a result


class _Pair(NamedTuple):
    """One family on one dataset at one budget in both runs."""

    dataset: DatasetComparison
    earlier: DatasetComparison
    family: str
    before: Model | None
    after: Model | None


def shifts(before: Comparison, after: Comparison, hits_before: Hitting, hits_after: Hitting) -> tuple[Shift, ...]:
    """One for each family of each dataset that both runs ask for, in the order of `after`.

    Hits are read only of models that are not the same. A budget that differs is no matter: then the models of both
    budgets are compared, where each run has one.
    """
    pairs = list(_pairs(before, after))
    relations = [_relation(pair) for pair in pairs]
    gains = [_gain(pair, relation, hits_before, hits_after) for pair, relation in zip(pairs, relations, strict=True)]
    adjusted = iter(holm([gain.p_value for gain in gains if gain]))
    return tuple(
        _shift(pair, relation, gain, next(adjusted) if gain else None)
        for pair, relation, gain in zip(pairs, relations, gains, strict=True)
    )


def _pairs(before: Comparison, after: Comparison) -> Iterator[_Pair]:
    """The budget tells comparisons apart only in a run over several."""
    several = bool(before.request.budgets or after.request.budgets)
    earlier = {(each.name, each.budget if several else None): each for each in before.datasets}
    for dataset in after.datasets:
        if (old := earlier.get((dataset.name, dataset.budget if several else None))) is None:
            continue
        models = {model.family: model for model in old.models}
        for model in dataset.models:
            if model.family in models:
                sides = (side if side.status == "done" else None for side in (models[model.family], model))
                yield _Pair(dataset, old, model.family, *sides)


def _relation(pair: _Pair) -> Relation:
    if not (pair.before and pair.after):
        return "no result"
    if pair.earlier.classes != pair.dataset.classes:
        return "other classes"
    if None in (pair.before.test_part, pair.after.test_part):
        return "unknown test part"
    old, new = _trained(pair.before), _trained(pair.after)
    same_test = pair.before.test_part == pair.after.test_part
    common = old.keys() & new.keys()
    if same_test and common and all(old[seed] == new[seed] for seed in common):
        return "same models" if old.keys() == new.keys() else "same training"
    return "same test part" if same_test else "other test part"


def _trained(model: Model) -> dict[int, str | None]:
    """The key of each training's artifact, by its seed."""
    return {each.seed: each.digests.get("train") for each in model.replicates}


def _gain(pair: _Pair, relation: Relation, hits_before: Hitting, hits_after: Hitting) -> Estimate | None:
    """None for the same models, and where one seed cannot tell how much trainings differ."""
    if not (pair.before and pair.after) or relation not in TESTED:
        return None
    if min(len(pair.before.replicates), len(pair.after.replicates)) == 1:
        return None
    estimate = of_difference if relation == "same test part" else of_samples
    return estimate(hits_after(pair.after), hits_before(pair.before))


def _shift(pair: _Pair, relation: Relation, gain: Estimate | None, p_value: float | None) -> Shift:
    before, after = (side.accuracy if side else None for side in (pair.before, pair.after))
    low, high = (min(max(bound, -1.0), 1.0) for bound in gain.interval(ALPHA)) if gain else (None, None)
    return Shift(
        dataset=pair.dataset.name,
        title=pair.dataset.title,
        budget=pair.dataset.budget,
        family=pair.family,
        before=before,
        after=after,
        seeds_before=len(pair.before.replicates) if pair.before else 0,
        seeds=len(pair.after.replicates) if pair.after else 0,
        relation=relation,
        estimate=gain.mean if gain else _difference(before, after, relation),
        low=low,
        high=high,
        p_value=p_value,
        p_value_unadjusted=gain.p_value if gain else None,
        exceeds_noise=p_value < ALPHA if p_value is not None else None,
    )


def _difference(before: float | None, after: float | None, relation: Relation) -> float | None:
    """Of two accuracies that are not tested; None without one of them, and of two tasks."""
    if before is None or after is None or relation == "other classes":
        return None
    return after - before
