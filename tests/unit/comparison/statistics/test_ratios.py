"""The promises of `tasks.comparison.statistics.ratios`."""

import numpy as np
import pytest
from scipy import stats

from tasks.comparison.statistics.ratios import welch_ratio


@pytest.mark.parametrize("sizes", [(3, 3), (2, 5), (10, 3)])
def test_the_interval_is_welchs_on_logarithms(sizes):
    """SciPy, an independent implementation, gives the same interval and the same p-value's side of the level."""
    generator = np.random.default_rng(sum(sizes))
    above, below = (np.exp(generator.normal(mean, 0.1, size)) for mean, size in zip((1.0, 0.4), sizes, strict=True))
    found = welch_ratio(above.tolist(), below.tolist(), 0.05)
    interval = stats.ttest_ind(np.log(above), np.log(below), equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((np.exp(interval.low), np.exp(interval.high)))
    assert found.estimate == pytest.approx(stats.gmean(above) / stats.gmean(below))


def test_the_other_way_round_is_the_inverse():
    """Which family comes first changes no conclusion."""
    one, two = welch_ratio([3.0, 3.3], [1.0, 1.2, 1.1], 0.05), welch_ratio([1.0, 1.2, 1.1], [3.0, 3.3], 0.05)
    assert one == pytest.approx((1 / two.estimate, 1 / two.high, 1 / two.low))


@pytest.mark.parametrize(("above", "below"), [([3.0], [1.0, 1.1]), ([3.0, 3.1], [1.0]), ([3.0], [1.0])])
def test_one_seed_gives_no_interval(above, below):
    """One value tells nothing of how values spread; the ratio itself is there."""
    found = welch_ratio(above, below, 0.05)
    assert found.estimate > 2.5
    assert (found.low, found.high) == (None, None)


def test_what_never_varies_is_known_exactly():
    """Operations are counted, and the same for every seed: the interval is one point."""
    assert welch_ratio([26.0] * 3, [13.0] * 3, 0.05) == pytest.approx((2.0, 2.0, 2.0))


@pytest.mark.parametrize(("above", "below"), [([], [1.0]), ([1.0], []), ([0.0, 1.0], [1.0, 2.0])])
def test_nothing_known_and_nothing_taken_give_no_ratio(above, below):
    """Nothing can be divided by nothing."""
    assert welch_ratio(above, below, 0.05) is None
