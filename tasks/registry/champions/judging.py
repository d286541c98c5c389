"""The gate at work: both sides' answers on the present test part are brought together, and judged.

A model's published answers count where its own test part is the present one. Else its models are measured again. What
is judged can be judged again from what is kept, without measuring anything.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from statistics import fmean
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.comparison import gate
from tasks.comparison.gate import Cost, Evidence, Side
from tasks.comparison.schema.models import Replicate
from tasks.comparison.schema.promotion import Floor, Judgement
from tasks.comparison.schema.report import DatasetComparison
from tasks.comparison.words.promotion import Words, title
from tasks.data.arrays import incomparable
from tasks.errors import DataError, RequestError
from tasks.registry.champions import candidates
from tasks.registry.champions.answers.asking import NOT_BUILT
from tasks.registry.champions.answers.measured import CommonPart, kept, measure
from tasks.registry.champions.answers.published import AGAIN, Answers, Told, published, told
from tasks.registry.champions.documents import Decision, Entry, NamedModel
from tasks.report.duration.estimate import SAME_MACHINE
from tasks.runs.order import reported
from tasks.settings.promotion import Promotion
from tasks.storage.contract import Store
from tasks.storage.provenance import code_digest

CANDIDATE, CHAMPION = "candidate", "champion"
Say = Callable[[str], None]
Measured = Callable[[str, NamedModel], str | None]  # the key of a side's measured answers; None where it has none


class Contest(NamedTuple):
    """What is judged: both sides, the rules, and how many candidates were judged on the test part, with this one."""

    candidate: NamedModel
    champion: NamedModel | None
    rules: Promotion
    looks: int


class _Heard(NamedTuple):
    """One side: what its report says, and its answers on the common test part, or why it has none."""

    report: Told
    answers: Answers | None
    absent: str | None = None


def judge(store: Store, contest: Contest, newest: NamedModel, say: Say) -> tuple[Judgement, dict[str, str]]:
    """The judgement of a candidate, and the keys of answers that were measured for it.

    Both sides answer the test part of `newest`, the models of the newest run with a result.

    Raises:
        RequestError: the candidate cannot answer the present images.
        DataError: what is needed is missing or damaged.
        NoAnswerError: a process that measures did not end by itself.
        StoreError: the store cannot be reached.
    """
    home = contest.candidate if contest.candidate.test_part == newest.test_part else newest
    part = CommonPart(home.test_part, home.run, home.artifacts["normalize"])
    backend = told(store, contest.candidate).comparison.request.backend
    keys: dict[str, str] = {}

    def measured(side: str, named: NamedModel) -> str | None:
        if key := measure(store, named, part, backend, say):
            keys[side] = key
        return key

    return _judged(_Hearing(store, home, measured), contest), keys


def judging_code() -> str:
    """A digest of the code that judges, with the words that it uses."""
    return code_digest((__name__,))


def judge_again(store: Store, decision: Decision, champion: Entry | None) -> Judgement:
    """The judgement of a decision, made again from published and kept answers; `champion` is the entry that it names.

    Raises:
        RequestError: a report that is needed is gone.
        DataError: what is needed is missing or damaged.
    """
    found = decision.judgement
    contest = Contest(decision.candidate, champion.model if champion else None, found.rules, found.looks)
    hearing = _Hearing(store, _home(store, decision), lambda side, _: decision.predictions.get(side))
    return _judged(hearing, contest)


def _home(store: Store, decision: Decision) -> NamedModel:
    """The candidate, or that of the newest run with the test part that the decision was made on."""
    candidate = decision.candidate
    if candidate.test_part == decision.test_part:
        return candidate
    for run in reported(store):
        with suppress(RequestError, DataError):
            named = candidates.candidate_of(store, run, candidate.dataset)
            if named.test_part == decision.test_part:
                return named
    raise RequestError(f"{decision.asked}: expected a run with the test part {decision.test_part}, found none")


class _Hearing:
    """Both sides on one test part, which is that of the model `home`."""

    def __init__(self, store: Store, home: NamedModel, measured: Measured):
        self._store, self._test_part, self._measured = store, home.test_part, measured
        self.home = told(store, home)

    def heard(self, side: str, named: NamedModel) -> _Heard:
        """What a side answers: as its report published it, or as it was measured for this."""
        report = told(self._store, named)
        if reason := incomparable(report.facts, self.home.facts):
            return _Heard(report, None, reason)
        if named.test_part == self._test_part:
            return _Heard(report, published(self._store, report))
        if key := self._measured(side, named):
            return _Heard(report, kept(self._store, key, named))
        return _Heard(report, None, NOT_BUILT)


def _judged(hearing: _Hearing, contest: Contest) -> Judgement:
    candidate = hearing.heard(CANDIDATE, contest.candidate)
    if candidate.answers is None:
        named = contest.candidate
        expected = f"run {named.run}: expected a model for the present images of {named.dataset}"
        raise RequestError(f"{expected}, received one that cannot answer: {candidate.absent}; run the workflow again")
    champion = hearing.heard(CHAMPION, contest.champion) if contest.champion else None
    labels = candidate.answers.labels
    evidence = Evidence(
        labels=labels,
        classes=hearing.home.section.classes,
        candidate=_side(candidate.report, candidate.answers),
        champion=_side(champion.report, champion.answers, labels) if champion and champion.answers else None,
        floor=_floor(hearing.home.section, labels),
        looks=contest.looks,
        words=_words(hearing, contest, candidate, champion),
    )
    return gate.judgement(evidence, contest.rules)


def _words(hearing: _Hearing, contest: Contest, candidate: _Heard, champion: _Heard | None) -> Words:
    """What the sentence says beside the numbers."""
    absent = champion.absent if champion else None
    compared = [contest.candidate, *([contest.champion] if contest.champion and not absent else [])]
    machines = [each.report.comparison.environment.machine for each in (candidate, champion) if each]
    return Words(
        fewest_seeds=min(len(named.seeds) for named in compared),
        candidate=title(contest.candidate.family, contest.candidate.run),
        champion=title(contest.champion.family, contest.champion.run) if contest.champion else None,
        absent=absent,
        is_sample=hearing.home.comparison.request.examples is not None,
        is_elsewhere=any(len({each[name] for each in machines if name in each}) > 1 for name in SAME_MACHINE),
    )


def _side(report: Told, answers: Answers, labels: NDArray | None = None) -> Side:
    """A side whose answers are to the examples of these `labels`.

    Raises:
        DataError: they are to others.
    """
    if labels is not None and not np.array_equal(labels, answers.labels):
        where = f"run {report.comparison.run}: predictions of {report.model.family}"
        raise DataError(f"{where}: expected answers to the examples of the other side, received others; {AGAIN}")
    names = ("latency_seconds", "inference_seconds_per_image", "train_seconds")
    return Side(answers.hits, Cost(*(_mean(report.model.replicates, name) for name in names)))


def _mean(replicates: Sequence[Replicate], name: str) -> float | None:
    """Over all seeds; None where one does not know it."""
    found = [getattr(replicate, name) for replicate in replicates]
    return None if None in found else fmean(found)


def _floor(section: DatasetComparison, labels: NDArray) -> Floor:
    """What needs no training. Where the training part's classes are not known, the largest of the test part counts."""
    baseline, centroid = section.baseline, section.centroid
    majority = baseline.accuracy if baseline else float(np.bincount(labels).max() / len(labels))
    return Floor(majority=majority, nearest_centroid=centroid.accuracy if centroid else None)
