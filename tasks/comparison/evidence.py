"""The evidence of a comparison: plain values that the report stage collects from the run's artifacts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Values = Mapping[str, Any]


def confidence_of(y_prob: NDArray) -> NDArray:
    """The probability of the most probable class, [n], of probabilities [n, k]; 0 where that is no number."""
    return np.clip(np.nan_to_num(y_prob.max(axis=1), nan=0.0), 0.0, 1.0)


@dataclass(frozen=True)
class ReplicateEvidence:
    """One trained and evaluated model.

    Attributes:
        training: the metrics.json of train; history: its history.json; settings: the settings in its manifest.
        evaluation: the entry of this seed in the metrics.json of evaluate.
        y_true, y_pred: labels, uint16 [n], in the order of the test part.
        confidence: the probability of each answer, float32 [n], as `confidence_of` says it.
        predictions: the store's key of the .npz that the report publishes; predictions_sha256: the digest of its bytes.
        trained_in: the run that made the model's artifact.
        learned_from, measured_on: the content digests of the data, from the manifests of train and evaluate.
        digests: artifact keys by stage.
    """

    seed: int
    training: Values
    history: list[Values]
    settings: Values
    evaluation: Values
    y_true: NDArray
    y_pred: NDArray
    confidence: NDArray
    predictions: str
    learned_from: str
    measured_on: str
    digests: Mapping[str, str]
    predictions_sha256: str
    trained_in: str


@dataclass(frozen=True)
class EarlierEvidence:
    """The model of the version before, on the present test part.

    Attributes:
        found: the entry `earlier` in the metrics.json of evaluate.
        y_pred: its answers in the order of the test part; None where it could not be measured, as `found` says.
        predictions, predictions_sha256: as those of a replicate.
    """

    found: Values
    y_pred: NDArray | None = None
    predictions: str | None = None
    predictions_sha256: str | None = None


@dataclass(frozen=True)
class SearchEvidence:
    """One search: the trials.json and best.json of choose, and the settings in the manifest of the first shard.

    `seed` is that of the replicate whose own search it is; None for one that all replicates share.
    """

    trials: list[Values]
    best: Values
    settings: Values
    seed: int | None = None


@dataclass(frozen=True)
class Branch:
    """One family on one dataset at one budget, also when it did not finish.

    Attributes:
        error: at which stage the branch ended, and why; None when it is done.
        earlier: for data that may change, where there was a version before.
        damaged: every stage was done, but an artifact in the store is missing or changed.
        budget: None in a run whose datasets have one budget each.
        test_part: a digest of the files of the test part.
        nearest_centroid: the accuracy of the nearest centroid on it; None where an earlier release evaluated.
    """

    dataset: str
    family: str
    status: Literal["done", "failed", "missing"]
    error: str | None = None
    searches: tuple[SearchEvidence, ...] = ()
    replicates: tuple[ReplicateEvidence, ...] = ()
    damaged: bool = False
    earlier: EarlierEvidence | None = None
    budget: int | None = field(default=None, kw_only=True)
    test_part: str | None = None
    nearest_centroid: float | None = None

    @property
    def trials(self) -> list[Values]:
        """Those of all its searches."""
        return [trial for search in self.searches for trial in search.trials]
