"""On which classes a family is better than another one, in words."""

from collections.abc import Sequence

from tasks.comparison.schema.differences import ClassDifference, Difference
from tasks.comparison.words.wording import NAMED, count, enumeration, points, quoted, starting, the_family


def classes_in_words(difference: Difference) -> str:
    """Sentences on the classes where `family` is better, on those where it is worse, and on the others."""
    by_size = sorted(difference.classes, key=lambda each: -abs(each.estimate))
    found = {
        conclusion: [each for each in by_size if each.conclusion == conclusion] for conclusion in ("better", "worse")
    }
    than, opening, said = f" than {the_family(difference.reference)}", the_family(difference.family), []
    for conclusion, classes in found.items():
        if classes:
            said.append(starting(f"{opening} is {conclusion}{than} on {_classes(classes, len(by_size))}."))
            than, opening = "", "It"
    undetected = [each for each in difference.classes if each.conclusion == "undetected"]
    return " ".join([*said, *_rest(difference, undetected)])


def _classes(found: Sequence[ClassDifference], of: int) -> str:
    """ "7 of 10 classes, most on “shirt” (8.1 points, 3.2 to 13.0)"; the first of those `found` is the most."""
    all_of_them = {1: "the only class with test examples", 2: "both classes"}.get(of, f"all {count(of)} classes")
    number = all_of_them if len(found) == of else f"{count(len(found))} of {count(of)} classes"
    bounds = sorted((abs(found[0].low), abs(found[0].high)))
    size = f"{points(abs(found[0].estimate))} points, {points(bounds[0])} to {points(bounds[1])}"
    return f"{number}, {'most on ' if len(found) > 1 else ''}{quoted(found[0].name)} ({size})"


def _rest(difference: Difference, undetected: Sequence[ClassDifference]) -> list[str]:
    if not undetected:
        return []
    if len(undetected) == len(difference.classes) > 1:
        family, reference = the_family(difference.family), the_family(difference.reference)
        where = f"none of the {count(len(undetected))} classes"
        return [f"On {where} was a difference between {family} and {reference} detected."]
    named = enumeration([quoted(each.name) for each in undetected])
    where = named if len(undetected) <= NAMED else f"the other {count(len(undetected))} classes"
    return [f"On {where} no difference was detected."]
