"""Temperature scaling: one number that makes a model as sure of its answers as it is right.

Probabilities p become softmax(log(p) / T). The order of the classes stays, so no answer changes. A model that is too
sure has T above 1. T is fitted on images that the model did not learn from and that are not test images.
Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

NONE = 1.0  # the temperature that changes nothing
LEAST, MOST = 0.05, 20.0
LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)  # what a probability of 0 is taken for: its logarithm is finite
VALUES = 2**22  # probabilities that are scaled at a time, 8 bytes each
STEPS, PRECISION = 100, 1e-9  # of Newton's method, by which 10 steps are usual


def fit(y_true: NDArray, y_prob: NDArray) -> float:
    """The temperature of the least mean negative log-likelihood, from LEAST to MOST.

    It is 1 where the examples do not say how often such a model is wrong: without examples, without a mistake, and
    where a probability is no number.

    Args:
        y_true: labels, [n] in 0..k-1.
        y_prob: class probabilities, [n, k].
    """
    if not len(y_true) or not np.isfinite(y_prob).all() or (y_prob.argmax(axis=1) == y_true).all():
        return NONE
    low, high, inverse = 1 / MOST, 1 / LEAST, 1 / NONE
    for _ in range(STEPS):  # in 1/T the likelihood has one minimum: its slope rises
        slope, curvature = _derivatives(y_true, y_prob, inverse)
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        newton = inverse - slope / curvature if curvature > 0 else low
        before, inverse = inverse, newton if low < newton < high else float(np.sqrt(low * high))
        if abs(inverse - before) <= PRECISION * before:
            break
    return 1 / inverse


def apply(y_prob: NDArray, temperature: float) -> NDArray:
    """The probabilities at `temperature`, float64 [n, k], of those at temperature 1, [n, k]; at 1 the same array.

    They are more precise than those of a network, so that two classes never become equally probable by rounding.
    """
    return y_prob if temperature == NONE else _softmax(_logarithms(y_prob) / temperature)


def pieces(y_prob: NDArray) -> Iterator[slice]:
    """Cuts of the rows of `y_prob` [n, k] that are small enough to be scaled."""
    step = max(1, VALUES // y_prob.shape[1])
    return (slice(start, start + step) for start in range(0, len(y_prob), step))


def _derivatives(y_true: NDArray, y_prob: NDArray, inverse: float) -> tuple[float, float]:
    """The first and second derivative of the mean negative log-likelihood by 1/T, at `inverse` = 1/T.

    They are the mean over the examples of E[z] - z of the true class, and of the variance of z, with z = log(p).
    """
    slope = curvature = 0.0
    for rows in pieces(y_prob):
        logarithms = _logarithms(y_prob[rows])
        scaled = _softmax(logarithms * inverse)
        mean = np.einsum("ij,ij->i", scaled, logarithms)
        of_truth = np.take_along_axis(logarithms, np.asarray(y_true[rows], np.intp)[:, None], axis=1)[:, 0]
        slope += float((mean - of_truth).sum())
        curvature += float(np.einsum("ij,ij->", scaled, (logarithms - mean[:, None]) ** 2))
    return slope / len(y_true), curvature / len(y_true)


def _logarithms(y_prob: NDArray) -> NDArray[np.float64]:
    return np.log(np.maximum(y_prob, LEAST_PROBABILITY, dtype=np.float64))


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    odds = np.exp(values - values.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)
