"""What a report opens with: its question, and each answer in one line."""

from collections import Counter
from collections.abc import Sequence

from tasks.comparison.schema.differences import Difference
from tasks.comparison.schema.report import DatasetComparison
from tasks.comparison.words.wording import ABBREVIATION, concluded, family_title, points, starting, the_family

VOWELS = "AEFHILMNORSX"  # letters whose names begin with a vowel: "an F"


def question(families: Sequence[str], reference: str, *, datasets: int, parts: int) -> str:
    """The question that a run of these `families` answers; the `datasets` at each of their budgets are `parts`."""
    where = f"On {_each(datasets)} dataset, at {_each(parts)} parameter budget"
    others = [_a_family(family) for family in families if family != reference]
    if not others:
        return f"{where}, how good is {_a_family(reference)}, and what does it cost?"
    asked = " or ".join([", ".join(others[:-1]), others[-1]] if len(others) > 1 else others)
    return f"{where}, is {asked} really better than {_a_family(reference)}, by how much, and what does it cost?"


def _each(number: int) -> str:
    return "each" if number > 1 else "this"


def answer(difference: Difference) -> str:
    """The conclusion on one difference in a line: "The CNN is better than the ANN by 21.6 points"."""
    family, reference = the_family(difference.family), the_family(difference.reference)
    if difference.conclusion in ("better", "worse"):
        size = points(abs(difference.estimate))
        return starting(f"{family} is {difference.conclusion} than {reference} by {size} points")
    if difference.conclusion == "equal":
        return starting(f"{family} and {reference} are practically equal")
    if difference.conclusion == "undecided":
        return f"Undecided between {family} and {reference}"
    direction = difference.conclusion.removesuffix(" or equal")
    return starting(f"{family} is {direction} than {reference}, or practically equal")


def answer_over_budgets(differences: Sequence[Difference], budgets: int) -> str:
    """How often each conclusion was drawn on one family, over the `budgets` of a run.

    `differences` are not empty. A budget without a comparison has none.
    """
    return _counted(differences, budgets, "at", "budgets")


def tally(parts: Sequence[DatasetComparison]) -> str:
    """How often each conclusion was drawn on each family, over the comparisons `parts`."""
    by_family: dict[str, list[Difference]] = {}
    for difference in (each for part in parts for each in part.differences):
        by_family.setdefault(difference.family, []).append(difference)
    said = [_counted(found, len(parts), "on", "comparisons") for found in by_family.values()]
    return " ".join(f"{sentence}." for sentence in said or ["Nothing could be compared"])


def _counted(differences: Sequence[Difference], of: int, preposition: str, what: str) -> str:
    """ "The CNN against the ANN: better at 3 of 5 budgets, undecided at 2"."""
    first = differences[0]
    found = Counter(concluded(difference.conclusion) for difference in differences)
    counted = [*found.most_common(), ("not compared", of - len(differences))]
    parts = [f"{conclusion} {preposition} {number}" for conclusion, number in counted if number]
    parts[0] = f"{parts[0]} of {of} {what}"
    return starting(f"{the_family(first.family)} against {the_family(first.reference)}: {', '.join(parts)}")


def _a_family(family: str) -> str:
    """A family as one of its kind: "an ANN", "a CNN"; a whole name takes no article."""
    title = family_title(family)
    if len(family) > ABBREVIATION:
        return title
    return f"an {title}" if title[0] in VOWELS else f"a {title}"
