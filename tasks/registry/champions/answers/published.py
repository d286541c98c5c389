"""What a report says of a named model, and the answers that it published."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.comparison.schema.models import Model
from tasks.comparison.schema.report import Comparison, DatasetComparison
from tasks.comparison.statistics.crossed import Hits
from tasks.errors import DataError
from tasks.registry.champions.documents import NamedModel
from tasks.report.between.contrast import AGAIN, answers, in_store
from tasks.storage.contract import Store

Pair = tuple[NDArray, NDArray]


class Answers(NamedTuple):
    """The answers of all models of a family: the true labels [examples], and the predicted ones [seeds, examples]."""

    labels: NDArray
    predicted: NDArray

    @property
    def hits(self) -> Hits:
        """Whether each was right."""
        return self.predicted == self.labels


class Told(NamedTuple):
    """A report, and what it says of one family on one dataset at one budget."""

    comparison: Comparison
    section: DatasetComparison
    model: Model

    @property
    def facts(self) -> dict[str, Any]:
        """What decides whether another model can answer: the shape of an image, and the names of the classes."""
        (dataset,) = (each for each in self.comparison.request.datasets if each.name == self.section.name)
        shape = self.section.facts.get("shape") or dataset.shape or ()
        return {"shape": list(shape), "classes": list(self.section.classes)}


def told(store: Store, named: NamedModel) -> Told:
    """What the report of a model's run says of it.

    Raises:
        RequestError: the run has no report any more.
        DataError: the report cannot be read, or knows no such model.
    """
    comparison = in_store(store, named.run).comparison
    for section in comparison.datasets:
        for model in section.models:
            found = section.name, section.budget, model.family, model.status
            if found == (named.dataset, named.budget, named.family, "done"):
                return Told(comparison, section, model)
    wanted = f"a result of {named.family} on {named.dataset} at {named.budget:,} parameters"
    raise DataError(f"run {named.run}: expected {wanted} in its report, found none; {AGAIN}")


def published(store: Store, report: Told) -> Answers:
    """The answers that a report published, on its own test part; the digests are checked.

    Raises:
        DataError: predictions are missing, are others than the report names, or have other labels.
    """
    pairs = [answers(store.read, each.predictions, each.predictions_sha256) for each in report.model.replicates]
    return together(f"run {report.comparison.run}: predictions of {report.model.family}", pairs)


def together(where: str, pairs: Sequence[Pair]) -> Answers:
    """The answers of several models to the same examples.

    Raises:
        DataError: their examples are not the same.
    """
    labels = pairs[0][0]
    if not all(np.array_equal(truth, labels) and len(predicted) == len(labels) for truth, predicted in pairs):
        raise DataError(f"{where}: expected answers to the same examples, received others; {AGAIN}")
    return Answers(labels, np.stack([predicted for _, predicted in pairs]))
