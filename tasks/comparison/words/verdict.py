"""The verdict on a dataset at one budget: a sentence for each compared family, each lost result and each breach."""

from collections import defaultdict
from collections.abc import Sequence

from tasks.comparison.schema.differences import Difference
from tasks.comparison.schema.models import Baseline, Model
from tasks.comparison.schema.report import Clause
from tasks.comparison.words.cautions import cautions, right_together
from tasks.comparison.words.cost import cost_in_words
from tasks.comparison.words.wording import (
    confidence,
    count,
    enumeration,
    p_value,
    percent,
    plural,
    points,
    starting,
    the_family,
)

ONE_SEED = "One seed cannot tell how much another training would differ: the interval speaks of these models alone."


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

    It says what accuracy costs. It names what one seed cannot tell, each model that has learned little, each family
    without a result, and the broken clauses of fairness.
    """
    where = f"On {title} at {count(budget)} parameters"
    parts = [_compared(difference) for difference in differences] or [_alone(models)]
    costs = [said for difference in differences if (said := cost_in_words(difference))]
    sentences = [f"{where} {'; '.join(parts)}.", *costs, *few_seeds(differences)]
    sentences += [_together(difference) for difference in differences if right_together(difference)]
    sentences += [starting(f"{the_family(m.family)} {said}.") for m in models if (said := cautions(m, baseline))]
    sentences += [f"{without_result(families)}: {why}." for why, families in lost(models).items()]
    if breached := breaches(clauses):
        sentences.append(f"The comparison is not fair: the contract is broken on {breached}.")
    return " ".join(sentences)


def few_seeds(differences: Sequence[Difference]) -> list[str]:
    """What one seed cannot tell, as a sentence; none with more seeds, or without a comparison."""
    return [ONE_SEED] if any(len(difference.seeds) == 1 for difference in differences) else []


def lost(models: Sequence[Model]) -> dict[str, list[str]]:
    """The families without a result, by the reason that they share."""
    families = defaultdict(list)
    for model in models:
        if model.status != "done":
            families[reason(model)].append(model.family)
    return dict(families)


def without_result(families: Sequence[str]) -> str:
    """ "The ANN and the CNN have no result"."""
    named = enumeration([the_family(family) for family in families])
    return starting(f"{named} {'has' if len(families) == 1 else 'have'} no result")


def reason(model: Model) -> str:
    """Why a model has no result, without a full stop at the end."""
    return str(model.error).rstrip(".")


def breaches(clauses: Sequence[Clause]) -> str:
    """The names of the broken clauses of the contract; an empty text when all hold."""
    return enumeration([clause.name for clause in clauses if clause.holds is False])


def _compared(difference: Difference) -> str:
    family, reference = the_family(difference.family), the_family(difference.reference)
    evidence = f"{plural(len(difference.seeds), 'seed')}, {p_value(difference.p_value)}"
    interval = f"{confidence(difference.level)} interval"
    if difference.conclusion in ("better", "worse"):
        bounds = sorted((abs(difference.low), abs(difference.high)))
        return (
            f"{family} is {difference.conclusion} than {reference} by {points(abs(difference.estimate))} points "
            f"({interval} {points(bounds[0])} to {points(bounds[1])}; {evidence})"
        )
    return (
        f"{_undetected(difference)} ({points(difference.estimate)} points, {interval} "
        f"{points(difference.low)} to {points(difference.high)}; {evidence})"
    )


def _undetected(difference: Difference) -> str:
    """What can be said where no difference counts."""
    margin = points(difference.equivalence)
    family, reference = the_family(difference.family), the_family(difference.reference)
    if difference.conclusion == "equal":
        return f"{family} and {reference} are practically equal: they differ by at most {margin} points"
    if difference.conclusion == "undecided":
        return (
            f"it is undecided whether {family} or {reference} is better: this design detects differences of "
            f"{points(difference.detectable)} points or more"
        )
    opposite = {"better or equal": "worse", "worse or equal": "better"}[difference.conclusion]
    return (
        f"{family} is {difference.conclusion.replace(' or', ' than ' + reference + ' or')} to it: it is not {opposite} "
        f"by more than {margin} points"
    )


def _together(difference: Difference) -> str:
    family, reference = the_family(difference.family), the_family(difference.reference)
    if not any(test.both_right for test in difference.seeds):
        return f"Neither {family} nor {reference} is right on any test example."
    where = "exactly the same examples" if any(test.both_wrong for test in difference.seeds) else "every test example"
    return starting(f"{family} and {reference} are right on {where}.")


def _alone(models: Sequence[Model]) -> str:
    """The results of families that cannot be compared."""
    done = [f"{the_family(m.family)} reaches {percent(m.accuracy)}" for m in models if m.status == "done"]
    return f"there is no comparison; {enumeration(done)}" if done else "there is no result"
