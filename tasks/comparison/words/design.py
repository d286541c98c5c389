"""What the design of a comparison could have told: which differences, with how many seeds, at which look."""

from tasks.comparison.schema.differences import Difference
from tasks.comparison.statistics.level import ALPHA
from tasks.comparison.words.wording import confidence, count, percent, plural, points, the_family
from tasks.settings.standards import Looks

MOST_SEEDS = 1_000  # more are not counted: nobody would train them


def design_in_words(difference: Difference, looks: Looks) -> str:
    """Sentences on the smallest difference that could be detected, on more seeds, on the next one, and on the look."""
    said = [_detectable(difference), _seeds(difference), _next(difference), _look(difference, looks)]
    return " ".join(sentence for sentence in said if sentence)


def _detectable(difference: Difference) -> str:
    family, reference = the_family(difference.family), the_family(difference.reference)
    return (
        f"With {plural(len(difference.seeds), 'seed')} and this test part, a difference of "
        f"{points(difference.detectable)} points between {family} and {reference} is detected with a probability of "
        "80 %."
    )


def _seeds(difference: Difference) -> str:
    if len(difference.seeds) == 1:
        return "One seed cannot tell how many seeds would detect a difference of one point."
    if difference.seeds_for_a_point is None:
        return "No number of seeds would detect one point: the test part has too few examples for that."
    if difference.seeds_for_a_point > MOST_SEEDS:
        return f"More than {count(MOST_SEEDS)} seeds would be needed to detect one point."
    return f"About {plural(difference.seeds_for_a_point, 'seed')} would detect one point."


def _next(difference: Difference) -> str:
    if difference.chance_of_next is None:
        return ""
    family, reference = the_family(difference.family), the_family(difference.reference)
    return (
        f"Under a new seed {family} would beat {reference} with a probability of {_chance(difference.chance_of_next)}."
    )


def _chance(share: float) -> str:
    """A probability in percent. Nothing that was estimated is certain."""
    return "more than 99 %" if share > 0.99 else ("less than 1 %" if share < 0.01 else percent(share, 0))


def _look(difference: Difference, looks: Looks) -> str:
    if looks.planned == 1:
        return ""
    return (
        f"This is look {looks.number} of at most {looks.planned} at growing evidence. All looks together are to err in "
        f"at most {percent(ALPHA, 0)} of cases. So each has the interval of {confidence(difference.level)}, and its "
        "p-value is raised accordingly."
    )
