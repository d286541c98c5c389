"""Repeated looks at evidence that grows: the level of each, so that all of them together keep theirs.

Scheduled runs add seeds to those that are there, and each reports. Whoever looks ten times, each time at 5 %, sees a
difference where there is none more often than in 5 % of cases. Pocock's rule gives every planned look the same, smaller
level. It is exact for normal evidence that grows in equal steps. Here it is on the safe side, because all looks share
their test examples. Pocock, Biometrika 64 (1977) 191-199; Jennison and Turnbull, Group Sequential Methods (2000),
table 2.1, whose values were computed again.
"""

from scipy.special import ndtr

# Looks, and the bound for the absolute value of a standard normal statistic at each, for 5 % over all.
BOUNDS = {
    1: 1.9600, 2: 2.1783, 3: 2.2895, 4: 2.3613, 5: 2.4132, 6: 2.4532, 8: 2.5124, 10: 2.5551, 15: 2.6262, 20: 2.6720,
    30: 2.7310, 50: 2.7971, 100: 2.8747,
}  # fmt: skip


def level(looks: int) -> float:
    """The level of each of so many planned looks, for 5 % over all of them.

    Raises:
        ValueError: there are fewer than one, or more than the table has.
    """
    bound = next((bound for most, bound in BOUNDS.items() if looks <= most), None)
    if looks < 1 or bound is None:
        raise ValueError(f"expected 1 to {max(BOUNDS)} looks, received {looks}")
    return 2 * float(ndtr(-bound))
