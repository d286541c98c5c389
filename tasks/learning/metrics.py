"""The scores of one model's predictions: every number of `evaluate`.

Nothing here needs more memory than the probabilities themselves, so 10,000 classes are no harm.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.learning.temperature import apply, pieces
from tasks.settings.values import Frozen

BINS = 15  # equal-width confidence bins, as Guo et al. use
SURE = 0.9  # the confidence above which a model is called sure of its answer
TOP = 5  # the guesses that `top5_accuracy` allows


class Bin(Frozen):
    """Answers of like confidence: how many, their mean confidence, how often they are right; null where there are none.

    The confidence of an answer is the probability of the class that the model predicts.
    """

    count: int
    confidence: float | None
    accuracy: float | None

    @property
    def gap(self) -> float:
        """Accuracy minus confidence; 0 where there are no answers."""
        return 0.0 if self.accuracy is None or self.confidence is None else self.accuracy - self.confidence


class Sure(Bin):
    """The answers of a confidence `above` so much, of whatever bin."""

    above: float


class Calibrated(Frozen):
    """The scores of probabilities at a temperature; those that no temperature changes are in `Metrics`.

    Attributes:
        reliability, sure, calibration_error, brier, log_loss: as those of `Metrics`.
    """

    reliability: tuple[Bin, ...]
    sure: Sure
    calibration_error: float
    brier: float
    log_loss: float


class Metrics(Frozen):
    """The scores of one model on one set of labelled examples.

    Attributes:
        balanced_accuracy, precision_macro, f1_macro: means of recall, precision and F1 over the classes that have
            examples here. So two models are averaged over the same classes, whatever they predict.
        top5_accuracy: how often the true class is among the five most probable; None with no more than five classes.
        precision, recall, f1: one number for each class, in the order of the labels; 0 where it is undefined.
        support: true examples of each class.
        confusion: [true class, predicted class, examples], of every pair that occurs, in rising order.
        reliability: BINS equally wide bins of the confidence, from 0 to 1; `sure`: the answers above SURE.
        calibration_error: expected |accuracy - confidence| over these bins, between 0 and 1.
        brier: the Brier score, between 0 and 2.
        log_loss: mean negative log-likelihood of the true class, in nats.
    """

    accuracy: float
    balanced_accuracy: float
    precision_macro: float
    f1_macro: float
    top5_accuracy: float | None
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    support: tuple[int, ...]
    confusion: tuple[tuple[int, int, int], ...]
    reliability: tuple[Bin, ...]
    sure: Sure
    calibration_error: float
    brier: float
    log_loss: float


def measure(y_true: NDArray, y_prob: NDArray) -> Metrics:
    """The metrics of class probabilities `y_prob` [n, k] against labels `y_true` [n] in 0..k-1.

    The predicted class is the most probable one; on a tie, the lower label. The balanced accuracy is that of
    `sklearn.metrics.balanced_accuracy_score`, which leaves out classes without examples too.

    Raises:
        ValueError: the shapes do not fit, a label is out of range, or a row is not a probability distribution.
    """
    from sklearn import metrics  # its import takes seconds, which users of `Metrics` alone should not spend

    truth, sums = _checked(y_true, y_prob)
    labels = np.arange(y_prob.shape[1])
    predicted = y_prob.argmax(axis=1)
    scores = metrics.precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    precision, recall, f1, support = scores
    has_examples = support > 0
    correct, confidence = predicted == truth, y_prob.max(axis=1) / sums
    return Metrics(
        accuracy=metrics.accuracy_score(truth, predicted),
        balanced_accuracy=recall[has_examples].mean(),
        precision_macro=precision[has_examples].mean(),
        f1_macro=f1[has_examples].mean(),
        top5_accuracy=top_accuracy(truth, y_prob, TOP) if len(labels) > TOP else None,
        precision=tuple(precision.tolist()),
        recall=tuple(recall.tolist()),
        f1=tuple(f1.tolist()),
        support=tuple(support.tolist()),
        confusion=confusion(truth, predicted),
        **_of_confidence(correct, confidence),
        brier=float(squared_errors(truth, y_prob, sums).mean()),
        log_loss=log_loss(_chosen(y_prob, truth) / sums),
    )


def calibrated(y_true: NDArray, y_prob: NDArray, temperature: float) -> Calibrated:
    """The scores of class probabilities `y_prob` [n, k] at a temperature, against labels `y_true` [n] in 0..k-1.

    Raises:
        ValueError: as `measure`.
    """
    truth, _ = _checked(y_true, y_prob)
    found = [_each(truth[rows], apply(y_prob[rows], temperature)) for rows in pieces(y_prob)]
    confidence, of_truth, errors = np.concatenate(found, axis=1)
    return Calibrated(
        **_of_confidence(y_prob.argmax(axis=1) == truth, confidence),
        brier=float(errors.mean()),
        log_loss=log_loss(of_truth),
    )


def _each(truth: NDArray, y_prob: NDArray) -> NDArray[np.float64]:
    """Of each example the confidence, the probability of its label, and the squared error, [3, n]."""
    sums = y_prob.sum(axis=1, dtype=np.float64)
    return np.stack([y_prob.max(axis=1) / sums, _chosen(y_prob, truth) / sums, squared_errors(truth, y_prob, sums)])


def _of_confidence(correct: NDArray, confidence: NDArray) -> dict[str, Any]:
    """The scores that follow from which answers are `correct`, bool [n], and from the `confidence` in them, [n]."""
    bins = reliability(correct, confidence)
    sure = Sure(above=SURE, **_answers(correct, confidence, confidence > SURE))
    return {"reliability": bins, "sure": sure, "calibration_error": calibration_error(bins)}


def top_accuracy(truth: NDArray, y_prob: NDArray, guesses: int) -> float:
    """How often the true class is among the `guesses` most probable; of equally probable ones, the lower labels."""
    of_truth = _chosen(y_prob, truth)[:, None]
    is_before = np.arange(y_prob.shape[1]) < truth[:, None]
    better = np.count_nonzero((y_prob > of_truth) | ((y_prob == of_truth) & is_before), axis=1)
    return float(np.mean(better < guesses))


def confusion(truth: NDArray, predicted: NDArray) -> tuple[tuple[int, int, int], ...]:
    """True class, predicted class and number of every pair that occurs, in rising order."""
    pairs, counts = np.unique(np.stack([truth, predicted]), axis=1, return_counts=True)
    return tuple(map(tuple, np.column_stack([pairs.T, counts]).tolist()))


def log_loss(probabilities: NDArray) -> float:
    """The mean of -ln of the true classes' `probabilities`, none of them taken as 0: as scikit-learn's `log_loss`."""
    least = np.finfo(np.float64).eps
    return float(-np.log(np.clip(probabilities, least, 1 - least)).mean())


def squared_errors(truth: NDArray, y_prob: NDArray, sums: NDArray) -> NDArray[np.float64]:
    """Of each example the squared error of its probabilities, summed over the classes, [n]; the mean is Brier's score.

    Each row of `y_prob` [n, k] is divided by its sum, `sums` [n]. With two classes it is twice the score that
    scikit-learn gives by default, which counts one of them.
    Source: Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review 78 (1950) 1-3.
    """
    squares = np.einsum("ij,ij->i", y_prob, y_prob, dtype=np.float64) / sums**2  # no copy of the probabilities
    return np.maximum(squares - 2 * _chosen(y_prob, truth) / sums + 1, 0)


def reliability(correct: NDArray, confidence: NDArray) -> tuple[Bin, ...]:
    """The answers by confidence: `correct`, bool [n], and `confidence`, [n] in 0..1, in equally wide bins (low, high].

    Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 2.
    """
    index = np.digitize(confidence, np.linspace(0, 1, BINS + 1)[1:-1], right=True)
    return tuple(Bin(**_answers(correct, confidence, index == number)) for number in range(BINS))


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: |accuracy - confidence| of each bin, weighted by its answers.

    scikit-learn has no such score. Source: Guo et al., as above, equation 3.
    """
    return sum(each.count * abs(each.gap) for each in bins) / sum(each.count for each in bins)


def _answers(correct: NDArray, confidence: NDArray, chosen: NDArray) -> dict[str, Any]:
    """The fields of the `Bin` of the answers that are `chosen`, bool [n]."""
    number = int(chosen.sum())
    if not number:
        return {"count": 0, "confidence": None, "accuracy": None}
    return {
        "count": number,
        "confidence": float(confidence[chosen].mean(dtype=np.float64)),
        "accuracy": float(correct[chosen].mean()),
    }


def _chosen(y_prob: NDArray, labels: NDArray) -> NDArray:
    """From every row of `y_prob` [n, k], the probability of its label, [n]."""
    return np.take_along_axis(y_prob, labels[:, None], axis=1)[:, 0]


def _checked(y_true: NDArray, y_prob: NDArray) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The labels as integers, and the sum of each row, float64 [n], by which its probabilities are divided."""
    truth = np.asarray(y_true)
    if y_prob.ndim != 2 or truth.shape != y_prob.shape[:1] or not len(truth):
        raise ValueError(f"expected labels [n] and probabilities [n, k], received {truth.shape}, {y_prob.shape}")
    sums = y_prob.sum(axis=1, dtype=np.float64)
    if bad := int((~np.isfinite(sums)).sum()):  # NaN and infinity stay in a sum
        raise ValueError(f"expected finite probabilities, received NaN or infinity in {bad} of {len(truth)} rows")
    if y_prob.min() < 0 or np.abs(sums - 1).max() > 1e-3:
        raise ValueError("expected rows of probabilities that sum to 1; received others (logits? apply softmax)")
    if truth.min() < 0 or truth.max() >= y_prob.shape[1]:
        raise ValueError(f"expected labels in 0..{y_prob.shape[1] - 1}, received {truth.min()} to {truth.max()}")
    return truth.astype(np.int64), sums
