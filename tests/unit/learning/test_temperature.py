"""The promises of `tasks.learning.temperature`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.learning import temperature
from tasks.learning.metrics import calibrated, measure
from tasks.learning.temperature import LEAST, MOST, apply, fit


@st.composite
def predictions(draw, most: int = 60):
    """Labels, and probabilities float32 of logits of any scale, some of which are exactly 0."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    examples, classes = draw(st.integers(1, most)), draw(st.integers(2, 8))
    logits = draw(st.floats(0.01, 200)) * generator.normal(size=(examples, classes))
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    guessed = generator.uniform(size=examples) < draw(st.floats(0, 1))
    truth = np.where(guessed, probabilities.argmax(axis=1), generator.integers(0, classes, examples))
    return truth.astype(np.uint16), probabilities


def scaled(truth, probabilities, at) -> float:
    """The mean negative log-likelihood at a temperature, by the definition."""
    values = np.log(np.maximum(probabilities, temperature.LEAST_PROBABILITY).astype(np.float64)) / at
    values -= values.max(axis=1, keepdims=True)
    return float((np.log(np.exp(values).sum(axis=1)) - values[np.arange(len(truth)), truth]).mean())


@given(predictions())
def test_the_likelihood_is_never_worse_than_without(given_):
    """The fitted temperature is within its bounds, and none on a grid has a smaller loss, 1 among them."""
    truth, probabilities = given_
    fitted = fit(truth, probabilities)
    assert LEAST <= fitted <= MOST
    found = scaled(truth, probabilities, fitted)
    assert found <= scaled(truth, probabilities, 1.0) + 1e-9
    if (probabilities.argmax(axis=1) != truth).any():
        assert found <= min(scaled(truth, probabilities, at) for at in np.geomspace(LEAST, MOST, 50)) + 1e-7


@given(predictions(), st.floats(LEAST, MOST))
def test_no_answer_changes(given_, at):
    """At any temperature the answers are the same, and the rows are distributions; at 1 they are what they were."""
    _, probabilities = given_
    changed = apply(probabilities, at)
    np.testing.assert_array_equal(changed.argmax(axis=1), probabilities.argmax(axis=1))
    np.testing.assert_allclose(changed.sum(axis=1), 1, atol=1e-6)
    assert apply(probabilities, 1.0) is probabilities
    np.testing.assert_allclose(apply(probabilities, 1 + 1e-12), probabilities, atol=1e-6)


@given(predictions(), st.integers(0, 2**32 - 1))
def test_the_order_of_the_examples_does_not_matter(given_, seed):
    """Other orders of the same examples have the same temperature."""
    truth, probabilities = given_
    order = np.random.default_rng(seed).permutation(len(truth))
    assert fit(truth[order], probabilities[order]) == pytest.approx(fit(truth, probabilities), rel=1e-5)


@given(predictions(), st.floats(LEAST, MOST))
def test_scores_in_pieces_are_those_of_the_whole(given_, at):
    """The scores at a temperature are what `measure` says of the scaled probabilities."""
    whole = measure(given_[0], apply(given_[1], at))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(temperature, "VALUES", 16)
        pieces = calibrated(*given_, at)
    assert pieces.reliability == pytest.approx(whole.reliability) or pieces.reliability == whole.reliability
    for name in ("calibration_error", "brier", "log_loss"):
        assert getattr(pieces, name) == pytest.approx(getattr(whole, name))


def test_a_temperature_is_found_again():
    """Labels drawn from probabilities that are then made too sure by a factor of 2.5 give that temperature."""
    generator = np.random.default_rng(0)
    honest = generator.dirichlet(np.ones(5), 20_000)
    truth = (honest.cumsum(axis=1) > generator.uniform(size=(20_000, 1))).argmax(axis=1)
    fitted = fit(truth, apply(honest, 1 / 2.5).astype(np.float32))
    assert fitted == pytest.approx(2.5, rel=0.03)


@pytest.mark.parametrize(
    ("truth", "probabilities"),
    [
        ([], np.empty((0, 3))),  # no example
        ([0, 1], [[0.9, 0.1], [0.2, 0.8]]),  # no mistake
        ([0, 1], [[0.9, 0.1], [np.nan, np.nan]]),  # a network that diverged
        ([1], [[0.4, 0.6]]),  # one example
    ],
)
def test_examples_that_say_nothing_change_nothing(truth, probabilities):
    """Where nothing tells how often the model is wrong, the temperature is 1."""
    assert fit(np.array(truth, np.uint16), np.array(probabilities)) == 1.0


def test_certain_mistakes_are_as_uncertain_as_can_be():
    """A model that is always wrong, with a probability of 0 for the truth, has the highest temperature."""
    assert fit(np.array([1, 1]), np.array([[1.0, 0.0], [1.0, 0.0]])) == pytest.approx(MOST)
