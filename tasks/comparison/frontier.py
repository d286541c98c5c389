"""The frontier of a dataset: the comparisons at its several budgets taken together, as stretches and in words."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby

from tasks.comparison.pairing import reference_of
from tasks.comparison.schema.differences import Difference
from tasks.comparison.schema.report import DatasetComparison, Frontier, Stretch
from tasks.comparison.words.cautions import cautions
from tasks.comparison.words.verdict import breaches, few_seeds, lost, without_result
from tasks.comparison.words.wording import concluded, count, enumeration, percent, points, starting, the_family


def frontiers(parts: Sequence[DatasetComparison], families: Sequence[str]) -> tuple[Frontier, ...]:
    """The frontier of every dataset. `parts` are the run's comparisons, by dataset and then by rising budget."""
    grouped = [list(group) for _, group in groupby(parts, lambda part: part.name)]
    return tuple(_frontier(group, families) for group in grouped)


def _frontier(parts: list[DatasetComparison], families: Sequence[str]) -> Frontier:
    reference = reference_of(families)
    by_family = {family: stretches(parts, family, reference) for family in families if family != reference}
    sentences = [_compared(parts, of_family) for of_family in by_family.values()] or [_alone(parts)]
    return Frontier(
        name=parts[0].name,
        title=parts[0].title,
        verdict=" ".join([*sentences, *_few_seeds(parts), *_cautioned(parts), *_lost(parts), *_breached(parts)]),
        stretches=tuple(stretch for of_family in by_family.values() for stretch in of_family),
    )


def stretches(parts: Sequence[DatasetComparison], family: str, reference: str) -> list[Stretch]:
    """The conclusions on `family` along the budgets; neighbouring budgets with one conclusion make one stretch."""
    return [
        Stretch(family=family, reference=reference, conclusion=conclusion, budgets=tuple(part.budget for part in group))
        for conclusion, group in groupby(parts, lambda part: _conclusion(part, family))
    ]


def _conclusion(part: DatasetComparison, family: str):
    difference = _difference(part, family)
    return difference.conclusion if difference else "unknown"


def _difference(part: DatasetComparison, family: str) -> Difference | None:
    return next((difference for difference in part.differences if difference.family == family), None)


def _compared(parts: Sequence[DatasetComparison], of_family: Sequence[Stretch]) -> str:
    """Where a family is better, where it is worse, and where its advantage begins and ends."""
    first = of_family[0]
    family, reference = the_family(first.family), the_family(first.reference)
    pieces = [f"{_concluded(stretch)} {_range(stretch)}{_by(parts, stretch)}" for stretch in of_family]
    pieces[0] = pieces[0].replace(_range(first), f"{_range(first)} parameters", 1)
    compared = [part for part in parts if _difference(part, first.family)]
    advantage = _advantage(stretches(compared, first.family, first.reference))
    return starting(f"{family} against {reference} on {parts[0].title}: {'; '.join(pieces)}.{advantage}")


def _concluded(stretch: Stretch) -> str:
    return "not compared" if stretch.conclusion == "unknown" else concluded(stretch.conclusion)


def _range(stretch: Stretch) -> str:
    least, greatest = stretch.budgets[0], stretch.budgets[-1]
    return f"at {count(least)}" if least == greatest else f"from {count(least)} to {count(greatest)}"


def _by(parts: Sequence[DatasetComparison], stretch: Stretch) -> str:
    """The size of the detected differences in the stretch."""
    if stretch.conclusion not in ("better", "worse"):
        return ""
    differences = [_difference(part, stretch.family) for part in parts if part.budget in stretch.budgets]
    sizes = sorted({points(abs(each.estimate)) for each in differences if each}, key=float)
    return f" (by {' to '.join(dict.fromkeys([sizes[0], sizes[-1]]))} points)"


def _advantage(compared: Sequence[Stretch]) -> str:
    """Between which budgets the advantage begins and ends; `compared` leaves out budgets without a comparison."""
    better = [number for number, stretch in enumerate(compared) if stretch.conclusion == "better"]
    if not compared:
        return ""
    if len(better) != 1:
        return " Its advantage comes and goes." if better else " It has no advantage that could be detected."
    if len(compared) == 1:
        return " Its advantage neither begins nor ends within these budgets."
    (place,) = better
    own, before, after = compared[place].budgets, compared[:place], compared[place + 1 :]
    begins = f"begins between {count(before[-1].budgets[-1])} and {count(own[0])} parameters" if before else ""
    ends = f"ends between {count(own[-1])} and {count(after[0].budgets[0])}" if after else ""
    begins = begins or f"is there at {count(own[0])} parameters, the fewest compared,"
    ends = ends or f"lasts to {count(own[-1])}, the most compared"
    return f" Its advantage {begins} and {ends}."


def _alone(parts: Sequence[DatasetComparison]) -> str:
    """The results of a run of one family, which has nothing to compare."""
    done = [(part, model) for part in parts for model in part.models if model.status == "done"]
    reached = [f"{percent(model.accuracy)} at {count(part.budget)} parameters" for part, model in done]
    family = the_family(parts[0].models[0].family)
    results = f"there is no comparison; {family} reaches {enumeration(reached)}" if done else "there is no result"
    return f"On {parts[0].title} {results}."


def _few_seeds(parts: Sequence[DatasetComparison]) -> list[str]:
    return few_seeds([difference for part in parts for difference in part.differences])


def _cautioned(parts: Sequence[DatasetComparison]) -> list[str]:
    """For each family, a sentence for each caution, with the budgets that it is about."""
    cautioned = defaultdict(list)
    for part in parts:
        for model in part.models:
            if said := cautions(model, part.baseline):
                cautioned[model.family, said].append(count(part.budget))
    return [
        f"At {enumeration(budgets)} parameters {the_family(family)} {said}."
        for (family, said), budgets in cautioned.items()
    ]


def _lost(parts: Sequence[DatasetComparison]) -> list[str]:
    """A sentence for each reason, with the families that it leaves without a result, and the budgets."""
    budgets = defaultdict(list)
    for part in parts:
        for why, families in lost(part.models).items():
            budgets[why, tuple(families)].append(count(part.budget))
    return [
        f"{without_result(families)} at {enumeration(at)} parameters: {why}." for (why, families), at in budgets.items()
    ]


def _breached(parts: Sequence[DatasetComparison]) -> list[str]:
    """A sentence for each set of broken clauses, with the budgets where they are broken."""
    breached = defaultdict(list)
    for part in parts:
        if names := breaches(part.fairness):
            breached[names].append(count(part.budget))
    return [
        f"The comparison is not fair at {enumeration(budgets)} parameters: the contract is broken on {names}."
        for names, budgets in breached.items()
    ]
