"""What a comparison is made from: plain values that the report stage collects from the run's artifacts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray


@dataclass(frozen=True)
class ReplicateEvidence:
    """One trained and evaluated model.

    Attributes:
        training: train's metrics.json; history: its history.json; settings: the settings in its manifest.
        evaluation: this seed's entry in evaluate's metrics.json.
        y_true, y_pred: labels, uint8 [n], in the order of the test part.
        predictions: the store's key of the .npz that the report publishes; predictions_sha256: of its bytes.
        learned_from, measured_on: the content digests of the data artifacts in train's and evaluate's manifests.
        digests: artifact keys by stage.
    """

    seed: int
    training: Mapping[str, Any]
    history: list[Mapping[str, Any]]
    settings: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    y_true: NDArray
    y_pred: NDArray
    predictions: str
    learned_from: str
    measured_on: str
    digests: Mapping[str, str]
    predictions_sha256: str | None = None


@dataclass(frozen=True)
class SearchEvidence:
    """One search: choose's trials.json and best.json, and the settings in the manifest of its first shard."""

    trials: list[Mapping[str, Any]]
    best: Mapping[str, Any]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Branch:
    """One family on one dataset, however far it came; unless done, `error` says at which stage it ended and why.

    `damaged`: every stage of it was done, but what they left in the store is not what it was.
    `budget` as in its place: None in a run that has one for each dataset.
    """

    dataset: str
    family: str
    status: Literal["done", "failed", "missing"]
    error: str | None = None
    search: SearchEvidence | None = None
    replicates: tuple[ReplicateEvidence, ...] = ()
    damaged: bool = False
    budget: int | None = field(default=None, kw_only=True)
