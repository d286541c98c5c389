"""The paired statistics of a comparison: what a few seeds and one test set show about a difference.

There are two questions. McNemar's exact test asks, seed by seed, whether these two trained models err equally often.
The bootstrap asks how large the difference is for the two *ways of making* a model, so it resamples seeds too.
A difference counts only when both answers say so. `tasks.comparison.pairing` makes them one p-value and one interval.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtri, stdtrit

ALPHA = 0.05  # the level of every test
LEVEL = 1 - ALPHA  # the confidence of every interval
RESAMPLES = 10_000
BLOCK = 1_000  # resamples at a time, which bounds the memory


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of the exact McNemar test, from the examples that only one of two models got right.

    Source: McNemar, Psychometrika 12 (1947) 153-157, with the binomial in place of its approximation. scipy.special
    computes the binomial: its import takes a quarter of the time of scipy.stats.
    """
    return min(1.0, 2.0 * float(bdtr(min(only_first, only_second), only_first + only_second, 0.5)))


def combine(p_values: Sequence[float]) -> float:
    """One p-value from those of K seeds: K/k times the k-th smallest, with k the smallest majority.

    Seeds share their test examples, so their p-values depend on one another in an unknown way. This rule is valid
    under every dependence. The result is small only when most seeds agree. One p-value alone stays as it is.
    Source: Rüger, Metrika 25 (1978) 171-178; Vovk and Wang, Biometrika 107 (2020) 791-808, section 1.

    Raises:
        ValueError: there are no p-values.
    """
    if not p_values:
        raise ValueError("expected at least one p-value, received none")
    majority = len(p_values) // 2 + 1
    return min(1.0, len(p_values) / majority * sorted(p_values)[majority - 1])


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number, in the given order; this controls the family-wise error rate.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values, float)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted.tolist()


def resampled_means(values: NDArray, seed: int = 0) -> NDArray[np.float64]:
    """RESAMPLES means of `values` [seeds, examples], resampling both seeds and examples.

    `values` are small whole numbers: 0 and 1 (wrong or right) or their differences. Examples with the same values under
    every seed are interchangeable. So a resample draws how often each *pattern* occurs, not each example. This is
    exact, and hundreds of times cheaper. With few seeds a plain bootstrap is too narrow, so the deviations between
    seeds are widened by `seed_widening`. With one seed the means are about that seed's models only.
    Source: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007) 386-411, for the two levels.
    """
    patterns, counts = np.unique(np.asarray(values, dtype=np.int8), axis=1, return_counts=True)
    generator = np.random.default_rng(seed)
    return np.concatenate([_resampled(patterns, counts, generator) for _ in range(RESAMPLES // BLOCK)])


def percentile_interval(means: NDArray, estimate: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """Percentile interval of resampled `means`, cut to what is possible; it always holds the `estimate` itself.

    The widening for few seeds can lead beyond `bounds`, the least and greatest mean that there can be.
    """
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    least, greatest = bounds
    return min(max(float(low), least), estimate), max(min(float(high), greatest), estimate)


def sign_p_value(means: NDArray, estimate: float) -> float:
    """Two-sided p-value of no difference: how often resampled `means` do not have the sign of the `estimate`.

    It is below ALPHA only if the percentile interval of the same means leaves out 0.
    Source: Davison and Hinkley, Bootstrap Methods and their Application (1997), section 4.2, for the added one.
    """
    other = np.count_nonzero(means * np.sign(estimate) <= 0)
    return min(1.0, 2.0 * (other + 1) / (len(means) + 1))


def seed_widening(seeds: int) -> float:
    """The factor that widens the deviations between resampled seeds.

    It has two parts. sqrt(S / (S - 1)) corrects the bootstrap, which is too narrow for S seeds. Student's quantile over
    the normal quantile allows for a spread that is estimated from S values only.
    Source: Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69 (2015) 371-386.
    """
    if seeds == 1:
        return 0.0
    upper = (1 + LEVEL) / 2
    return sqrt(seeds / (seeds - 1)) * float(stdtrit(seeds - 1, upper) / ndtri(upper))


def _resampled(patterns: NDArray, counts: NDArray, generator: np.random.Generator) -> NDArray:
    """BLOCK resampled means of `patterns` [seeds, patterns]; `counts` [patterns] are the examples of each pattern."""
    seeds, examples = len(patterns), counts.sum()
    seed_weights = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=BLOCK) / seeds
    seed_weights = 1 / seeds + (seed_weights - 1 / seeds) * seed_widening(seeds)
    example_weights = generator.multinomial(examples, counts / examples, size=BLOCK) / examples
    return ((seed_weights @ patterns) * example_weights).sum(axis=1)
