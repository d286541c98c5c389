"""The difference of one family's mean accuracy between two runs, whose seeds may be of different numbers.

The seeds of two runs are trainings of their own, so each run has its own variance between seeds. Where both were
measured on the same test part, the examples are paired, as between two families. Otherwise the two means are
independent, as in Welch's test. `tasks.comparison.statistics.crossed` explains the variances.
"""

from math import hypot, sqrt
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from tasks.comparison.statistics.crossed import Hits, of_accuracy, squares


class Gain(NamedTuple):
    """A difference of two means, its standard error, and the degrees of freedom of that."""

    mean: float
    error: float
    freedom: float

    def interval(self, alpha: float) -> tuple[float, float]:
        """The interval at the confidence 1 - `alpha`, within what a difference of shares can be."""
        half = float(stdtrit(self.freedom, 1 - alpha / 2)) * self.error
        return max(self.mean - half, -1.0), min(self.mean + half, 1.0)

    @property
    def p_value(self) -> float:
        """Two-sided, of no difference."""
        return 2 * float(stdtr(self.freedom, -abs(self.mean) / self.error))


def paired(after: Hits, before: Hits) -> Gain:
    """Of two runs on the same examples: `after` [seeds, examples] minus `before` [other seeds, the same examples].

    With one seed in both, the error is that of these two models alone. One seed alone takes over the other run's
    variance between seeds: it is the same family on the same examples.
    """
    examples = after.shape[1]
    columns = after.mean(axis=0) - before.mean(axis=0)
    of_seeds = [_seed_variance(hits) for hits in (after, before)]
    known = [each for each in of_seeds if each is not None]
    parts = [
        (known[0] if each is None else each) / len(hits)
        for each, hits in zip(of_seeds, (after, before), strict=True)
        if known
    ]
    of_examples = float(columns.var(ddof=1)) / examples
    # A mean cannot be known more finely than by one example.
    error = max(sqrt(sum(parts) + of_examples), 1 / examples)
    free = [max(len(hits) - 1, 1) for hits in (after, before)]
    return Gain(float(columns.mean()), error, _freedom(sum(parts) + of_examples, parts, free, examples - 1))


def unpaired(after: Hits, before: Hits) -> Gain:
    """Of two runs on different examples, by Welch's test of two estimates that are independent."""
    one, other = of_accuracy(after), of_accuracy(before)
    error = hypot(one.error, other.error)
    freedom = error**4 / (one.error**4 / one.freedom + other.error**4 / other.freedom)
    return Gain(one.mean - other.mean, error, freedom)


def _seed_variance(hits: Hits) -> float | None:
    """Between seeds, of the mean over infinitely many examples; None with one seed, which does not tell."""
    if len(hits) == 1:
        return None
    found = squares(hits.astype(np.float64))
    return max(found.seeds - found.rest, 0.0) / hits.shape[1]


def _freedom(total: float, parts: list[float], free: list[int], of_examples: int) -> float:
    """Satterthwaite's degrees of freedom; those of the seeds are the mean of Welch's and of their least number."""
    uncertain = sum(parts)
    if not uncertain:
        return float(of_examples)
    welch = uncertain**2 / sum(part**2 / freedom for part, freedom in zip(parts, free, strict=True))
    own = (welch + min(free)) / 2
    return total**2 / (uncertain**2 / own + total**2 / of_examples)
