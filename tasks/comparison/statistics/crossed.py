"""What a few seeds and one test part say of a mean accuracy, or of the difference of two.

Every model of a family answers every test example. So there are two samples, of seeds and of examples, and they are
crossed. A difference comes from both, and another run could have had others of both. That is the design of radiology,
with readers in place of seeds and cases in place of examples. The variance of the mean follows from the mean squares of
a two-way layout. Obuchowski and Rockette, Communications in Statistics B 24 (1995) 285-308; Hillis, Statistics in
Medicine 26 (2007) 596-619, for the form of the variance and of its degrees of freedom.

Four things are particular here:

* The seeds of two families are trainings of their own, not one reader in two modalities. So each family has its own
  variance between seeds, and these add up, as in Welch's test. Where they share something after all, such as a split,
  the interval is too wide, not too narrow.
* A mean square between seeds that is below the residual one is raised to it: a variance cannot be negative. The
  residual one has so many degrees of freedom that it counts as known.
* Where models hardly ever disagree, or err, an interval counts a few made-up examples too (`sample.py`).
* The degrees of freedom of the seeds are the mean of Welch's and of their least possible number. Welch's alone give too
  narrow intervals for two or three seeds whose spreads differ: 93.8 % in place of 95 %. Where one side has fewer seeds,
  as one of two runs may have, both count as if they had so few. Beside a side of one seed, the other one's spread is
  all that is known.

`make bench PARTS=coverage` measures how often the interval covers the truth.
"""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri, stdtr, stdtrit

from tasks.comparison.statistics.level import ALPHA
from tasks.comparison.statistics.sample import TO_EACH_OF_TWO, TO_ONE, TO_PAIRS, Added, Sample

ABOVE = 1 + 1e-9  # times another mean square: so that rounding, and with it the order of the examples, does not count
FARTHEST = 1e9  # a quantile that no comparison reaches
LARGEST_NORMAL = 37.0  # a normal quantile; what is beyond has no probability that a float can tell from 0
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
        samples: one, or two of different examples whose means add up to that of the estimate.
        freedom: the degrees of freedom of its error.
        seed_variance: between seeds, of the mean over infinitely many examples; of both families, where there are two.
        example_variance: between examples, of the mean over infinitely many seeds.
        rest_variance: of one seed on one example, beside these two.
        seeds, examples: how many there were; of two numbers the smaller one. One seed tells nothing of others: the
            error is that of its own models.
    """

    samples: tuple[Sample, ...]
    freedom: float
    seed_variance: float
    example_variance: float
    rest_variance: float
    seeds: int
    examples: int

    @property
    def mean(self) -> float:
        """Of accuracies, or of differences of two."""
        return sum(sample.mean for sample in self.samples)

    def interval(self, alpha: float) -> tuple[float, float]:
        """The interval at the confidence 1 - `alpha`."""
        quantile = self._quantile(alpha)
        centre, error = self._moved(quantile)
        return centre - quantile * error, centre + quantile * error

    def error(self, alpha: float) -> float:
        """The standard error that the interval at the confidence 1 - `alpha` has."""
        return self._moved(self._quantile(alpha))[1]

    @property
    def p_value(self) -> float:
        """Two-sided, of no difference. It is below `alpha` if and only if the interval at 1 - `alpha` leaves out 0."""
        if self.mean == 0:
            return 1.0
        quantile = brentq(self._outside, 0.0, FARTHEST) if self._outside(FARTHEST) < 0 else FARTHEST
        return 2 * float(stdtr(self.freedom, -quantile))

    def _quantile(self, alpha: float) -> float:
        return float(stdtrit(self.freedom, 1 - alpha / 2))

    def _outside(self, quantile: float) -> float:
        """How far 0 is outside the interval of this quantile; negative inside."""
        centre, error = self._moved(quantile)
        return abs(centre) - quantile * error

    def _moved(self, quantile: float) -> tuple[float, float]:
        """The middle of the interval of a quantile of Student's distribution, and its standard error."""
        normal = min(-float(ndtri(stdtr(self.freedom, -quantile))), LARGEST_NORMAL)
        moved = [sample.moved(normal) for sample in self.samples]
        return sum(mean for mean, _ in moved), sqrt(sum(variance for _, variance in moved))


def of_accuracy(hits: Hits) -> Estimate:
    """The mean accuracy of one family."""
    return _estimate(hits.mean(axis=0), [hits], TO_ONE)


def of_difference(family: Hits, reference: Hits) -> Estimate:
    """The accuracy of `family` minus that of `reference`, on the same examples; each may have seeds of its own."""
    return _estimate(family.mean(axis=0) - reference.mean(axis=0), [family, reference], TO_PAIRS)


def of_samples(family: Hits, reference: Hits) -> Estimate:
    """The same on different examples, by Welch's test of two estimates that are independent."""
    one, other = (_estimate(hits.mean(axis=0), [hits], TO_EACH_OF_TWO) for hits in (family, reference))
    (first,), (second,) = one.samples, other.samples
    variances = [each.error(ALPHA) ** 2 for each in (one, other)]
    parts = [variance**2 / each.freedom for variance, each in zip(variances, (one, other), strict=True)]
    return Estimate(
        samples=(first, second.reversed()),
        freedom=sum(variances) ** 2 / sum(parts),
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


class _Components(NamedTuple):
    """The variances of a mean: of one example's, and between seeds.

    Attributes:
        examples: between examples, of the mean over infinitely many seeds.
        rest: of one seed on one example, beside it; `rest_of_mean` is that of the mean over the seeds.
        seeds: between seeds, of the mean over infinitely many examples, times the number of examples;
            `seeds_of_mean` is that of the mean over the seeds.
        excess: what each family with a variance between seeds adds to the variance of the mean, times the examples.
    """

    examples: float
    rest: float
    rest_of_mean: float
    seeds: float
    seeds_of_mean: float
    excess: list[float]


def _components(columns: NDArray, sides: Sequence[Hits]) -> _Components:
    each = [(squares(side.astype(np.float64)), len(side)) for side in sides]
    rest_of_mean = sum(side.rest / number for side, number in each)
    excess = [(side, number) for side, number in each if side.seeds > side.rest * ABOVE]
    return _Components(
        examples=max(float(columns.var()) * len(columns) / max(len(columns) - 1, 1) - rest_of_mean, 0.0),
        rest=sum(side.rest for side, _ in each),
        rest_of_mean=rest_of_mean,
        seeds=sum(side.seeds - side.rest for side, _ in excess),
        seeds_of_mean=sum((side.seeds - side.rest) / number for side, number in excess),
        excess=[side.seeds / number for side, number in excess],
    )


def _estimate(columns: NDArray, sides: Sequence[Hits], added: Added) -> Estimate:
    """The mean of `columns` [examples]: of one family's mean hits, or of the difference of two families' mean hits."""
    examples, seeds = len(columns), min(map(len, sides))
    parts = _components(columns, sides)
    found = parts.examples + parts.rest_of_mean
    # The errors of one family lie on one side of its accuracy, so a few of them tell less than their variance says.
    single, counted = found, float(examples)
    if found and len(sides) > 1:
        single, counted = parts.examples + parts.rest, examples * (parts.examples + parts.rest) / found
    return Estimate(
        samples=(Sample(float(columns.mean()), single, counted, parts.seeds_of_mean / examples, added),),
        freedom=_freedom(found + parts.seeds_of_mean, parts.excess, _spread_by(sides), examples),
        seed_variance=parts.seeds / examples,
        example_variance=parts.examples,
        rest_variance=parts.rest,
        seeds=seeds,
        examples=examples,
    )


def _spread_by(sides: Sequence[Hits]) -> int:
    """The smallest number of seeds of a side that has several: a single one tells nothing of their spread."""
    return min((len(side) for side in sides if len(side) > 1), default=1)


def _freedom(total: float, excess: Sequence[float], seeds: int, examples: int) -> float:
    """The degrees of freedom of the sum `total` of variances; `excess` are those that seeds alone tell."""
    free = max(examples - 1, 1)
    uncertain = sum(excess)
    if not uncertain:
        return float(free)
    welch = uncertain**2 / (sum(part**2 for part in excess) / (seeds - 1))
    own = (welch + seeds - 1) / 2
    return total**2 / (uncertain**2 / own + total**2 / free)
