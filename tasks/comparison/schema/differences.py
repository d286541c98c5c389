"""Two models on the same examples, and two families over all seeds."""

from typing import Literal

from pydantic import model_validator

from tasks.comparison.schema.values import Count, Gap, Number, Share
from tasks.comparison.statistics import ALPHA
from tasks.settings.values import Frozen

Conclusion = Literal["better", "worse", "undetected"]


class SeedTest(Frozen):
    """The pair of models of one seed on the same test examples: who was right, and the exact McNemar test of it."""

    seed: int
    both_right: Count
    only_family: Count
    only_reference: Count
    both_wrong: Count
    estimate: Gap
    p_value: Share


class Difference(Frozen):
    """Accuracy of `family` minus accuracy of `reference`, paired by seed and example.

    Attributes:
        low, high: the interval at the comparison's confidence, over seeds and examples. It leaves out 0 if and only if
            the difference is detected.
        p_value: what decides: the larger p-value of McNemar's tests, combined over the seeds, and of the bootstrap over
            seeds and examples; then adjusted for all differences of the run.
        p_value_unadjusted: the same before Holm's adjustment.
        conclusion: better or worse when `p_value` is below 1 - confidence, else undetected.
        time_ratio: training seconds of `family` over those of `reference`; null when that took none.
    """

    family: str
    reference: str
    estimate: Gap
    low: Gap
    high: Gap
    p_value: Share
    p_value_unadjusted: Share
    conclusion: Conclusion
    time_ratio: Number | None
    seeds: tuple[SeedTest, ...]

    @model_validator(mode="after")
    def _agrees(self):
        sign = "better" if self.low > 0 else ("worse" if self.high < 0 else "undetected")
        detected = self.p_value < ALPHA
        if not (
            self.low <= self.estimate <= self.high and sign == self.conclusion and detected == (sign != "undetected")
        ):
            raise ValueError(
                f"{self.family}: expected an interval, a p-value and a conclusion that agree, received "
                f"{self.low} to {self.high} around {self.estimate}, {self.p_value} and {self.conclusion}"
            )
        return self
