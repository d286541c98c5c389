"""What a design can tell keeps to what simulations of that design show."""

import numpy as np
import pytest

from tasks.comparison.statistics.crossed import Estimate, of_difference
from tasks.comparison.statistics.design import POWER, chance_of_next, detectable, seeds_for
from tasks.comparison.statistics.sample import TO_PAIRS, Sample
from tests.support.crossed_models import Cell, answers

SAMPLE = Sample(mean=0.01, variance=0.2, examples=15_000, of_seeds=3e-5, added=TO_PAIRS)
KNOWN = Estimate(
    samples=(SAMPLE,), freedom=1e6, seed_variance=1e-4, example_variance=0.1, rest_variance=0.1, seeds=3,
    examples=10_000,
)  # fmt: skip


def of_mean(mean):
    """The same with another mean."""
    return KNOWN._replace(samples=(SAMPLE._replace(mean=mean),))


def test_a_detectable_difference_is_detected_in_four_of_five_runs():
    """Comparisons that differ by what the design calls detectable have p < 0.05 in 80 % of cases, within 8 %."""
    cell = Cell(5, 1000, 0.9, 0.05)
    families, _ = answers(cell, 60, 1)
    found = [detectable(of_difference(*pair), 0.05) for pair in zip(*families, strict=True)]
    families, truth = answers(cell._replace(gap=float(np.median(found))), 400, 2)
    assert truth == pytest.approx(np.median(found), abs=1e-4)
    p_values = [of_difference(*pair).p_value for pair in zip(*families, strict=True)]
    assert np.mean(np.less(p_values, 0.05)) == pytest.approx(POWER, abs=0.08)


def test_more_seeds_detect_smaller_differences_until_the_examples_end_it():
    """The number rises as the difference falls; below what the examples alone allow, no number is enough.

    One seed does not tell how much seeds differ, so it tells no number at all.
    """
    numbers = [seeds_for(KNOWN, points / 100, 0.05) for points in (10, 4, 2, 1.5, 1)]
    assert numbers[0] == 2
    assert numbers[:-1] == sorted(numbers[:-1])
    assert seeds_for(KNOWN, 0.008, 0.05) is None
    assert seeds_for(KNOWN, 0.00886, 0.05) > 1_000
    assert seeds_for(KNOWN._replace(seeds=1), 0.1, 0.05) is None
    error = np.sqrt(1e-4 / numbers[2] + 0.1 / 10_000 + 0.1 / numbers[2] / 10_000)
    assert (1.96 + 0.8416) * error <= 0.02


def test_the_chance_of_the_next_seed():
    """It is even without a difference, rises with it, and is not known from one seed."""
    assert chance_of_next(of_mean(0.0)) == pytest.approx(0.5)
    assert 0.5 < chance_of_next(KNOWN) < chance_of_next(of_mean(0.05)) < 1
    assert chance_of_next(KNOWN._replace(seeds=1)) is None
    assert chance_of_next(KNOWN._replace(seed_variance=0.0, rest_variance=0.0)) == 1


def test_the_chance_is_how_often_a_new_seed_is_better():
    """Over many runs, the mean of what they say is the share of new pairs in which the first family is better."""
    cell = Cell(4, 2000, 0.9, 0.15, gap=0.01)
    families, _ = answers(cell, 500, 4)
    said, better = [], []
    for family, reference in zip(*families, strict=True):
        said.append(chance_of_next(of_difference(family[:3], reference[:3])))
        better.append(family[3].mean() > reference[3].mean())
    assert np.mean(said) == pytest.approx(np.mean(better), abs=0.06)
