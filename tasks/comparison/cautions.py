"""What a reader must know of a model before its accuracy means anything, in words without the model's name."""

from collections.abc import Sequence

import numpy as np

from tasks.comparison.schema import Baseline, Difference, Model
from tasks.comparison.statistics import ALPHA
from tasks.comparison.wording import enumeration, percent, quoted

NAMED = 5  # classes that are named before the others are counted


def cautions(model: Model, baseline: Baseline | None) -> str:
    """ "predicts “cat” only and is no better than ...", or an empty text when there is nothing to say."""
    said = [_constant(model), _no_better(model, baseline), "" if _is_constant(model) else _never(model)]
    return enumeration([each for each in said if each])


def right_together(difference: Difference) -> bool:
    """Whether both models of every seed are right on the very same examples."""
    return not any(test.only_family or test.only_reference for test in difference.seeds)


def _is_constant(model: Model) -> bool:
    return bool(model.replicates) and all(replicate.classes_predicted == 1 for replicate in model.replicates)


def _constant(model: Model) -> str:
    seeds = [str(replicate.seed) for replicate in model.replicates if replicate.classes_predicted == 1]
    if not seeds:
        return ""
    if not _is_constant(model):
        return f"predicts one class only under {'seed' if len(seeds) == 1 else 'seeds'} {enumeration(seeds)}"
    predicted = np.flatnonzero(np.sum(model.confusion_matrix or [[0]], axis=0))
    names = [quoted(model.classes[index].name) for index in predicted.tolist()]
    return f"predicts {names[0]} only" if len(names) == 1 else "predicts one class only under every seed"


def _no_better(model: Model, baseline: Baseline | None) -> str:
    if baseline is None or model.margin is None:
        return ""
    is_above = model.margin.estimate > 0
    if is_above and model.margin.p_value < ALPHA:
        return ""
    better = "detectably better" if is_above else "better"
    is_not = "is not" if is_above else "is no"
    name = quoted(baseline.name)
    return f"{is_not} {better} than always answering {name}, the largest class ({percent(baseline.accuracy)})"


def _never(model: Model) -> str:
    if not model.never_predicted:
        return ""
    return (
        f"never predicts {len(model.never_predicted)} of {len(model.classes)} classes ({_some(model.never_predicted)})"
    )


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return enumeration([*names[:NAMED], f"{more} more"] if more > 0 else list(names))
