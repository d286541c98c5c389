"""The scores of one model's predictions: every number of `evaluate`, computed by scikit-learn."""

import numpy as np
from numpy.typing import NDArray

from tasks.settings.values import Frozen

BINS = 15  # equal-width confidence bins, as Guo et al. use


class Metrics(Frozen):
    """The scores of one model on one set of labelled examples.

    Attributes:
        precision, recall, f1: one number for each class, in the order of the labels; 0 where it is undefined.
        support: true examples of each class.
        confusion_matrix: examples by true class (row) and predicted class (column).
        calibration_error: expected |accuracy - confidence|, between 0 and 1.
        log_loss: mean negative log-likelihood of the true class, in nats.
    """

    accuracy: float
    precision_macro: float
    recall_macro: float
    f1_macro: float
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    support: tuple[int, ...]
    confusion_matrix: tuple[tuple[int, ...], ...]
    calibration_error: float
    log_loss: float


def measure(y_true: NDArray, y_prob: NDArray) -> Metrics:
    """The metrics of class probabilities `y_prob` [n, k] against labels `y_true` [n] in 0..k-1.

    The predicted class is the most probable one; on a tie, the lower label. The macro averages cover every class, even
    one without examples.

    Raises:
        ValueError: the shapes do not fit, a label is out of range, or a row is not a probability distribution.
    """
    from sklearn import metrics  # its import takes seconds, which users of `Metrics` alone should not spend

    truth, probabilities = _checked(y_true, y_prob)
    labels = np.arange(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    return Metrics(
        accuracy=metrics.accuracy_score(truth, predicted),
        precision_macro=precision.mean(),
        recall_macro=recall.mean(),
        f1_macro=f1.mean(),
        precision=tuple(precision.tolist()),
        recall=tuple(recall.tolist()),
        f1=tuple(f1.tolist()),
        support=tuple(support.tolist()),
        confusion_matrix=tuple(map(tuple, metrics.confusion_matrix(truth, predicted, labels=labels).tolist())),
        calibration_error=calibration_error(predicted == truth, probabilities.max(axis=1)),
        log_loss=metrics.log_loss(truth, probabilities, labels=labels),
    )


def calibration_error(correct: NDArray, confidence: NDArray, bins: int = BINS) -> float:
    """Expected calibration error of predictions: `correct`, bool [n], and their `confidence`, [n] in 0..1.

    Bins are equally wide and closed on the right. scikit-learn has no such score. Source: Guo, Pleiss, Sun and
    Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, equation 3.
    """
    edges = np.linspace(0, 1, bins + 1)
    index = np.digitize(confidence, edges[1:-1], right=True)
    gaps = np.bincount(index, weights=np.asarray(correct, float) - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def _checked(y_true: NDArray, y_prob: NDArray) -> tuple[NDArray, NDArray]:
    """The labels as integers, and the probabilities as float64, each row divided by its sum."""
    truth, probabilities = np.asarray(y_true), np.asarray(y_prob, dtype=np.float64)
    if probabilities.ndim != 2 or truth.shape != probabilities.shape[:1] or not len(truth):
        raise ValueError(f"expected labels [n] and probabilities [n, k], received {truth.shape}, {probabilities.shape}")
    if not np.isfinite(probabilities).all():
        bad = int((~np.isfinite(probabilities)).any(axis=1).sum())
        raise ValueError(f"expected finite probabilities, received NaN or infinity in {bad} of {len(truth)} rows")
    sums = probabilities.sum(axis=1, keepdims=True)
    if probabilities.min() < 0 or np.abs(sums - 1).max() > 1e-3:
        raise ValueError("expected rows of probabilities that sum to 1; received others (logits? apply softmax)")
    if truth.min() < 0 or truth.max() >= probabilities.shape[1]:
        raise ValueError(f"expected labels in 0..{probabilities.shape[1] - 1}, received {truth.min()} to {truth.max()}")
    return truth.astype(np.int64), probabilities / sums
