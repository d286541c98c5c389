"""How sure a model is of its answers, and how often it is right when it is so sure."""

from pydantic import model_validator

from tasks.comparison.schema.values import Count, Share
from tasks.settings.values import Frozen


class Answers(Frozen):
    """Answers of like confidence, of all replicates: how many, their mean confidence, and how often they are right.

    The confidence of an answer is the probability of the predicted class. Both means are null without answers.
    """

    count: Count
    confidence: Share | None = None
    accuracy: Share | None = None

    @model_validator(mode="after")
    def _has_means_of_answers(self):
        known = [mean is not None for mean in (self.confidence, self.accuracy)]
        if known != [self.count > 0] * 2:
            raise ValueError(
                f"expected means of answers, and none without any, received {self.confidence} and {self.accuracy} "
                f"of {self.count}"
            )
        return self

    @property
    def right(self) -> float:
        """How many of the answers are right."""
        return self.count * (self.accuracy or 0.0)


class SureAnswers(Answers):
    """The answers of a confidence `above` so much."""

    above: Share


class Calibration(Frozen):
    """The answers of a model by its confidence in them.

    Attributes:
        bins: equally wide ones from confidence 0 to 1, each without its lower end: those of a reliability diagram.
        sure: the answers that the model is sure of.
    """

    bins: tuple[Answers, ...]
    sure: SureAnswers

    @model_validator(mode="after")
    def _sure_ones_are_among_the_bins(self):
        if not 0 <= self.sure.count <= self.count or not self.count:
            raise ValueError(f"expected answers, the sure ones among them, received {self.sure.count} of {self.count}")
        return self

    @property
    def count(self) -> int:
        """The answers of all replicates."""
        return sum(each.count for each in self.bins)

    @property
    def confidence(self) -> float:
        """The mean confidence."""
        return sum(each.count * (each.confidence or 0.0) for each in self.bins) / self.count

    @property
    def overconfidence(self) -> float:
        """The mean confidence minus the accuracy."""
        return self.confidence - sum(each.right for each in self.bins) / self.count

    @property
    def sure_mistakes(self) -> float | None:
        """The share of the mistakes that the model was sure of; None where it made no mistake."""
        mistakes = self.count - sum(each.right for each in self.bins)
        return None if mistakes < 0.5 else (self.sure.count - self.sure.right) / mistakes
