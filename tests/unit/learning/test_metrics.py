"""The promises of `tasks.learning.metrics`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import classification_report

from tasks.learning.metrics import calibration_error, measure


def _predictions(seed: int, examples: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, examples).astype(np.uint8)
    return truth, generator.dirichlet(np.ones(classes), examples).astype(np.float32)


def test_scores_are_those_of_scikit_learn():
    """Macro and per-class scores equal scikit-learn's own report."""
    truth, probabilities = _predictions(0, 500, 4)
    expected = classification_report(truth, probabilities.argmax(axis=1), output_dict=True)
    found = measure(truth, probabilities)
    assert found.accuracy == pytest.approx(expected["accuracy"])
    assert found.f1_macro == pytest.approx(expected["macro avg"]["f1-score"])
    assert found.recall[2] == pytest.approx(expected["2"]["recall"])
    assert found.precision_macro == pytest.approx(expected["macro avg"]["precision"])


def test_log_loss_is_the_mean_surprise():
    """The loss is the mean of -ln(probability of the true class)."""
    truth, probabilities = _predictions(1, 200, 3)
    surprise = -np.log(probabilities[np.arange(200), truth].astype(float))
    assert measure(truth, probabilities).log_loss == pytest.approx(surprise.mean(), rel=1e-5)


def test_a_class_without_examples_is_still_there():
    """A class that is never true and never predicted has a row, scores 0 and lowers the macro average."""
    truth = np.array([0, 1, 0, 1], np.uint8)
    probabilities = np.eye(3, dtype=np.float32)[truth]
    found = measure(truth, probabilities)
    assert found.confusion_matrix == ((2, 0, 0), (0, 2, 0), (0, 0, 0))
    assert (found.f1, found.support) == ((1.0, 1.0, 0.0), (2, 2, 0))
    assert found.f1_macro == pytest.approx(2 / 3)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 6))
@settings(max_examples=40)
def test_the_numbers_agree_with_one_another(seed, examples, classes):
    """The confusion matrix holds every example, its diagonal is the accuracy, its rows are the support."""
    truth, probabilities = _predictions(seed, examples, classes)
    found = measure(truth, probabilities)
    matrix = np.array(found.confusion_matrix)
    assert matrix.shape == (classes, classes)
    assert matrix.sum() == examples
    assert found.accuracy == pytest.approx(matrix.trace() / examples)
    assert found.support == tuple(matrix.sum(axis=1))
    assert 0 <= found.calibration_error <= 1
    assert found.log_loss >= 0


def test_a_model_as_sure_as_it_is_right_has_no_calibration_error():
    """Stated confidence 0.7 with 70 % right is no error; with 20 % right it is one of 0.5."""
    confidence = np.full(10, 0.7)
    assert calibration_error(np.arange(10) < 7, confidence) == pytest.approx(0)
    assert calibration_error(np.arange(10) < 2, confidence) == pytest.approx(0.5)


def test_calibration_error_equals_the_definition():
    """The vectorised error equals the sum over bins (low, high] that Guo et al. write down."""
    generator = np.random.default_rng(3)
    confidence, correct = generator.uniform(0.1, 1, 400), generator.uniform(size=400) < 0.6
    expected = 0.0
    for low, high in zip(np.linspace(0, 1, 16)[:-1], np.linspace(0, 1, 16)[1:], strict=True):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            expected += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    assert calibration_error(correct, confidence) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("truth", "probabilities", "reason"),
    [
        ([0, 1], [[0.5, 0.5], [np.nan, 0.5]], "NaN or infinity in 1 of 2 rows"),
        ([0, 1], [[0.5, 0.5], [np.inf, 0.5]], "NaN or infinity"),
        ([0, 1], [[3.0, -2.0], [0.5, 0.5]], "softmax"),
        ([0, 1], [[2.0, 1.0], [0.5, 0.5]], "softmax"),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "labels in 0..1, received 0 to 2"),
        ([0], [[0.5, 0.5], [0.5, 0.5]], r"received \(1,\), \(2, 2\)"),
        ([], np.zeros((0, 2)), "expected labels"),
    ],
)
def test_what_cannot_be_measured_is_refused(truth, probabilities, reason):
    """Probabilities with NaN, logits, and labels out of range are errors that say so."""
    with pytest.raises(ValueError, match=reason):
        measure(np.array(truth), np.array(probabilities))
