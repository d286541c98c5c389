"""P-values: of one pair of models, of several seeds, and of several comparisons."""

from collections.abc import Sequence

import numpy as np
from scipy.special import bdtr


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
