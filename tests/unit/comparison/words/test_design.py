"""What a design could have told is said in sentences that hold."""

import pytest

from tasks.comparison.words.design import design_in_words
from tasks.settings.standards import Looks
from tests.support.differences import TEST, difference

ONE = Looks()


def said(looks=ONE, **changes):
    return design_in_words(difference(0.02, 0.01, **changes), looks)


def test_the_smallest_difference_the_seeds_and_the_next_seed_are_named():
    """Whoever reads a report learns what this design can detect, and what another seed would bring."""
    assert said() == (
        "With 3 seeds and this test part, a difference of 1.4 points between the CNN and the ANN is detected with a "
        "probability of 80 %. "
        "About 4 seeds would detect one point. Under a new seed the CNN would beat the ANN with a probability of 80 %."
    )


def test_where_no_number_of_seeds_is_enough_the_test_part_is_too_small():
    """More seeds do not help against few test examples."""
    assert "No number of seeds would detect one point: the test part has too few examples for that." in said(
        seeds_for_a_point=None
    )


def test_very_many_seeds_are_not_none():
    """Where more than 1,000 seeds would be needed, the test part is not blamed."""
    assert "More than 1,000 seeds would be needed to detect one point." in said(seeds_for_a_point=1_001)


def test_one_seed_tells_nothing_of_others():
    """With one seed there is no chance of the next, and no number of seeds."""
    sentences = said(seeds=(TEST,), seeds_for_a_point=None, chance_of_next=None)
    assert sentences.endswith("One seed cannot tell how many seeds would detect a difference of one point.")


@pytest.mark.parametrize(
    ("chance", "words"), [(1.0, "more than 99 %"), (0.0, "less than 1 %"), (0.995, "more than 99 %"), (0.5, "50 %")]
)
def test_nothing_estimated_is_certain(chance, words):
    """A probability of a next seed is never said to be 0 or 100 %."""
    assert said(chance_of_next=chance).endswith(f"with a probability of {words}.")


def test_a_look_at_growing_evidence_says_which_it_is():
    """A single look says nothing of looks; the second of ten says its number, and how sure its interval is."""
    assert "look" not in said()
    assert "This is look 2 of at most 10 at growing evidence." in said(Looks(number=2, planned=10), level=0.0106)
    assert "each has the interval of 98.9 %" in said(Looks(number=2, planned=10), level=0.0106)
