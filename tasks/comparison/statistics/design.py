"""What a design can tell: the smallest difference that it detects, the seeds that detect one, the next seed."""

from math import ceil, sqrt

from scipy.special import ndtri, stdtr, stdtrit

from tasks.comparison.statistics.crossed import Estimate

POWER = 0.8  # the probability with which a difference counts as detectable, by convention


def detectable(estimate: Estimate, alpha: float) -> float:
    """The smallest difference that this design would have detected at the level `alpha`, with probability POWER.

    1 where the design detects none.
    """
    quantiles = float(stdtrit(estimate.freedom, 1 - alpha / 2) + stdtrit(estimate.freedom, POWER))
    return min(quantiles * estimate.error(alpha), 1.0)


def seeds_for(estimate: Estimate, difference: float, alpha: float) -> int | None:
    """About how many seeds would detect a `difference`, on as many test examples.

    None where no number would, and with one seed, which does not tell how much seeds differ. The variances are those
    that were found, and the quantiles are normal ones: a plan, not a promise.
    """
    if estimate.seeds == 1:
        return None
    quantiles = float(ndtri(1 - alpha / 2) + ndtri(POWER))
    left = (difference / quantiles) ** 2 - estimate.example_variance / estimate.examples
    if left <= 0:
        return None
    of_seeds = estimate.seed_variance + estimate.rest_variance / estimate.examples
    return max(2, ceil(of_seeds / left))


def chance_of_next(estimate: Estimate) -> float | None:
    """The probability that the first family beats the other under a seed that nobody has tried, on these examples.

    None with one seed, which does not tell how much seeds differ. It is Student's predictive distribution.
    """
    if estimate.seeds == 1:
        return None
    spread = sqrt((estimate.seed_variance + estimate.rest_variance / estimate.examples) * (1 + 1 / estimate.seeds))
    if spread == 0:
        return float(estimate.mean > 0) if estimate.mean else 0.5
    return float(stdtr(estimate.seeds - 1, estimate.mean / spread))
