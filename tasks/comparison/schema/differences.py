"""Two models on the same examples, and two families over all seeds."""

from typing import Literal

from pydantic import model_validator

from tasks.comparison.schema.cost import Cost
from tasks.comparison.schema.values import Count, Gap, Share
from tasks.comparison.statistics.level import ALPHA
from tasks.settings.values import Frozen

Conclusion = Literal["better", "worse", "equal", "better or equal", "worse or equal", "undecided"]


class SeedTest(Frozen):
    """The pair of models of one seed on the same test examples: who was right, and the exact McNemar test of it."""

    seed: int
    both_right: Count
    only_family: Count
    only_reference: Count
    both_wrong: Count
    estimate: Gap
    p_value: Share


class ClassDifference(Frozen):
    """Recall of `family` minus recall of `reference` on one class, which has `support` test examples.

    Attributes:
        low, high: an interval; those of all classes of a difference hold together at its confidence (Bonferroni).
        p_value: adjusted for the number of classes: below 1 - confidence if and only if the interval leaves out 0.
    """

    name: str
    support: Count
    estimate: Gap
    low: Gap
    high: Gap
    p_value: Share

    @property
    def conclusion(self) -> Literal["better", "worse", "undetected"]:
        """Whether a difference is detected on this class, and in which direction."""
        if self.p_value >= ALPHA:
            return "undetected"
        return "better" if self.estimate > 0 else "worse"

    @model_validator(mode="after")
    def _agrees(self):
        concluded = "better" if self.low > 0 else ("worse" if self.high < 0 else "undetected")
        if not self.low <= self.estimate <= self.high or self.conclusion != concluded:
            raise ValueError(
                f"{self.name}: expected an interval and a p-value that agree, received {self.low} to {self.high} "
                f"around {self.estimate}, and {self.p_value}"
            )
        return self


class Difference(Frozen):
    """Accuracy of `family` minus accuracy of `reference`, over seeds and examples (`tasks.comparison.statistics`).

    Attributes:
        low, high: the interval of this difference by itself, at the confidence 1 - `level`.
        equivalence: up to which a difference does not matter.
        level: that of the test; smaller than 1 - confidence where evidence grows, and is looked at several times.
        p_value_unadjusted: from the same estimate as the interval. Of several looks it is raised as far as `level` is
            lowered, so it is below 1 - confidence if and only if the interval leaves out 0.
        p_value: adjusted for all differences of the run, by Holm's method.
        conclusion: equal when the interval stays within `equivalence`; else better or worse when `p_value` is
            below 1 - confidence; better (worse) or equal when the interval rules out that it is worse (better) by more
            than `equivalence`; else undecided. The interval is that of this difference alone, without Holm's method.
        detectable: the smallest difference that this design would have detected, with a probability of 80 %.
        seeds_for_a_point: about how many seeds would detect one percentage point; null where no number would, and with
            one seed, which cannot tell.
        chance_of_next: the probability that `family` is better under a new seed; null with one seed.
        cost: what `family` takes over what `reference` takes, over the seeds of each.
        classes: the classes with test examples, in the order of their labels.
    """

    family: str
    reference: str
    estimate: Gap
    low: Gap
    high: Gap
    equivalence: Gap
    level: Share
    p_value: Share
    p_value_unadjusted: Share
    conclusion: Conclusion
    detectable: Share
    seeds_for_a_point: Count | None
    chance_of_next: Share | None
    cost: Cost = Cost()
    seeds: tuple[SeedTest, ...]
    classes: tuple[ClassDifference, ...] = ()

    @property
    def detected(self) -> bool:
        """Whether the adjusted p-value says that there is a difference."""
        return self.p_value < ALPHA

    @model_validator(mode="after")
    def _agrees(self):
        leaves_out_0 = self.low > 0 or self.high < 0
        concluded = conclusion(self.low, self.high, self.equivalence, detected=self.detected)
        if not (
            self.low <= self.estimate <= self.high
            and leaves_out_0 == (self.p_value_unadjusted < ALPHA)
            and self.p_value_unadjusted <= self.p_value
            and self.conclusion == concluded
        ):
            raise ValueError(
                f"{self.family}: expected an interval, a p-value and a conclusion that agree, received "
                f"{self.low} to {self.high} around {self.estimate}, {self.p_value} and {self.conclusion}"
            )
        return self


def conclusion(low: float, high: float, equivalence: float, *, detected: bool) -> Conclusion:
    """The conclusion from an interval, and from whether a difference is detected at all.

    Source: Lakens, Social Psychological and Personality Science 8 (2017) 355-362, for equivalence beside difference.
    """
    if -equivalence <= low and high <= equivalence:
        return "equal"
    if detected:
        return "better" if low > 0 else "worse"
    if low >= -equivalence:
        return "better or equal"
    return "worse or equal" if high <= equivalence else "undecided"
