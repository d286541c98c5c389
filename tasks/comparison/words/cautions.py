"""What a reader must know of a model before its accuracy means anything, in words without the model's name."""

from tasks.comparison.schema.differences import Difference
from tasks.comparison.schema.models import Baseline, Model
from tasks.comparison.statistics.level import ALPHA
from tasks.comparison.words.wording import count, enumeration, percent, quoted, ranges, some


def cautions(model: Model, baseline: Baseline | None) -> str:
    """ "predicts “cat” only and is no better than ...", or an empty text when there is nothing to say."""
    said = [_constant(model), _no_better(model, baseline), "" if _is_constant(model) else _never(model)]
    return enumeration([each for each in said if each])


def earlier_seeds(model: Model, run: str) -> str:
    """ "seeds 0 to 2 from earlier runs, 3 and 4 new", or an empty text when `run` trained every replicate itself."""
    new = [replicate.seed for replicate in model.replicates if replicate.trained_in == run]
    earlier = [replicate.seed for replicate in model.replicates if replicate.trained_in != run]
    if not earlier:
        return ""
    said = f"{'seed' if len(earlier) == 1 else 'seeds'} {ranges(earlier)} from earlier runs"
    return f"{said}, {ranges(new)} new" if new else said


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
    names = [quoted(model.classes[label].name) for label in sorted({predicted for _, predicted, _ in model.confusion})]
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
    of = sum(score.support > 0 for score in model.classes)
    return f"never predicts {count(len(model.never_predicted))} of {count(of)} classes ({some(model.never_predicted)})"
