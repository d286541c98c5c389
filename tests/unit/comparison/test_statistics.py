"""The promises of `tasks.comparison.statistics`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from tasks.comparison.statistics import (
    combine,
    holm,
    mcnemar,
    percentile_interval,
    resampled_means,
    seed_widening,
    sign_p_value,
)

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=9)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_exact_binomial_test(first, second):
    """The p-value equals scipy's two-sided binomial test on the discordant pairs, and is 1 without any."""
    expected = binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_mcnemar_does_not_care_which_model_is_first(first, second):
    """Swapping the models leaves the p-value."""
    assert mcnemar(first, second) == mcnemar(second, first)


def test_mcnemar_rejects_as_often_as_it_may():
    """Of two equal models, at most 5 % of test sets give p < 0.05."""
    generator = np.random.default_rng(0)
    firsts = generator.binomial(200, 0.5, 2000)
    assert np.mean([mcnemar(int(first), 200 - int(first)) < 0.05 for first in firsts]) < 0.06


@given(P_VALUES)
def test_combined_p_value_needs_a_majority(p_values):
    """The combined value ignores order, is never below the smallest majority's largest, and never above 1."""
    found = combine(p_values)
    assert found == combine(p_values[::-1])
    assert sorted(p_values)[len(p_values) // 2] <= found <= 1


def test_combined_p_values_by_hand():
    """One seed keeps its p-value; of two the larger counts; of three the middle one times 1.5."""
    assert combine([0.03]) == 0.03
    assert combine([0.01, 0.2]) == 0.2
    assert combine([0.9, 0.001, 0.02]) == pytest.approx(0.03)
    with pytest.raises(ValueError, match="at least one"):
        combine([])


@pytest.mark.parametrize("correlation", [0.0, 0.7, 1.0])
def test_combined_p_value_is_valid_under_dependence(correlation):
    """Under a true null hypothesis at most 5 % fall below 0.05, however much the seeds depend on one another."""
    generator = np.random.default_rng(1)
    shared, own = generator.normal(size=(4000, 1)), generator.normal(size=(4000, 3))
    scores = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
    p_values = scores.argsort(axis=0).argsort(axis=0) / 4000 + 1 / 8000
    assert np.mean([combine(list(row)) < 0.05 for row in p_values]) < 0.057


def test_holm_by_hand():
    """The textbook example: smallest times 3, next times 2, never decreasing, in the order given."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]) == []


@given(P_VALUES)
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values):
    """Adjusted p <= 0.05 is the same as Holm's sequential rule; one test alone is not adjusted."""
    rejected, total = set(), len(p_values)
    for step, index in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[index] * (total - step) > 0.05:
            break
        rejected.add(int(index))
    assert {i for i, p in enumerate(holm(p_values)) if p <= 0.05} == rejected
    assert holm(p_values[:1]) == p_values[:1]


def bootstrap_interval(values, seed=0):
    """The interval of a difference."""
    return percentile_interval(resampled_means(values, seed), float(values.mean()), (-1.0, 1.0))


def _differences(generator, seeds: int, examples: int, *, mean: float, between_seeds: float) -> np.ndarray:
    """Differences in {-1, 0, 1} of `seeds` pairs of models whose true differences scatter around `mean`."""
    shift = np.clip(mean + between_seeds * generator.normal(size=(seeds, 1)), -0.29, 0.29)
    draw = generator.uniform(size=(seeds, examples))
    return (draw < 0.3 + shift / 2).astype(int) - (draw > 0.7 + shift / 2).astype(int)


@pytest.mark.parametrize(("seeds", "between_seeds"), [(3, 0.0), (3, 0.05), (2, 0.02)])
def test_the_interval_covers_the_truth(seeds, between_seeds):
    """At least 92 % of 95 % intervals hold the true difference, when examples vary and when seeds do."""
    generator = np.random.default_rng(2)
    hits = 0
    for trial in range(80):
        values = _differences(generator, seeds, 300, mean=0.05, between_seeds=between_seeds)
        low, high = bootstrap_interval(values, seed=trial)
        hits += low <= 0.05 <= high
    assert hits / 80 >= 0.92


def test_the_interval_agrees_with_resampling_example_by_example():
    """Counting patterns is a short-cut, not another method: a plain bootstrap of one seed gives the same interval."""
    generator = np.random.default_rng(4)
    values = _differences(generator, 1, 400, mean=0.1, between_seeds=0)
    plain = values[0][generator.integers(0, 400, (10_000, 400))].mean(axis=1)
    assert bootstrap_interval(values) == pytest.approx(np.quantile(plain, [0.025, 0.975]), abs=0.006)


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(2, 50))
@settings(max_examples=25)
def test_the_interval_does_not_care_about_the_order_of_examples(seed, seeds, examples):
    """Examples in another order, the same for every seed, give the same interval."""
    generator = np.random.default_rng(seed)
    values = generator.integers(-1, 2, (seeds, examples))
    assert bootstrap_interval(generator.permutation(values, axis=1)) == bootstrap_interval(values)


def test_swapping_the_models_mirrors_the_interval():
    """Second minus first has the interval of first minus second with the signs turned, and both hold the estimate."""
    values = _differences(np.random.default_rng(6), 3, 5000, mean=0.1, between_seeds=0.01)
    low, high = bootstrap_interval(values)
    mirrored_low, mirrored_high = bootstrap_interval(-values)
    assert (-mirrored_high, -mirrored_low) == pytest.approx((low, high), abs=0.003)
    assert low < values.mean() < high


def test_the_interval_is_reproducible():
    """The same seed gives the same interval; models that never differ give an interval of no width."""
    values = np.random.default_rng(5).integers(-1, 2, (3, 1000))
    assert bootstrap_interval(values, seed=7) == bootstrap_interval(values, seed=7)
    assert bootstrap_interval(np.zeros((3, 50), int)) == (0, 0)


def test_fewer_seeds_are_widened_more():
    """One seed has no spread to widen; two seeds know least of it; many need no widening."""
    assert seed_widening(1) == 0
    assert seed_widening(2) > seed_widening(3) > seed_widening(5) > seed_widening(100) > 1
    assert seed_widening(100) < 1.03


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 300), st.floats(-0.25, 0.25))
@settings(max_examples=60)
def test_a_small_p_value_has_an_interval_without_zero(seed, seeds, examples, mean):
    """Both come from the same resampled means: wherever the p-value is below 0.05, the interval leaves out 0."""
    values = _differences(np.random.default_rng(seed), seeds, examples, mean=mean, between_seeds=0.02)
    means, estimate = resampled_means(values), float(values.mean())
    low, high = percentile_interval(means, estimate, (-1.0, 1.0))
    assert sign_p_value(means, estimate) >= 0.05 or low > 0 or high < 0
