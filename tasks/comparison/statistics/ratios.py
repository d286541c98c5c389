"""How many times as much one family takes as another: the ratio of two geometric means over seeds.

Times and sizes differ by factors, not by sums. So the statistics are those of their logarithms.
"""

from collections.abc import Sequence
from math import exp, sqrt
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit


class RatioEstimate(NamedTuple):
    """A ratio with its interval; without one where a side has a single value, which tells nothing of the spread."""

    estimate: float
    low: float | None
    high: float | None


def welch_ratio(numerators: Sequence[float], denominators: Sequence[float], alpha: float) -> RatioEstimate | None:
    """The ratio of two independent samples at the confidence 1 - `alpha`; None if one is empty or not above 0.

    Welch's interval for the difference of two means: Biometrika 34 (1947) 28-35. The two variances may differ.
    """
    if not numerators or not denominators or min(*numerators, *denominators) <= 0:
        return None
    above, below = np.log(numerators), np.log(denominators)
    middle = float(above.mean() - below.mean())
    if min(len(above), len(below)) == 1:
        return RatioEstimate(exp(middle), None, None)
    parts = [float(side.var(ddof=1)) / len(side) for side in (above, below)]
    spread = sum(parts)
    if spread == 0:
        return RatioEstimate(*[exp(middle)] * 3)
    freedom = spread**2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (above, below), strict=True))
    half = float(stdtrit(freedom, 1 - alpha / 2)) * sqrt(spread)
    return RatioEstimate(exp(middle), exp(middle - half), exp(middle + half))
