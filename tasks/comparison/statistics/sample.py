"""The mean of a sample whose values hardly ever differ: the few that do must not pass for all that there are.

Where two models disagree on three of a thousand examples, or on none, the variance that was found is too small, and an
interval from it too narrow. So an interval counts a few made-up examples beside the real ones, half of them for either
side. Their number grows with the confidence: it is the square of the normal quantile, or half of that for a difference.
For 95 % these are the well-known four and two. Among many examples they count for nothing.

Agresti and Coull, The American Statistician 52 (1998) 119-126, for one proportion; Agresti and Caffo, The American
Statistician 54 (2000) 280-288, for two; Bonett and Price, Journal of Educational and Behavioral Statistics 37 (2012)
479-488, for a paired difference. Several models that err on examples of their own tell more than one does: their sample
counts as a larger one, after Korn and Graubard, Survey Methodology 24 (1998) 193-201.
"""

from typing import NamedTuple


class Added(NamedTuple):
    """The made-up examples: how many there are for a normal quantile of 1, their mean and their variance."""

    number: float
    mean: float
    variance: float


TO_ONE = Added(1.0, 0.5, 0.25)
TO_EACH_OF_TWO = Added(0.5, 0.5, 0.25)
TO_PAIRS = Added(0.5, 0.0, 1.0)


class Sample(NamedTuple):
    """A mean over examples, at the seeds that there are.

    Attributes:
        mean: of the values.
        variance: of one model's value, or of one pair's difference, from example to example.
        examples: as many values of single models, on examples of their own, would tell as much.
        of_seeds: the variance of the mean that comes from the seeds.
        added: the examples that an interval counts too.
    """

    mean: float
    variance: float
    examples: float
    of_seeds: float
    added: Added

    def moved(self, quantile: float) -> tuple[float, float]:
        """The mean with the added examples, and its variance, for an interval of this normal quantile."""
        number = self.added.number * quantile**2
        total = self.examples + number
        real, made = self.examples / total, number / total
        between = real * (self.mean - self.added.mean) ** 2
        variance = real * self.variance + made * (self.added.variance + between)
        return real * self.mean + made * self.added.mean, variance / total + self.of_seeds

    def reversed(self) -> "Sample":
        """The sample of the negative values."""
        return self._replace(mean=-self.mean, added=self.added._replace(mean=-self.added.mean))
