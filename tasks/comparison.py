"""The comparison: what one run found, typed and versioned. `report.json` is this, and every other report is made of it.

Numbers are per dataset and family; a *branch* (one family on one dataset) that failed is a model with its reason.
Accuracies, F1 and their differences are fractions, times are seconds; what is not known is null, never NaN.
"""

from typing import Annotated, Literal

from pydantic import Field

from tasks.request import Dataset, Frozen, Request

SCHEMA_VERSION = 1
REFERENCE = "ann"  # the family that the others are compared with, when the run has it

Number = Annotated[float, Field(allow_inf_nan=False)]
Matrix = tuple[tuple[int, ...], ...]
Choice = bool | int | float | str


class Epoch(Frozen):
    """What one epoch of training reached; `seconds` without validation."""

    epoch: int
    loss: Number | None = None
    accuracy: Number | None = None
    val_loss: Number | None = None
    val_accuracy: Number | None = None
    learning_rate: Number | None = None
    seconds: Number | None = None


class Trial(Frozen):
    """One trial of the search; `score` is its accuracy on the validation part, `error` the reason it failed for."""

    number: int
    hyperparameters: dict[str, Choice]
    parameters: int | None
    score: Number | None
    seconds: Number | None
    seed: int
    epochs: int
    status: Literal["done", "failed"]
    error: str | None = None


class Replicate(Frozen):
    """One training of a model under one seed, and its scores on the test part; null where it got no further.

    Attributes:
        train_seconds: wall time of training; building, compiling and validation are apart.
        precision, recall, f1: one number a class.
        confusion_matrix: test examples by true class (row) and predicted class (column).
        predictions: key of an .npz in the store with y_true [n], y_pred [n] and y_prob [n, classes].
        digests: the key of the artifact that each stage gave to this replicate.
    """

    seed: int
    parameters: int | None = None
    accuracy: Number | None = None
    precision_macro: Number | None = None
    recall_macro: Number | None = None
    f1_macro: Number | None = None
    log_loss: Number | None = None
    calibration_error: Number | None = None
    precision: tuple[Number, ...] = ()
    recall: tuple[Number, ...] = ()
    f1: tuple[Number, ...] = ()
    support: tuple[int, ...] = ()
    confusion_matrix: Matrix = ()
    val_accuracy: Number | None = None
    train_seconds: Number | None = None
    setup_seconds: Number | None = None
    validation_seconds: Number | None = None
    inference_seconds_per_image: Number | None = None
    model_bytes: int | None = None
    predictions: str | None = None
    history: tuple[Epoch, ...] = ()
    digests: dict[str, str] = {}


class Spread(Frozen):
    """A number over the replicates: mean, standard deviation (n - 1; null for a single replicate), extremes."""

    mean: Number
    std: Number | None
    minimum: Number
    maximum: Number


class Interval(Frozen):
    """A two-sided interval at the comparison's level of confidence."""

    low: Number
    high: Number


class ClassScores(Frozen):
    """The scores of one class, means over the replicates; `support` counts its test examples."""

    name: str
    precision: Number
    recall: Number
    f1: Number
    support: int


class Model(Frozen):
    """One family on one dataset.

    Attributes:
        status: done; failed (`error` says why); skipped; or missing, when nothing is known of it.
        parameters: the weights that the model carries, the same for every replicate.
        train_seconds, accuracy, f1_macro: means over the replicates.
        accuracy_interval: of the mean accuracy, over other seeds and other test images.
        spread: of every score and time over the replicates, by the replicates' field names.
        confusion_matrix: summed over the replicates.
        hyperparameters: the ones that the search chose.
    """

    family: str
    status: Literal["done", "failed", "skipped", "missing"]
    error: str | None = None
    parameters: int | None = None
    train_seconds: Number | None = None
    accuracy: Number | None = None
    f1_macro: Number | None = None
    accuracy_interval: Interval | None = None
    spread: dict[str, Spread] = {}
    classes: tuple[ClassScores, ...] = ()
    confusion_matrix: Matrix = ()
    hyperparameters: dict[str, Choice] = {}
    trials: tuple[Trial, ...] = ()
    replicates: tuple[Replicate, ...] = ()


class PairedTest(Frozen):
    """The two models of one seed on the same test examples: the four cells, and McNemar's exact test."""

    seed: int
    both_right: int
    only_family: int
    only_reference: int
    both_wrong: int
    p_value: Number


class Difference(Frozen):
    """How much more accurate `family` is than `reference`, as a fraction, paired by test example and by seed.

    Attributes:
        low, high: the interval at the comparison's confidence, over seeds and test examples.
        p_value: of all seeds together, adjusted (Holm) for the number of differences in this comparison.
        p_value_unadjusted: the same before that adjustment.
        detected: p_value is below 1 - confidence and the interval excludes zero; both are asked for.
    """

    family: str
    reference: str
    estimate: Number
    low: Number
    high: Number
    p_value: Number
    p_value_unadjusted: Number
    detected: bool
    tests: tuple[PairedTest, ...]


class Clause(Frozen):
    """One clause of the fairness contract; `holds` is null when what it needs was not recorded."""

    name: str
    holds: bool | None
    evidence: str


class DatasetComparison(Frozen):
    """The families on one dataset.

    Attributes:
        examples: how many each part has (train, validation, test), as far as `normalize` got.
        duplicates: images that two parts share, by the parts' names.
        verdict: the answer in words.
        difference: the first family against the reference; null when two models are not there to compare.
        further_differences: any other family against the reference.
    """

    name: str
    title: str
    budget: int
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    examples: dict[str, int] = {}
    duplicates: dict[str, int] = {}
    verdict: str
    difference: Difference | None
    further_differences: tuple[Difference, ...] = ()
    models: tuple[Model, ...]
    fairness: tuple[Clause, ...]


class StageRecord(Frozen):
    """What a stage of this run did; `seconds` is its wall time, `setup_seconds` starting and importing before it."""

    stage: str
    dataset: str | None = None
    family: str | None = None
    seed: int | None = None
    status: str
    cached: bool = False
    key: str | None = None
    error: str | None = None
    started: str | None = None
    ended: str | None = None
    seconds: Number | None = None
    setup_seconds: Number | None = None


class Environment(Frozen):
    """Where the run was made: releases, the machine in words, the digest of the locked dependencies."""

    versions: dict[str, str] = {}
    machine: dict[str, str] = {}
    lock: str | None = None


class Comparison(Frozen):
    """One run's report.

    Attributes:
        status: complete, or partial when a branch that was asked for has no result.
        created: when the report was made, ISO 8601.
        command: what to type to make the run again.
        request: all that shaped the run, but for the mirror: digests say what was read, and an address may hold a
            password.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    run: str
    status: Literal["complete", "partial"]
    created: str
    command: str
    confidence: Number
    request: Request
    datasets: tuple[DatasetComparison, ...]
    stages: tuple[StageRecord, ...]
    environment: Environment


def reference_of(families: tuple[str, ...]) -> str:
    """The family that the others are measured against."""
    return REFERENCE if REFERENCE in families else families[0]


def within_budget(parameters: int, dataset: Dataset, tolerance: float = 0.01) -> bool:
    """Whether a model of so many parameters meets the dataset's budget, on both sides."""
    return abs(parameters - dataset.budget) <= tolerance * dataset.budget
