"""The promises of `tasks.comparison.statistics.classes`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from tasks.comparison.statistics.classes import of_classes
from tasks.comparison.statistics.crossed import of_difference
from tests.support.crossed_models import Cell, answers


def drawn(seed, seeds, examples, classes):
    """Hits of two families, and the labels of the examples."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, examples)
    family, reference = (generator.random((seeds, examples)) < rate for rate in (0.8, 0.6))
    return family, reference, labels


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 200), st.integers(1, 12), st.sampled_from([5, 1]))
@settings(max_examples=100)
def test_every_class_is_a_comparison_of_its_own_examples(seed, seeds, examples, classes, level):
    """A class's estimate is that of its columns; its interval leaves out 0 if and only if its p-value counts."""
    family, reference, labels = drawn(seed, seeds, examples, classes)
    found = of_classes(family, reference, labels, level / 100)
    assert [each.label for each in found] == sorted(set(labels.tolist()))
    assert sum(each.estimate.examples for each in found) == examples
    for each in found:
        own = labels == each.label
        assert each.estimate == of_difference(family[:, own], reference[:, own])
        assert each.low <= each.estimate.mean <= each.high
        assert (each.p_value < 0.05) == (each.low > 0 or each.high < 0)


def test_the_p_values_are_adjusted_for_the_number_of_classes():
    """They are those of statsmodels' Bonferroni correction; at a smaller level they are larger in proportion."""
    family, reference, labels = drawn(7, 3, 600, 10)
    found = of_classes(family, reference, labels)
    alone = [each.estimate.p_value for each in found]
    assert [each.p_value for each in found] == pytest.approx(multipletests(alone, method="bonferroni")[1])
    stricter = of_classes(family, reference, labels, 0.01)
    assert [each.p_value for each in stricter] == pytest.approx([min(1, 5 * each.p_value) for each in found])


@pytest.mark.parametrize("cell", [Cell(3, 2_000, 0.85, 0.05), Cell(2, 1_000, 0.6, 0.1)], ids=str)
def test_a_difference_on_any_class_is_rarely_seen_where_there_is_none(cell):
    """Of 200 comparisons of like families at most 5 % see a difference on one of their ten classes or more."""
    (family, reference), _ = answers(cell, 200, 11)
    labels = np.arange(cell.examples) % 10
    wrong = [
        any(each.p_value < 0.05 for each in of_classes(first, second, labels))
        for first, second in zip(family, reference, strict=True)
    ]
    assert np.mean(wrong) <= 0.05
