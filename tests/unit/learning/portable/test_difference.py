"""What counts as the same answer, and as a tie."""

import numpy as np
import pytest

from tasks.learning.portable.difference import Difference, difference

TRUTH = np.array([[0.7, 0.2, 0.1], [0.5, 0.5 - 1e-6, 1e-6], [0.4, 0.35, 0.25]])


def changed(*cells):
    """TRUTH with other numbers at (row, column)."""
    result = TRUTH.copy()
    for row, column, value in cells:
        result[row, column] = value
    return result


def test_what_is_the_same_differs_by_nothing():
    """The largest difference is 0, and no answer is another."""
    assert difference(TRUTH, TRUTH.copy()) == Difference(0.0, 0, 0)
    assert difference(TRUTH[:0], TRUTH[:0]) == Difference(0.0, 0, 0)


def test_the_largest_difference_counts():
    """Up to 1e-4 a file may stand for the network, if the answers are the same."""
    near, far = (difference(TRUTH, changed((0, 2, 0.1 + gap))) for gap in (0.9e-4, 1.1e-4))
    assert near.largest == pytest.approx(0.9e-4)
    assert (near.is_small, far.is_small) == (True, False)


def test_another_answer_is_excused_by_a_tie_alone():
    """Two classes that are equally probable to the network may change places; two that are not may not."""
    tie = difference(TRUTH, changed((1, 1, 0.5 + 1e-6)))
    assert (tie.unlike, tie.ties, tie.is_small) == (1, 1, True)
    other = difference(TRUTH, changed((2, 1, 0.41)))
    assert (other.unlike, other.ties, other.is_small) == (1, 0, False)
    assert not Difference(0.0, 2, 1).is_small


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_no_answer(value):
    """A file whose probabilities are no numbers stands for nothing."""
    assert not difference(TRUTH, changed((0, 0, value))).is_small


def test_the_differences_of_pieces_add_up():
    """The largest of all pieces, and the sum of the answers that are others."""
    assert Difference(1e-6, 2, 1).with_more(Difference(3e-6, 1, 1)) == Difference(3e-6, 3, 2)
