"""Looks at growing evidence keep their level together."""

import numpy as np
import pytest

from tasks.comparison.statistics.crossed import of_difference
from tasks.comparison.statistics.looks import level
from tests.support.crossed_models import Cell, answers


def test_one_look_has_the_whole_level_and_more_looks_have_less_each():
    """Between the looks of the table, the next larger number of looks counts."""
    levels = [level(looks) for looks in range(1, 101)]
    assert levels[0] == pytest.approx(0.05, abs=1e-4)
    assert levels == sorted(levels, reverse=True)
    assert level(7) == level(8)


@pytest.mark.parametrize("looks", [0, 101])
def test_an_impossible_number_of_looks_is_refused(looks):
    """No table says anything of none, or of more than there may be."""
    with pytest.raises(ValueError, match=f"expected 1 to 100 looks, received {looks}"):
        level(looks)


@pytest.mark.parametrize("spread", [0.02, 0.3])
def test_ten_looks_together_are_wrong_in_at_most_5_percent(spread):
    """Three seeds more at each look: of 400 series without a difference, at most 6.5 % have one that finds one.

    Ten looks at 5 % each do so more often.
    """
    (families, truth), looks, a_night = answers(Cell(30, 500, 0.88, spread), 400, 3), 10, 3
    found = [
        [of_difference(family[:seeds], reference[:seeds]).p_value for seeds in range(a_night, 31, a_night)]
        for family, reference in zip(*families, strict=True)
    ]
    least = np.min(found, axis=1)
    assert truth == 0
    assert np.mean(least < level(looks)) <= 0.065 < np.mean(least < 0.05)
