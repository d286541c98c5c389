"""The judgement of a candidate: whether it may take the place of the champion of its dataset."""

from typing import Literal

from pydantic import model_validator

from tasks.comparison.schema.differences import ClassDifference
from tasks.comparison.schema.values import Count, Gap, Interval, Number, Share
from tasks.settings.promotion import Promotion
from tasks.settings.values import Frozen

POINT = 0.01  # one percentage point
PASSED, REFUSED = "Passed: ", "Refused: "  # begin every sentence
Hurdle = Literal["floor", "seeds", "lead", "classes", "cost"]


class Floor(Frozen):
    """What needs no training, on the same test part: the largest class, and the nearest centroid where it is known."""

    majority: Share
    nearest_centroid: Share | None = None

    @property
    def highest(self) -> float:
        """The accuracy that a candidate must surely exceed."""
        return max(self.majority, self.nearest_centroid or 0.0)


class Lead(Frozen):
    """The candidate's accuracy minus the champion's, over seeds and examples, with its interval."""

    estimate: Gap
    low: Gap
    high: Gap

    @model_validator(mode="after")
    def _agrees(self):
        if not self.low <= self.estimate <= self.high:
            raise ValueError(f"expected an interval around {self.estimate}, received {self.low} to {self.high}")
        return self


class Findings(Frozen):
    """What the gate found, without what it says.

    Attributes:
        rules: those that it judged by.
        examples: of the test part.
        accuracy, interval: of the candidate, a mean over its seeds.
        lead: over the champion; null where there is none to compare with.
        floor: what the candidate had to beat where there is no champion; null where there is one.
        seeds: of the side with more of them. Where each side has one, nothing tells how much another training differs.
        lost_classes: those whose recall falls by more than the rules allow, noise considered.
        cost_ratio: the candidate's cost over the champion's, as the rules name it; null where it is not known.
        looks: candidates that were judged on this test part, with this one.
    """

    rules: Promotion
    examples: Count
    accuracy: Share
    interval: Interval
    lead: Lead | None = None
    floor: Floor | None = None
    seeds: Count
    lost_classes: tuple[ClassDifference, ...] = ()
    cost_ratio: Number | None = None
    looks: Count

    @property
    def hurdles(self) -> tuple[Hurdle, ...]:
        """What the candidate did not clear, in the order in which people are told; nothing where it may be promoted."""
        failed: dict[Hurdle, bool] = {
            "floor": self.floor is not None and self.interval.low <= self.floor.highest,
            "seeds": self.lead is not None and self.seeds < 2,
            "lead": self.lead is not None and self.lead.low <= least_lead(self.rules),
            "classes": bool(self.lost_classes),
            "cost": is_too_dear(self.rules, self.cost_ratio),
        }
        return tuple(hurdle for hurdle, is_failed in failed.items() if is_failed)

    @model_validator(mode="after")
    def _agrees(self):
        if (self.lead is None) == (self.floor is None):
            raise ValueError("expected either a lead over a champion or a floor, received both or neither")
        if not self.interval.low <= self.accuracy <= self.interval.high:
            raise ValueError(
                f"expected an interval around {self.accuracy}, received {self.interval.low} to {self.interval.high}"
            )
        if self.lead is None and (self.lost_classes or self.cost_ratio is not None):
            raise ValueError("expected neither classes nor a cost beside no champion, received some")
        for each in self.lost_classes:
            if not is_lost(self.rules, each.high):
                raise ValueError(f"{each.name}: expected a loss that the rules do not allow, received {each.high}")
        return self


class Judgement(Findings):
    """What the gate found, and what it says.

    Attributes:
        passed: whether the candidate may become the champion.
        sentence: the decision and its reason, for people.
    """

    passed: bool
    sentence: str

    @model_validator(mode="after")
    def _says_what_it_found(self):
        start = REFUSED if self.hurdles else PASSED
        if self.passed == bool(self.hurdles) or not self.sentence.startswith(start):
            raise ValueError(
                f"expected a decision that follows from what was found, {start!r}, received passed = {self.passed} "
                f"and {self.sentence!r:.80}"
            )
        return self


def least_lead(rules: Promotion) -> float:
    """What the whole interval of the lead must lie above."""
    return POINT * (rules.margin if rules.rule == "better" else -rules.margin)


def is_lost(rules: Promotion, high: float) -> bool:
    """Whether a class surely lost more than the rules allow; `high` is the upper end of its difference."""
    return rules.max_class_drop is not None and high < -POINT * rules.max_class_drop


def is_too_dear(rules: Promotion, cost_ratio: float | None) -> bool:
    """Whether a cost that is known is higher than the rules allow."""
    return cost_ratio is not None and rules.max_cost_ratio is not None and cost_ratio > rules.max_cost_ratio
