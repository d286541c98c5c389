"""The frontier of a dataset: what the comparisons at its several budgets say together, as stretches and in words."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby

from tasks.comparison.pairing import reference_of
from tasks.comparison.schema import DatasetComparison, Difference, Frontier, Stretch
from tasks.comparison.verdict import breaches, reason
from tasks.comparison.wording import count, enumeration, family_title, percent, points

IS = {"better": "better", "worse": "worse", "undetected": "not detectably different", "unknown": "not compared"}


def frontiers(parts: Sequence[DatasetComparison], families: Sequence[str]) -> tuple[Frontier, ...]:
    """The frontier of every dataset; `parts` are the run's comparisons, those of a dataset together, budgets rising."""
    grouped = [list(group) for _, group in groupby(parts, lambda part: part.name)]
    return tuple(_frontier(group, families) for group in grouped)


def _frontier(parts: list[DatasetComparison], families: Sequence[str]) -> Frontier:
    reference = reference_of(families)
    by_family = {family: stretches(parts, family, reference) for family in families if family != reference}
    said = [_compared(parts, found) for found in by_family.values()] or [_alone(parts)]
    return Frontier(
        name=parts[0].name,
        title=parts[0].title,
        verdict=" ".join([*said, *_lost(parts), *_breached(parts)]),
        stretches=tuple(stretch for found in by_family.values() for stretch in found),
    )


def stretches(parts: Sequence[DatasetComparison], family: str, reference: str) -> list[Stretch]:
    """What holds of `family` from budget to budget; neighbours with the same conclusion are one stretch."""
    return [
        Stretch(family=family, reference=reference, conclusion=conclusion, budgets=tuple(part.budget for part in group))
        for conclusion, group in groupby(parts, lambda part: _conclusion(part, family))
    ]


def _conclusion(part: DatasetComparison, family: str):
    difference = _difference(part, family)
    return difference.conclusion if difference else "unknown"


def _difference(part: DatasetComparison, family: str) -> Difference | None:
    return next((difference for difference in part.differences if difference.family == family), None)


def _compared(parts: Sequence[DatasetComparison], found: Sequence[Stretch]) -> str:
    """Where a family is better, where worse, and where its advantage begins and ends."""
    family, reference = family_title(found[0].family), family_title(found[0].reference)
    pieces = [f"{IS[stretch.conclusion]} {_range(stretch)}{_by(parts, stretch)}" for stretch in found]
    pieces[0] = pieces[0].replace(_range(found[0]), f"{_range(found[0])} parameters", 1)
    known = [part for part in parts if _difference(part, found[0].family)]
    advantage = _advantage(stretches(known, found[0].family, found[0].reference))
    return f"Against the {reference} on {parts[0].title}, the {family} is {'; '.join(pieces)}.{advantage}"


def _range(stretch: Stretch) -> str:
    least, greatest = stretch.budgets[0], stretch.budgets[-1]
    return f"at {count(least)}" if least == greatest else f"from {count(least)} to {count(greatest)}"


def _by(parts: Sequence[DatasetComparison], stretch: Stretch) -> str:
    """How large a detected difference is in the stretch."""
    if stretch.conclusion not in ("better", "worse"):
        return ""
    found = [_difference(part, stretch.family) for part in parts if part.budget in stretch.budgets]
    sizes = sorted({points(abs(each.estimate)) for each in found if each}, key=float)
    return f" (by {' to '.join(dict.fromkeys([sizes[0], sizes[-1]]))} points)"


def _advantage(known: Sequence[Stretch]) -> str:
    """Between which budgets the advantage begins and ends; `known` leaves out what could not be compared."""
    better = [number for number, stretch in enumerate(known) if stretch.conclusion == "better"]
    if not known:
        return ""
    if len(better) != 1:
        return " Its advantage comes and goes." if better else " It has no advantage that could be detected."
    if len(known) == 1:
        return " Its advantage neither begins nor ends within these budgets."
    (place,) = better
    own, before, after = known[place].budgets, known[:place], known[place + 1 :]
    begins = f"begins between {count(before[-1].budgets[-1])} and {count(own[0])} parameters" if before else ""
    ends = f"ends between {count(own[-1])} and {count(after[0].budgets[0])}" if after else ""
    begins = begins or f"is there at {count(own[0])} parameters, the fewest compared,"
    ends = ends or f"lasts to {count(own[-1])}, the most compared"
    return f" Its advantage {begins} and {ends}."


def _alone(parts: Sequence[DatasetComparison]) -> str:
    """A run of one family has nothing to compare: what there is."""
    done = [(part, model) for part in parts for model in part.models if model.status == "done"]
    reached = [f"{percent(model.accuracy)} at {count(part.budget)} parameters" for part, model in done]
    family = family_title(parts[0].models[0].family)
    said = f"there is no comparison; the {family} reaches {enumeration(reached)}" if done else "there is no result"
    return f"On {parts[0].title} {said}."


def _lost(parts: Sequence[DatasetComparison]) -> list[str]:
    """A sentence for each reason for which a family has no result."""
    found = defaultdict(list)
    for part in parts:
        for model in part.models:
            if model.status != "done":
                found[model.family, reason(model)].append(count(part.budget))
    return [
        f"The {family_title(family)} has no result at {enumeration(budgets)} parameters: {why}."
        for (family, why), budgets in found.items()
    ]


def _breached(parts: Sequence[DatasetComparison]) -> list[str]:
    """A sentence for each way in which comparisons are not fair."""
    found = defaultdict(list)
    for part in parts:
        if names := breaches(part.fairness):
            found[names].append(count(part.budget))
    return [
        f"The comparison is not fair at {enumeration(budgets)} parameters: the contract is broken on {names}."
        for names, budgets in found.items()
    ]
