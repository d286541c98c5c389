"""The mistakes that a report shows: of every kind some images, the same ones for the same evidence."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.comparison.evidence import Branch
from tasks.comparison.fairness import same_examples
from tasks.comparison.schema.mistakes import Gallery, GivenAnswer, MistakenImage

IMAGES = 12  # of a gallery, at most
IMAGES_OF_A_DATASET = 144  # over the galleries of all its budgets
OF_ONE_CLASS = 3  # of a gallery, as long as there are others
ANSWERS = 2  # of one family for one image, at most
KINDS = 4

Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]


class _Answers(NamedTuple):
    """The answers of all models of a family: labels and confidences, [seeds, examples]."""

    family: str
    predicted: NDArray[np.integer]
    confidence: Numbers
    wrong: Flags

    @property
    def mean_confidence(self) -> Numbers:
        """By example, over the seeds."""
        return self.confidence.mean(axis=0)

    @property
    def share_wrong(self) -> Numbers:
        """By example, over the seeds."""
        return self.wrong.mean(axis=0)


def images_of_a_gallery(budgets: int) -> int:
    """How many images a gallery has at most, where a dataset is compared at so many budgets."""
    return max(1, min(IMAGES, IMAGES_OF_A_DATASET // (KINDS * max(1, budgets))))


def galleries(branches: Sequence[Branch], reference: str, names: Sequence[str], at_most: int) -> tuple[Gallery, ...]:
    """The galleries of one dataset at one budget; none without results, or where these are of other examples.

    Args:
        branches: all families; those without a result are passed over.
        reference: the family that the others are compared with.
        names: the classes.
        at_most: so many images in each gallery.
    """
    done = [branch for branch in branches if branch.status == "done" and branch.replicates]
    if not done or not same_examples(done):
        return ()
    truth = done[0].replicates[0].y_true
    known = [_answers(branch) for branch in done]
    others = [each for each in known if each.family != reference] or known
    show = _Show(truth, known, names, at_most)
    found = [_always(show, others)]
    if len(others) < len(known):
        found.append(_only(show, next(each for each in known if each.family == reference), others))
    found.append(_sure(show))
    if any(len(each.predicted) > 1 for each in others):
        found.append(_disagreed(show, others))
    return tuple(found)


def _answers(branch: Branch) -> _Answers:
    predicted = np.stack([replicate.y_pred for replicate in branch.replicates])
    confidence = np.stack([replicate.confidence for replicate in branch.replicates]).astype(np.float64)
    return _Answers(branch.family, predicted, confidence, predicted != branch.replicates[0].y_true)


class _Show(NamedTuple):
    """What every gallery needs to show an image."""

    truth: NDArray[np.integer]
    families: Sequence[_Answers]
    names: Sequence[str]
    at_most: int

    def image(self, index: int) -> MistakenImage:
        """An image with the most frequent answers of every family."""
        given = [answer for each in self.families for answer in self._frequent(each, index)]
        return MistakenImage(index=index, true=self.names[self.truth[index]], answers=tuple(given))

    def _frequent(self, of: _Answers, index: int) -> Iterator[GivenAnswer]:
        labels, confidence = of.predicted[:, index], of.confidence[:, index]
        for label, _ in Counter(labels.tolist()).most_common(ANSWERS):
            yield self.answer(of.family, label, confidence[labels == label])

    def answer(self, family: str, label: int, confidence: Numbers) -> GivenAnswer:
        """The answer of the models that had these confidences in it."""
        mean = min(float(np.mean(confidence)), 1.0)  # a sum of float32 may be a little more
        return GivenAnswer(family=family, predicted=self.names[label], confidence=mean, count=len(confidence))

    def spread(self, indices: NDArray[np.integer]) -> list[int]:
        """The first of `indices`, at most OF_ONE_CLASS of a class before there are not enough; their order stays."""
        seen: Counter[int] = Counter()
        first: list[int] = []
        later: list[int] = []
        for index in indices.tolist():
            seen[self.truth[index]] += 1
            (first if seen[self.truth[index]] <= OF_ONE_CLASS else later).append(index)
        chosen = {*(first + later)[: self.at_most]}
        return [index for index in indices.tolist() if index in chosen]


def _always(show: _Show, families: Sequence[_Answers]) -> Gallery:
    """Wrong under every seed of every one of `families`."""
    wrong = np.all([each.wrong.all(axis=0) for each in families], axis=0)
    confidence = np.mean([each.mean_confidence for each in families], axis=0)
    return _gallery("always", show, families, wrong, [-confidence])


def _only(show: _Show, reference: _Answers, others: Sequence[_Answers]) -> Gallery:
    """Wrong under every seed of the reference, and right under every seed of the others."""
    wrong = reference.wrong.all(axis=0) & ~np.any([each.wrong.any(axis=0) for each in others], axis=0)
    return _gallery("only_reference", show, [reference], wrong, [-reference.mean_confidence])


def _disagreed(show: _Show, families: Sequence[_Answers]) -> Gallery:
    """Right under some seeds of a family and wrong under others; the most even ones first, then the most confident."""
    unevenness = np.min([np.abs(each.share_wrong - 0.5) for each in families], axis=0)
    confidence = np.mean([each.mean_confidence for each in families], axis=0)
    return _gallery("disagreed", show, families, unevenness < 0.5, [unevenness, -confidence])


def _gallery(kind, show: _Show, families: Sequence[_Answers], chosen: Flags, order: Sequence[Numbers]) -> Gallery:
    """The images where `chosen`; those with the smallest numbers of `order` first, and then by their index."""
    indices = np.flatnonzero(chosen)
    ranked = indices[np.lexsort([indices, *(numbers[indices] for numbers in reversed(order))])]
    return Gallery(
        kind=kind,
        families=tuple(each.family for each in families),
        count=len(indices),
        of=len(chosen),
        images=tuple(show.image(index) for index in show.spread(ranked)),
    )


def _sure(show: _Show) -> Gallery:
    """The most confident wrong answers of all models, one for each image."""
    answers = [
        (-confidence, index, each.family, each.predicted[row, index])
        for each in show.families
        for row, (wrong, column) in enumerate(zip(each.wrong, each.confidence, strict=True))
        for index, confidence in _surest(wrong, column, show.at_most)
    ]
    best: dict[int, GivenAnswer] = {}
    for confidence, index, family, label in sorted(answers, key=lambda answer: answer[:2]):
        best.setdefault(index, show.answer(family, label, np.array([-confidence])))
    images = [
        MistakenImage(index=index, true=show.names[show.truth[index]], answers=(answer,))
        for index, answer in list(best.items())[: show.at_most]
    ]
    return Gallery(
        kind="sure",
        families=tuple(each.family for each in show.families),
        count=sum(int(each.wrong.sum()) for each in show.families),
        of=sum(each.wrong.size for each in show.families),
        images=tuple(images),
    )


def _surest(wrong: Flags, confidence: Numbers, at_most: int) -> list[tuple[int, float]]:
    """The most confident wrong answers of one model: the index and the confidence of each."""
    indices = np.flatnonzero(wrong)
    ranked = indices[np.lexsort([indices, -confidence[indices]])][:at_most]
    return [(index, float(confidence[index])) for index in ranked.tolist()]
