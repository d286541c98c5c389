"""The judgement of a candidate: whether it may take the place of the champion of its dataset."""

from tasks.comparison.schema.differences import ClassDifference
from tasks.comparison.schema.values import Count, Gap, Interval, Number, Share
from tasks.settings.promotion import Promotion
from tasks.settings.values import Frozen


class Floor(Frozen):
    """What needs no training, on the same test part: the largest class, and the nearest centroid where it is known."""

    majority: Share
    nearest_centroid: Share | None = None


class Lead(Frozen):
    """The candidate's accuracy minus the champion's, over seeds and examples, with its interval."""

    estimate: Gap
    low: Gap
    high: Gap


class Judgement(Frozen):
    """What the gate found, and what it says.

    Attributes:
        rules: those that it judged by.
        examples: of the test part.
        accuracy, interval: of the candidate, a mean over its seeds.
        lead: over the champion; null where there is none to compare with.
        floor: what the candidate had to beat where there is no champion; null where there is one.
        lost_classes: those whose recall falls by more than the rules allow, noise considered.
        cost_ratio: the candidate's cost over the champion's, as the rules name it; null where it is not known.
        looks: candidates that were judged on this test part, with this one.
        passed: whether the candidate may become the champion.
        sentence: the decision and its reason, for people.
    """

    rules: Promotion
    examples: Count
    accuracy: Share
    interval: Interval
    lead: Lead | None = None
    floor: Floor | None = None
    lost_classes: tuple[ClassDifference, ...] = ()
    cost_ratio: Number | None = None
    looks: Count
    passed: bool
    sentence: str
