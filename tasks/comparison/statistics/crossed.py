"""What a few seeds and one test part say of a mean accuracy, or of the difference of two.

Every model of a family answers every test example. So there are two samples, of seeds and of examples, and they are
crossed. A difference comes from both, and another run could have had others of both. That is the design of radiology,
with readers in place of seeds and cases in place of examples. The variance of the mean follows from the mean squares of
a two-way layout. Obuchowski and Rockette, Communications in Statistics B 24 (1995) 285-308; Hillis, Statistics in
Medicine 26 (2007) 596-619, for the form of the variance and of its degrees of freedom.

Three things are particular here:

* The seeds of two families are trainings of their own, not one reader in two modalities. So each family has its own
  variance between seeds, and these add up, as in Welch's test. Where they share something after all, such as a split,
  the interval is too wide, not too narrow.
* A mean square between seeds that is below the residual one is raised to it: a variance cannot be negative. The
  residual one has so many degrees of freedom that it counts as known.
* The degrees of freedom of the seeds are the mean of Welch's and of their least possible number. Welch's alone give too
  narrow intervals for two or three seeds whose spreads differ: 93.8 % in place of 95 %. Where one side has fewer seeds,
  as one of two runs may have, both count as if they had so few.

`make bench PARTS=coverage` measures how often the interval covers the truth.
"""

from collections.abc import Sequence
from math import hypot, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

ABOVE = 1 + 1e-9  # times another mean square: so that rounding, and with it the order of the examples, does not count
Hits = NDArray[np.bool_]  # [seeds, examples]: whether a model was right


class Squares(NamedTuple):
    """The mean squares of values [seeds, examples]: between seeds, between examples, and of the rest.

    With one seed there is none between seeds, and no rest.
    """

    seeds: float
    examples: float
    rest: float


class Estimate(NamedTuple):
    """A mean over seeds and examples.

    Attributes:
        mean: of accuracies, or of differences of two.
        error: its standard error.
        freedom: the degrees of freedom of the error.
        seed_variance: between seeds, of the mean over infinitely many examples; of both families, where there are two.
        example_variance: between examples, of the mean over infinitely many seeds.
        rest_variance: of one seed on one example, beside these two.
        seeds, examples: how many there were; of two numbers the smaller one. One seed tells nothing of others: the
            error is that of its own models.
    """

    mean: float
    error: float
    freedom: float
    seed_variance: float
    example_variance: float
    rest_variance: float
    seeds: int
    examples: int

    def interval(self, alpha: float) -> tuple[float, float]:
        """The interval at the confidence 1 - `alpha`."""
        half = float(stdtrit(self.freedom, 1 - alpha / 2)) * self.error
        return self.mean - half, self.mean + half

    @property
    def p_value(self) -> float:
        """Two-sided, of no difference. It is below `alpha` if and only if the interval at 1 - `alpha` leaves out 0."""
        return 2 * float(stdtr(self.freedom, -abs(self.mean) / self.error))


def of_accuracy(hits: Hits) -> Estimate:
    """The mean accuracy of one family."""
    return _estimate(hits.mean(axis=0), [hits])


def of_difference(family: Hits, reference: Hits) -> Estimate:
    """The accuracy of `family` minus that of `reference`, on the same examples; each may have seeds of its own."""
    return _estimate(family.mean(axis=0) - reference.mean(axis=0), [family, reference])


def of_samples(family: Hits, reference: Hits) -> Estimate:
    """The same on different examples, by Welch's test of two estimates that are independent."""
    one, other = of_accuracy(family), of_accuracy(reference)
    error = hypot(one.error, other.error)
    return Estimate(
        mean=one.mean - other.mean,
        error=error,
        freedom=error**4 / (one.error**4 / one.freedom + other.error**4 / other.freedom),
        seed_variance=one.seed_variance + other.seed_variance,
        example_variance=one.example_variance + other.example_variance,
        rest_variance=one.rest_variance + other.rest_variance,
        seeds=min(one.seeds, other.seeds),
        examples=min(one.examples, other.examples),
    )


def squares(values: NDArray) -> Squares:
    """The mean squares of values [seeds, examples]."""
    seeds, examples = values.shape
    rows, columns, mean = values.mean(axis=1), values.mean(axis=0), values.mean()
    between_seeds = examples * float(((rows - mean) ** 2).sum())
    between_examples = seeds * float(((columns - mean) ** 2).sum())
    rest = max(float(((values - mean) ** 2).sum()) - between_seeds - between_examples, 0.0)
    free = max(examples - 1, 1)
    if seeds == 1:
        return Squares(0.0, between_examples / free, 0.0)
    return Squares(between_seeds / (seeds - 1), between_examples / free, rest / ((seeds - 1) * free))


def _estimate(columns: NDArray, sides: Sequence[Hits]) -> Estimate:
    """The mean of `columns` [examples]: of one family's mean hits, or of the difference of two families' mean hits."""
    examples, seeds = len(columns), min(map(len, sides))
    each = [(squares(side.astype(np.float64)), len(side)) for side in sides]
    of_rest = sum(side.rest / number for side, number in each)
    of_examples = max(float(columns.var()) * examples / max(examples - 1, 1) - of_rest, 0.0)
    total = sum(max(side.seeds, side.rest) / number for side, number in each) + of_examples
    excess = [side.seeds / number for side, number in each if side.seeds > side.rest * ABOVE]
    return Estimate(
        mean=float(columns.mean()),
        # A mean cannot be known more finely than by one example.
        error=max(sqrt(total / examples), 1 / examples),
        freedom=_freedom(total, excess, seeds, examples),
        seed_variance=sum(max(side.seeds - side.rest, 0.0) for side, _ in each) / examples,
        example_variance=of_examples,
        rest_variance=sum(side.rest for side, _ in each),
        seeds=seeds,
        examples=examples,
    )


def _freedom(total: float, excess: Sequence[float], seeds: int, examples: int) -> float:
    """The degrees of freedom of the sum `total` of variances; `excess` are those that seeds alone tell."""
    free = max(examples - 1, 1)
    uncertain = sum(excess)
    if not uncertain:
        return float(free)
    welch = uncertain**2 / (sum(part**2 for part in excess) / (seeds - 1))
    own = (welch + seeds - 1) / 2
    return total**2 / (uncertain**2 / own + total**2 / free)
