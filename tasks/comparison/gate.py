"""The gate between a candidate and the champion of its dataset: from their answers and the rules to a judgement.

Both sides answered the same test part. Each has seeds of its own, and their numbers may differ. The comparison is that
of a report (`statistics/crossed.py`): paired by example, over seeds and examples. The whole interval must clear the
margin, so that a candidate which is merely lucky on this test part rarely passes. `make bench PARTS=promotion` measures
how rarely.
"""

from collections.abc import Sequence
from typing import NamedTuple

from numpy.typing import NDArray

from tasks.comparison.pairing import class_differences
from tasks.comparison.schema.differences import ClassDifference
from tasks.comparison.schema.promotion import Findings, Floor, Judgement, Lead, is_lost
from tasks.comparison.schema.values import Interval
from tasks.comparison.statistics.classes import of_classes
from tasks.comparison.statistics.crossed import Estimate, Hits, of_accuracy, of_difference
from tasks.comparison.statistics.level import ALPHA
from tasks.comparison.words.promotion import Words, sentence
from tasks.settings.promotion import Promotion

DECIMALS = 9  # of what is compared; the digits after them are rounding errors


class Cost(NamedTuple):
    """What a model takes, in seconds: the means over its seeds. None where it is not known of every seed.

    Attributes:
        latency: of one prediction alone, by one thread.
        inference: of one image in big batches.
        training: of one training.
    """

    latency: float | None = None
    inference: float | None = None
    training: float | None = None


class Side(NamedTuple):
    """One side of the comparison: whether its models were right, bool [seeds, examples], and what they take."""

    hits: Hits
    cost: Cost = Cost()


class Evidence(NamedTuple):
    """All that the gate looks at.

    Attributes:
        labels: the true classes [examples]; classes: their names, by label.
        champion: None where there is none that could answer; then the `floor` is what counts.
        looks: candidates that were judged on this test part, with this one.
        words: what the sentence says beside the numbers.
    """

    labels: NDArray
    classes: Sequence[str]
    candidate: Side
    champion: Side | None
    floor: Floor
    looks: int
    words: Words


def judgement(evidence: Evidence, rules: Promotion) -> Judgement:
    """Whether the candidate may become the champion, and why."""
    champion = evidence.champion
    accuracy = of_accuracy(evidence.candidate.hits)
    low, high = _interval(accuracy)
    findings = Findings(
        rules=rules,
        examples=len(evidence.labels),
        accuracy=accuracy.mean,
        interval=Interval(low=min(max(low, 0.0), accuracy.mean), high=max(min(high, 1.0), accuracy.mean)),
        lead=_lead(evidence.candidate, champion) if champion else None,
        floor=None if champion else evidence.floor,
        seeds=max(len(side.hits) for side in (evidence.candidate, champion) if side),
        lost_classes=_lost(evidence, champion, rules) if champion else (),
        cost_ratio=_ratio(evidence.candidate.cost, champion.cost, rules) if champion else None,
        looks=evidence.looks,
    )
    return Judgement(**dict(findings), passed=not findings.hurdles, sentence=sentence(findings, evidence.words))


def _interval(estimate: Estimate) -> tuple[float, float]:
    low, high = (min(max(bound, -1.0), 1.0) for bound in estimate.interval(ALPHA))
    return low, high


def _lead(candidate: Side, champion: Side) -> Lead:
    estimate = of_difference(candidate.hits, champion.hits)
    low, high = _interval(estimate)
    return Lead(estimate=estimate.mean, low=low, high=high)


def _lost(evidence: Evidence, champion: Side, rules: Promotion) -> tuple[ClassDifference, ...]:
    """The classes that surely lost more than the rules allow, the largest loss first, and equal ones by their labels.

    The intervals of all classes hold together, so that many classes do not make one of them fall by chance.
    """
    if rules.max_class_drop is None:
        return ()
    found = of_classes(evidence.candidate.hits, champion.hits, evidence.labels)
    lost = class_differences([each for each in found if is_lost(rules, each.high)], evidence.classes)
    # Equal ones may differ by rounding errors, which depend on the order of the examples.
    return tuple(sorted(lost, key=lambda each: round(each.estimate, DECIMALS)))


def _ratio(candidate: Cost, champion: Cost, rules: Promotion) -> float | None:
    """The cost that the rules name, as a ratio of two that were measured in the same way; None where none is known."""
    same = [(candidate.training, champion.training)]
    if rules.cost == "prediction":
        same = [(candidate.latency, champion.latency), (candidate.inference, champion.inference)]
    return next((own / other for own, other in same if own is not None and other), None)
