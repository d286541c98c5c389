"""P-values: of one pair of models, of several seeds, and of several comparisons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tasks.comparison.statistics.p_values import combine, holm, mcnemar

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
