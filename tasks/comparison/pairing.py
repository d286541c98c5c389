"""The paired differences of a run: every family against the reference, seed by seed, example by example."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.comparison.evidence import Branch, ReplicateEvidence
from tasks.comparison.fairness import same_examples
from tasks.comparison.schema import Difference, SeedTest
from tasks.comparison.statistics import ALPHA, bootstrap_interval, combine, holm, mcnemar

Where = tuple[str, int | None]  # a dataset, and its budget where the run has several
REFERENCE = "ann"  # the family that the others are compared with, if the run has it


class _Pair(NamedTuple):
    """Two branches of one dataset at one budget, and the seeds that both have."""

    where: Where
    family: Branch
    reference: Branch
    seeds: tuple[int, ...]


def differences(branches: Sequence[Branch], families: Sequence[str], seed: int) -> dict[Where, list[Difference]]:
    """Every family's difference to the reference, by dataset and budget, where both are done under common seeds.

    The p-values are adjusted for all differences of the run. `seed` is the seed of the bootstrap.
    """
    pairs = _pairs(branches, reference_of(families))
    tests = [[_test(seed, *_sides(pair, seed)) for seed in pair.seeds] for pair in pairs]
    raw = [combine([test.p_value for test in each]) for each in tests]
    by_place: dict[Where, list[Difference]] = {pair.where: [] for pair in pairs}
    for pair, each, p, adjusted in zip(pairs, tests, raw, holm(raw), strict=True):
        by_place[pair.where].append(_difference(pair, each, (p, adjusted), seed))
    return by_place


def reference_of(families: Sequence[str]) -> str:
    """`ann`, or the first family of a run without it."""
    return REFERENCE if REFERENCE in families else families[0]


def hits(branch: Branch, seeds: Sequence[int]) -> NDArray[np.bool_]:
    """Whether the branch's models were right, bool [seeds, examples]."""
    by_seed = {replicate.seed: replicate for replicate in branch.replicates}
    return np.stack([by_seed[seed].y_pred == by_seed[seed].y_true for seed in seeds])


def _pairs(branches: Sequence[Branch], reference: str) -> list[_Pair]:
    done = {((b.dataset, b.budget), b.family): b for b in branches if b.status == "done"}
    pairs = []
    for (where, family), branch in done.items():
        other = done.get((where, reference))
        if family == reference or other is None or not same_examples([branch, other]):
            continue
        common = {r.seed for r in branch.replicates} & {r.seed for r in other.replicates}
        if common:
            pairs.append(_Pair(where, branch, other, tuple(sorted(common))))
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


def _difference(pair: _Pair, tests: list[SeedTest], p_values: tuple[float, float], seed: int) -> Difference:
    values = hits(pair.family, pair.seeds).astype(np.int8) - hits(pair.reference, pair.seeds)
    low, high = bootstrap_interval(values, seed)
    raw, adjusted = p_values
    return Difference(
        family=pair.family.family,
        reference=pair.reference.family,
        estimate=float(values.mean()),
        low=low,
        high=high,
        p_value=adjusted,
        p_value_unadjusted=raw,
        conclusion=conclusion(low, high, adjusted),
        time_ratio=_time_ratio(pair),
        seeds=tuple(tests),
    )


def conclusion(low: float, high: float, p_value: float) -> Literal["better", "worse", "undetected"]:
    """The conclusion from an interval and an adjusted p-value; a difference is detected only when both agree."""
    if p_value >= ALPHA or low <= 0 <= high:
        return "undetected"
    return "better" if low > 0 else "worse"


def _time_ratio(pair: _Pair) -> float | None:
    family, reference = (_train_seconds(branch.replicates) for branch in (pair.family, pair.reference))
    return family / reference if reference > 0 else None


def _train_seconds(replicates: Sequence[ReplicateEvidence]) -> float:
    times: list[Mapping] = [replicate.training for replicate in replicates]
    return float(np.mean([training["train_seconds"] for training in times]))
