"""Differences of two families as a report has them, for tests of what is made of them."""

from typing import Any

from tasks.comparison.schema.cost import Cost, Ratio
from tasks.comparison.schema.differences import Difference, SeedTest, conclusion

TEST = SeedTest(seed=0, both_right=5, only_family=1, only_reference=3, both_wrong=1, estimate=-0.2, p_value=0.6)
EQUIVALENCE = 0.005
COST = Cost(clock="wall", train_seconds=Ratio(estimate=2.0, low=1.9, high=2.1))


def difference(middle: float, half: float, **changes: Any) -> Difference:
    """A difference of `middle` whose interval reaches `half` to both sides; all else fits to that."""
    low, high = middle - half, middle + half
    detected = low > 0 or high < 0
    p_value = 0.004 if detected else 0.7
    values = {
        "family": "cnn", "reference": "ann", "estimate": middle, "low": low, "high": high, "equivalence": EQUIVALENCE,
        "level": 0.05, "p_value": p_value, "p_value_unadjusted": p_value / 2 if detected else p_value,
        "conclusion": conclusion(low, high, EQUIVALENCE, detected=detected), "detectable": 1.4 * half,
        "seeds_for_a_point": 4, "chance_of_next": 0.8, "cost": COST, "seeds": (TEST,) * 3,
    }  # fmt: skip
    return Difference(**values | changes)
