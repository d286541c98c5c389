"""The difference of one family between two runs: how often its interval holds the truth, and what it agrees with."""

import numpy as np
import pytest
from scipy import stats

from tasks.comparison.between.difference import paired, unpaired
from tasks.comparison.statistics.crossed import of_difference
from tests.support.crossed_models import Cell, answers

ALPHA = 0.05
ROUNDS = 600


def models(seeds: int, others: int, gap: float = 0.0):
    """Rounds of the answers of two runs' models on the same 1,000 examples, and the true difference."""
    cell = Cell(seeds=max(seeds, others), examples=1_000, accuracy=0.8, spread=0.1, gap=gap)
    (first, second), truth = answers(cell, ROUNDS, seed=7)
    return list(zip(first[:, :seeds], second[:, :others], strict=True)), truth


@pytest.mark.parametrize(("seeds", "others"), [(3, 3), (3, 9), (9, 3), (2, 5)])
def test_no_difference_is_rarely_taken_for_one(seeds, others):
    """Between two runs of one configuration, whatever their numbers of seeds, some 5 % of differences count."""
    rounds, _ = models(seeds, others)
    wrong = np.mean([paired(after, before).p_value < ALPHA for after, before in rounds])
    assert 0.015 <= wrong <= 0.075


@pytest.mark.parametrize(("seeds", "others"), [(3, 3), (3, 9)])
def test_the_interval_holds_the_true_difference(seeds, others):
    """About 95 of 100 intervals do, where there is one."""
    rounds, truth = models(seeds, others, gap=0.02)
    covered = np.mean([low <= truth <= high for a, b in rounds for low, high in [paired(a, b).interval(ALPHA)]])
    assert 0.93 <= covered <= 0.99


def test_more_seeds_tell_more():
    """Nine seeds beside three give narrower intervals than three beside three."""
    few, many = (np.mean([paired(a, b).error for a, b in models(3, others)[0]]) for others in (3, 9))
    assert many < few


def test_as_many_seeds_give_what_two_families_give():
    """With equal numbers of seeds it is the estimate of two families, to one part in twenty."""
    for after, before in models(4, 4, gap=0.03)[0][:20]:
        ours, theirs = paired(after, before), of_difference(after, before)
        assert ours.mean == pytest.approx(theirs.mean)
        assert ours.error == pytest.approx(theirs.error, rel=0.05)


def test_the_interval_leaves_out_0_if_and_only_if_the_difference_counts():
    """Interval and p-value come from one estimate."""
    for after, before in models(3, 5, gap=0.03)[0][:100]:
        for found in (paired(after, before), unpaired(after, before)):
            low, high = found.interval(ALPHA)
            assert (low > 0 or high < 0) == (found.p_value < ALPHA)


def test_one_seed_takes_over_the_spread_of_the_other_run():
    """A run of one seed beside one of five is not taken for more certain than its own seed can be."""
    wrong = np.mean([paired(after, before).p_value < ALPHA for after, before in models(1, 5)[0]])
    assert wrong <= 0.08


def test_one_seed_each_is_the_test_of_two_models():
    """Then the p-value is that of a paired t-test over the examples."""
    after, before = models(1, 1, gap=0.03)[0][0]
    expected = stats.ttest_rel(after[0].astype(float), before[0].astype(float)).pvalue
    assert paired(after, before).p_value == pytest.approx(expected, rel=1e-6)


def test_the_same_answers_differ_by_nothing():
    """Other models that answer alike give 0 within an interval around it."""
    hits = models(3, 3)[0][0][0]
    found = paired(hits, hits)
    low, high = found.interval(ALPHA)
    assert found.mean == 0
    assert low < 0 < high


def test_other_examples_are_two_samples():
    """Two test parts need not be of one size; the interval is wider than that of the same examples."""
    (after, before), *_ = models(3, 3)[0]
    assert unpaired(after, before[:, :700]).error > paired(after, before).error
    assert unpaired(after, before[:, :700]).mean == pytest.approx(after.mean() - before[:, :700].mean())
