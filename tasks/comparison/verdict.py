"""The verdict on a dataset at one budget: a sentence for each compared family, each lost result and each breach."""

from collections.abc import Sequence

from tasks.comparison.cautions import cautions, right_together
from tasks.comparison.schema import Baseline, Clause, Difference, Model
from tasks.comparison.wording import count, enumeration, family_title, p_value, percent, plural, points, ratio

TOO_FEW = {
    1: "One seed cannot tell how much another training would differ: the interval is about the examples only.",
    2: "Two seeds are too few to tell how much trainings differ, so the interval is wide.",
}


def verdict(
    title: str,
    budget: int,
    models: Sequence[Model],
    differences: Sequence[Difference],
    clauses: Sequence[Clause],
    *,
    baseline: Baseline | None = None,
) -> str:
    """The verdict on the dataset `title`.

    It names what few seeds cannot tell, each model that has learned little, each family without a result, and the
    broken clauses of fairness.
    """
    where = f"On {title} at {count(budget)} parameters"
    parts = [_compared(difference) for difference in differences] or [_alone(models)]
    sentences = [f"{where} {'; '.join(parts)}.", *few_seeds(differences)]
    sentences += [_together(difference) for difference in differences if right_together(difference)]
    sentences += [f"The {family_title(m.family)} {said}." for m in models if (said := cautions(m, baseline))]
    lost = [model for model in models if model.status != "done"]
    sentences += [f"The {family_title(model.family)} has no result: {reason(model)}." for model in lost]
    if breached := breaches(clauses):
        sentences.append(f"The comparison is not fair: the contract is broken on {breached}.")
    return " ".join(sentences)


def few_seeds(differences: Sequence[Difference]) -> list[str]:
    """What one or two seeds cannot tell, as a sentence; none with more seeds, or without a comparison."""
    fewest = min((len(difference.seeds) for difference in differences), default=0)
    return [TOO_FEW[fewest]] if fewest in TOO_FEW else []


def reason(model: Model) -> str:
    """Why a model has no result, without a full stop at the end."""
    return str(model.error).rstrip(".")


def breaches(clauses: Sequence[Clause]) -> str:
    """The names of the broken clauses of the contract; an empty text when all hold."""
    return enumeration([clause.name for clause in clauses if clause.holds is False])


def _compared(difference: Difference) -> str:
    family, reference = family_title(difference.family), family_title(difference.reference)
    evidence = f"{plural(len(difference.seeds), 'seed')}, {p_value(difference.p_value)}"
    if difference.conclusion == "undetected":
        clause = (
            f"there is no detectable difference between the {family} and the {reference} "
            f"({points(difference.estimate)} points, 95 % interval {points(difference.low)} to "
            f"{points(difference.high)}; {evidence})"
        )
        return clause + _time(difference, f", and the {family} takes")
    bounds = sorted((abs(difference.low), abs(difference.high)))
    clause = (
        f"the {family} is {difference.conclusion} than the {reference} by {points(abs(difference.estimate))} points "
        f"(95 % interval {points(bounds[0])} to {points(bounds[1])}; {evidence})"
    )
    return clause + _time(difference, ", and takes")


def _together(difference: Difference) -> str:
    family, reference = family_title(difference.family), family_title(difference.reference)
    return f"The {family} and the {reference} are right on exactly the same examples."


def _time(difference: Difference, opening: str) -> str:
    if difference.time_ratio is None:
        return ""
    times = ratio(difference.time_ratio)
    return f"{opening} " + ("about as long to train" if times == "1.0" else f"{times} times as long to train")


def _alone(models: Sequence[Model]) -> str:
    """The results of families that cannot be compared."""
    done = [f"the {family_title(m.family)} reaches {percent(m.accuracy)}" for m in models if m.status == "done"]
    return f"there is no comparison; {enumeration(done)}" if done else "there is no result"
