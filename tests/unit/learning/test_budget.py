"""Widths from a budget, on functions that are no model."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.learning.budget import solve
from tasks.settings.training import BUDGET_TOLERANCE as TOLERANCE


def dense(inputs, outputs):
    """Weights of plain dense layers with biases."""

    def count(widths):
        sizes = (inputs, *widths, outputs)
        return sum(sizes[i] * sizes[i + 1] + sizes[i + 1] for i in range(len(sizes) - 1))

    return count


@given(st.integers(4, 3072), st.lists(st.floats(0.25, 4.0), min_size=2, max_size=6), st.integers(6_000, 10**7))
def test_the_budget_is_met_on_both_sides(inputs, ratios, budget):
    """Any ratios, any inputs: within 1 %, never below one unit a stage."""
    count = dense(inputs, 10)
    widths = solve(count, ratios, budget)
    assert len(widths) == len(ratios)
    assert min(widths) >= 1
    assert abs(count(widths) - budget) <= TOLERANCE * budget


def test_widths_keep_their_ratios_where_the_budget_is_ample():
    """The fine adjustment moves widths a little, not the shape of the network."""
    first, second, third = solve(dense(100, 10), (1.0, 2.0, 4.0), 1_000_000)
    assert second / first == pytest.approx(2, rel=0.05)
    assert third / first == pytest.approx(4, rel=0.05)


def test_a_budget_below_the_floor_names_the_floor():
    """The error says how many parameters would do."""
    floor = dense(784, 10)((1, 1))
    with pytest.raises(ValueError, match=f"expected at least {floor:,}"):
        solve(dense(784, 10), (1, 1), floor // 2)


def test_a_size_that_no_width_meets_names_the_nearest():
    """One stage of coarse steps cannot meet every budget; the error says what it can meet."""
    with pytest.raises(ValueError, match="nearest: 3,000"):
        solve(lambda widths: 1_000 * widths[0], (1,), 3_400)


@pytest.mark.parametrize("classes", [2, 100, 10_000])
@pytest.mark.parametrize(
    "count",
    [lambda classes: dense(784, classes), lambda classes: lambda widths: classes * widths[0] + widths[1]],
)
def test_a_budget_that_is_too_small_for_the_classes_names_one_that_would_do(classes, count):
    """Whoever asks for the number that the message names gets a model."""
    with pytest.raises(ValueError, match="expected") as caught:
        solve(count(classes), (1, 1), classes // 4)
    would_do = int(re.search(r"(?:at least|nearest:) ([\d,]+)", str(caught.value))[1].replace(",", ""))
    assert count(classes)(solve(count(classes), (1, 1), would_do)) == pytest.approx(would_do, rel=TOLERANCE)


def test_the_same_question_has_the_same_answer():
    """No chance is involved."""
    assert solve(dense(784, 10), (1, 0.7), 99_000) == solve(dense(784, 10), (1, 0.7), 99_000)
