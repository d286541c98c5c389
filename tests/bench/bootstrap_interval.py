"""The interval and the test of version 0.2, beside which the present ones are measured.

The bootstrap draws seeds and examples, and widens the deviations between seeds for their small number. The p-value is
the larger one of the bootstrap's and of McNemar's tests, combined over the seeds by their majority.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from tasks.comparison.statistics.p_values import combine, mcnemar

RESAMPLES = 10_000


class Bootstrapped(NamedTuple):
    """A 95 % interval and a p-value."""

    low: float
    high: float
    p_value: float


def bootstrapped(family: NDArray[np.bool_], reference: NDArray[np.bool_], seed: int) -> Bootstrapped:
    """Of two families' hits [seeds, examples]; `seed` is that of the bootstrap."""
    values = family.astype(np.int8) - reference.astype(np.int8)
    means, estimate = _means(values, seed), float(values.mean())
    low, high = np.quantile(means, [0.025, 0.975])
    other = np.count_nonzero(means * np.sign(estimate) <= 0)
    of_means = min(1.0, 2.0 * (other + 1) / (len(means) + 1))
    of_seeds = combine([mcnemar(int((row > 0).sum()), int((row < 0).sum())) for row in values])
    return Bootstrapped(min(float(low), estimate), max(float(high), estimate), max(of_means, of_seeds))


def _means(values: NDArray[np.int8], seed: int) -> NDArray[np.float64]:
    """Examples with the same values under every seed are interchangeable, so their numbers are drawn."""
    patterns, counts = np.unique(values, axis=1, return_counts=True)
    generator, seeds, examples = np.random.default_rng(seed), len(patterns), counts.sum()
    of_seeds = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLES) / seeds
    of_seeds = 1 / seeds + (of_seeds - 1 / seeds) * _widening(seeds)
    of_examples = generator.multinomial(examples, counts / examples, size=RESAMPLES) / examples
    return ((of_seeds @ patterns) * of_examples).sum(axis=1)


def _widening(seeds: int) -> float:
    return sqrt(seeds / (seeds - 1)) * float(stdtrit(seeds - 1, 0.975) / ndtri(0.975)) if seeds > 1 else 0.0
