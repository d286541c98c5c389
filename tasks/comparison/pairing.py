"""The paired differences of a run, seed by seed, example by example.

Every family is compared with the reference, and every model with the majority baseline, a constant answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.comparison.cost import cost
from tasks.comparison.evidence import Branch, Values
from tasks.comparison.fairness import same_examples
from tasks.comparison.schema.differences import ClassDifference, Difference, SeedTest, conclusion
from tasks.comparison.schema.models import Baseline, Centroid, Earlier, Margin
from tasks.comparison.statistics import design, looks
from tasks.comparison.statistics.classes import ClassEstimate, of_classes
from tasks.comparison.statistics.crossed import Estimate, of_difference
from tasks.comparison.statistics.level import ALPHA
from tasks.comparison.statistics.p_values import combine, mcnemar
from tasks.settings.request import Request

Where = tuple[str, int | None]  # a dataset, and its budget where the run has several
POINT = 0.01  # one percentage point
REFERENCE = "ann"  # the family that the others are compared with, if the run has it


class _Pair(NamedTuple):
    """Two branches of one dataset at one budget, the names of its classes, and the seeds that both have."""

    where: Where
    classes: Sequence[str]
    family: Branch
    reference: Branch
    seeds: tuple[int, ...]


class _Evidence(NamedTuple):
    """What a pair shows by itself."""

    tests: list[SeedTest]
    estimate: Estimate
    level: float

    @property
    def p_value(self) -> float:
        """As small as the level of this look makes it count."""
        return min(1.0, self.estimate.p_value * ALPHA / self.level)


def differences(
    request: Request, branches: Sequence[Branch], names: Mapping[str, Sequence[str]]
) -> dict[Where, list[Difference]]:
    """Every family's difference to the reference, by dataset and budget, where both are done under common seeds.

    Each is a test by itself: see `tasks.comparison.together`. `names` are those of the classes, by dataset.
    """
    pairs = _pairs(branches, reference_of(request.families), names)
    level = looks.level(request.looks.planned)
    by_place: dict[Where, list[Difference]] = {pair.where: [] for pair in pairs}
    for pair in pairs:
        evidence = _Evidence(_tests(pair), _estimate(pair), level)
        by_place[pair.where].append(_difference(pair, evidence, request.standards.equivalence / 100))
    return by_place


def reference_of(families: Sequence[str]) -> str:
    """`ann`, or the first family of a run without it."""
    return REFERENCE if REFERENCE in families else families[0]


def hits(branch: Branch, seeds: Sequence[int]) -> NDArray[np.bool_]:
    """Whether the branch's models were right, bool [seeds, examples]."""
    by_seed = {replicate.seed: replicate for replicate in branch.replicates}
    return np.stack([by_seed[seed].y_pred == by_seed[seed].y_true for seed in seeds])


def _pairs(branches: Sequence[Branch], reference: str, names: Mapping[str, Sequence[str]]) -> list[_Pair]:
    done = {((b.dataset, b.budget), b.family): b for b in branches if b.status == "done"}
    pairs = []
    for (where, family), branch in done.items():
        other = done.get((where, reference))
        if family == reference or other is None or not same_examples([branch, other]):
            continue
        common = {r.seed for r in branch.replicates} & {r.seed for r in other.replicates}
        if common:
            pairs.append(_Pair(where, names[branch.dataset], branch, other, tuple(sorted(common))))
    return pairs


def _sides(pair: _Pair, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return hits(pair.family, [seed])[0], hits(pair.reference, [seed])[0]


def _test(seed: int, family: NDArray[np.bool_], reference: NDArray[np.bool_]) -> SeedTest:
    """How often both, one or none of a seed's two models were right, and the test of these four counts."""
    only_family, only_reference = int((family & ~reference).sum()), int((reference & ~family).sum())
    return SeedTest(
        seed=seed,
        both_right=int((family & reference).sum()),
        only_family=only_family,
        only_reference=only_reference,
        both_wrong=int((~family & ~reference).sum()),
        estimate=(only_family - only_reference) / len(family),
        p_value=mcnemar(only_family, only_reference),
    )


def _tests(pair: _Pair) -> list[SeedTest]:
    return [_test(each, *_sides(pair, each)) for each in pair.seeds]


def _estimate(pair: _Pair) -> Estimate:
    return of_difference(hits(pair.family, pair.seeds), hits(pair.reference, pair.seeds))


def _classes(pair: _Pair, level: float) -> list[ClassEstimate]:
    """The differences of recall; `level` is that of all classes together."""
    labels = pair.reference.replicates[0].y_true
    return of_classes(hits(pair.family, pair.seeds), hits(pair.reference, pair.seeds), labels, level)


def _difference(pair: _Pair, evidence: _Evidence, equivalence: float) -> Difference:
    found = evidence.estimate
    low, high = (min(max(bound, -1.0), 1.0) for bound in found.interval(evidence.level))
    return Difference(
        family=pair.family.family,
        reference=pair.reference.family,
        estimate=found.mean,
        low=low,
        high=high,
        equivalence=equivalence,
        level=evidence.level,
        p_value=evidence.p_value,
        p_value_unadjusted=evidence.p_value,
        conclusion=conclusion(low, high, equivalence, detected=evidence.p_value < ALPHA),
        detectable=design.detectable(found, evidence.level),
        seeds_for_a_point=design.seeds_for(found, POINT, evidence.level),
        chance_of_next=design.chance_of_next(found),
        cost=cost(pair.family, pair.reference),
        seeds=tuple(evidence.tests),
        classes=class_differences(_classes(pair, evidence.level), pair.classes),
    )


def class_differences(found: Sequence[ClassEstimate], names: Sequence[str]) -> tuple[ClassDifference, ...]:
    """The differences of recall as a report has them; `names` are those of all classes, by label."""
    return tuple(
        ClassDifference(
            name=names[each.label],
            support=each.estimate.examples,
            estimate=each.estimate.mean,
            low=each.low,
            high=each.high,
            p_value=each.p_value,
        )
        for each in found
    )


def baseline_of(facts: Values, classes: Sequence[str], branches: Sequence[Branch]) -> Baseline | None:
    """Always answering the largest class of the training part, measured on the test part.

    None where no branch has predictions, or where the training part's counts are not known.
    """
    counts = facts.get("class_counts", {}).get("train")
    truths = [replicate.y_true for branch in branches for replicate in branch.replicates]
    if not counts or not truths:
        return None
    label = int(np.argmax(counts))
    return Baseline(label=label, name=classes[label], accuracy=float(np.mean(truths[0] == label)))


def centroid_of(branches: Sequence[Branch]) -> Centroid | None:
    """The nearest centroid, as the first family that knows it says; None where none does."""
    known = (branch.nearest_centroid for branch in branches if branch.nearest_centroid is not None)
    return next((Centroid(accuracy=accuracy) for accuracy in known), None)


def margin(branch: Branch, baseline: Baseline) -> Margin:
    """How much more often the trained models of a branch are right than the baseline, on the same examples.

    The question is about these models, not about how trainings differ. So it has no test over seeds.
    """
    tests = [
        _test(replicate.seed, replicate.y_pred == replicate.y_true, replicate.y_true == baseline.label)
        for replicate in branch.replicates
    ]
    estimate = float(np.mean([test.estimate for test in tests]))
    return Margin(estimate=estimate, p_value=combine([test.p_value for test in tests]))


def earlier(branch: Branch) -> Earlier | None:
    """The model of the version before beside the present one of its seed, on the same test examples."""
    evidence = branch.earlier
    if evidence is None:
        return None
    said: dict[str, Any] = {name: evidence.found.get(name) for name in ("version", "present", "seed", "reason")}
    if evidence.y_pred is None:
        return Earlier(**said)
    present = next(replicate for replicate in branch.replicates if replicate.seed == said["seed"])
    now, before = present.y_pred == present.y_true, evidence.y_pred == present.y_true
    return Earlier(
        **said,
        accuracy=float(before.mean()),
        present_accuracy=float(now.mean()),
        test=_test(present.seed, now, before),
        predictions=evidence.predictions,
        predictions_sha256=evidence.predictions_sha256,
    )
