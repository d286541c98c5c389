"""The promises of `tasks.learning.metrics`."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    balanced_accuracy_score,
    brier_score_loss,
    classification_report,
    log_loss,
    top_k_accuracy_score,
)

from tasks.learning.metrics import BINS, SURE, calibration_error, measure, reliability


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
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(truth, probabilities.argmax(axis=1)))


def test_every_score_of_many_classes_is_that_of_scikit_learn():
    """Loss, Brier score, top-5 and balanced accuracy of rows that do not sum to 1 exactly equal scikit-learn's."""
    truth, probabilities = _predictions(4, 300, 40)
    rows = probabilities.astype(float) / probabilities.sum(axis=1, dtype=float)[:, None]
    found = measure(truth, probabilities)
    assert found.log_loss == pytest.approx(log_loss(truth, rows, labels=range(40)), rel=1e-12)
    assert found.brier == pytest.approx(brier_score_loss(truth, rows, labels=range(40)), rel=1e-12)
    assert found.top5_accuracy == top_k_accuracy_score(truth, rows, k=5, labels=range(40))
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(truth, rows.argmax(axis=1)))


def test_of_equal_probabilities_the_lower_labels_are_guessed():
    """A model that finds all ten classes alike has the first five among its guesses, and no class more than once."""
    assert measure(np.arange(10), np.full((10, 10), 0.1)).top5_accuracy == 0.5
    assert measure(np.arange(5), np.full((5, 5), 0.2)).top5_accuracy is None


def test_a_sure_mistake_has_a_finite_loss():
    """A probability of 0 for the true class counts as the least that a number can tell from 0."""
    assert measure(np.array([0, 1]), np.eye(2)[[1, 1]]).log_loss == pytest.approx(-np.log(np.finfo(float).eps) / 2)


def test_ten_thousand_classes_need_little_memory():
    """10,000 examples of 10,000 classes are measured in less memory than their probabilities take."""
    truth = np.arange(10_000) % 9_999
    probabilities = np.full((10_000, 10_000), 1e-4, np.float32)
    tracemalloc.start()
    found = measure(truth, probabilities)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < probabilities.nbytes
    assert len(found.confusion) == 9_999


def test_log_loss_is_the_mean_surprise():
    """The loss is the mean of -ln(probability of the true class)."""
    truth, probabilities = _predictions(1, 200, 3)
    surprise = -np.log(probabilities[np.arange(200), truth].astype(float))
    assert measure(truth, probabilities).log_loss == pytest.approx(surprise.mean(), rel=1e-5)


def test_a_class_without_examples_counts_in_no_average():
    """A class without examples has its row; whether a model predicts it changes what the others reach, nothing else."""
    truth = np.array([0, 1, 0, 1], np.uint8)
    right = measure(truth, np.eye(3, dtype=np.float32)[truth])
    assert right.confusion == ((0, 0, 2), (1, 1, 2))
    assert (right.f1, right.support) == ((1.0, 1.0, 0.0), (2, 2, 0))
    assert right.f1_macro == right.balanced_accuracy == right.precision_macro == 1
    stray = measure(truth, np.eye(3, dtype=np.float32)[[0, 1, 0, 2]])
    assert stray.confusion == ((0, 0, 2), (1, 1, 1), (1, 2, 1))
    assert stray.balanced_accuracy == pytest.approx(3 / 4)
    assert stray.f1_macro == pytest.approx((1 + 2 / 3) / 2)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 6))
@settings(max_examples=40)
def test_the_numbers_agree_with_one_another(seed, examples, classes):
    """The confusion matrix holds every example, its diagonal is the accuracy, its rows are the support."""
    truth, probabilities = _predictions(seed, examples, classes)
    found = measure(truth, probabilities)
    matrix = np.zeros((classes, classes), int)
    for true, predicted, count in found.confusion:
        matrix[true, predicted] = count
    assert matrix.sum() == examples
    assert found.accuracy == pytest.approx(matrix.trace() / examples)
    assert found.support == tuple(matrix.sum(axis=1))
    assert 0 <= found.calibration_error <= 1
    assert found.log_loss >= 0


def test_the_brier_score_goes_from_0_to_2():
    """A sure and right model has 0, a sure and wrong one 2; one that knows nothing of two classes has 0.5."""
    truth = np.array([0, 1])
    sure = np.eye(2, dtype=np.float32)
    assert measure(truth, sure).brier == 0
    assert measure(truth, sure[::-1]).brier == 2
    assert measure(truth, np.full((2, 2), 0.5)).brier == pytest.approx(0.5)


def test_the_bins_are_those_of_scikit_learn():
    """Accuracy and mean confidence of every bin that has answers are the curve of scikit-learn."""
    truth, probabilities = _predictions(5, 2_000, 3)
    correct = probabilities.argmax(axis=1) == truth
    confidence = probabilities.max(axis=1) / probabilities.sum(axis=1, dtype=float)
    accuracies, confidences = calibration_curve(correct, confidence, n_bins=BINS)
    bins = [each for each in measure(truth, probabilities).reliability if each.count]
    assert [each.accuracy for each in bins] == pytest.approx(accuracies.tolist())
    assert [each.confidence for each in bins] == pytest.approx(confidences.tolist())


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 20))
@settings(max_examples=40)
def test_the_bins_agree_with_the_scores(seed, examples, classes):
    """The bins hold every answer in its place, their accuracies give the accuracy; the sure ones are counted too."""
    truth, probabilities = _predictions(seed, examples, classes)
    found = measure(truth, probabilities)
    full = [(number, each) for number, each in enumerate(found.reliability) if each.count]
    assert len(found.reliability) == BINS
    assert sum(each.count for _, each in full) == examples
    assert sum(each.count * each.accuracy for _, each in full) == pytest.approx(examples * found.accuracy)
    assert all(number / BINS - 1e-9 <= each.confidence <= (number + 1) / BINS + 1e-9 for number, each in full)
    assert found.sure.count <= sum(each.count for number, each in full if (number + 1) / BINS > SURE)
    assert found.calibration_error == calibration_error(found.reliability)
    assert 0 <= found.brier <= 2


def test_the_sure_answers_are_those_above_nine_tenths():
    """Of four answers two are of more than 90 % confidence, and one of these is right; none is sure is no number."""
    sure = measure(np.array([0, 0, 0, 0]), np.array([[0.95, 0.05], [0.05, 0.95], [0.9, 0.1], [0.6, 0.4]])).sure
    assert (sure.count, sure.accuracy) == (2, 0.5)
    assert sure.confidence == pytest.approx(0.95)
    assert measure(np.array([0]), np.array([[0.6, 0.4]])).sure.model_dump() == {
        "count": 0,
        "confidence": None,
        "accuracy": None,
        "above": SURE,
    }


def test_a_model_as_sure_as_it_is_right_has_no_calibration_error():
    """Stated confidence 0.7 with 70 % right is no error; with 20 % right it is one of 0.5."""
    confidence = np.full(10, 0.7)
    assert calibration_error(reliability(np.arange(10) < 7, confidence)) == pytest.approx(0)
    assert calibration_error(reliability(np.arange(10) < 2, confidence)) == pytest.approx(0.5)


def test_calibration_error_equals_the_definition():
    """The error equals the sum over bins (low, high] that Guo et al. write down."""
    generator = np.random.default_rng(3)
    confidence, correct = generator.uniform(0.1, 1, 400), generator.uniform(size=400) < 0.6
    confidence[:15] = np.arange(1, 16) / 15  # the edges themselves
    expected = 0.0
    for low, high in zip(np.linspace(0, 1, 16)[:-1], np.linspace(0, 1, 16)[1:], strict=True):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            expected += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    assert calibration_error(reliability(correct, confidence)) == pytest.approx(expected)


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
