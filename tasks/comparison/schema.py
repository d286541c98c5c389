"""The comparison of one run: the typed, versioned report whose JSON, `report.json`, is the source of truth.

`report.html`, `report.md` and `report.csv` are views of it. Fractions (accuracy, F1, differences) are between 0 and 1,
times in seconds, sizes in bytes. What is not known is null; NaN and infinity never appear. A field may be added without
a new version; one that changes its meaning or goes makes a new `schema_version`. What contradicts itself is refused.
"""

from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from tasks.comparison.statistics import ALPHA
from tasks.settings.request import Request
from tasks.settings.values import Frozen, Sha256


def _known(value: object) -> object:
    return None if isinstance(value, float) and not isfinite(value) else value


SCHEMA_VERSION: Literal[2] = 2
Number = Annotated[float, Field(allow_inf_nan=False)]
Known = Annotated[Number | None, BeforeValidator(_known)]  # NaN and infinity, of a training that diverged, are unknown
Share = Annotated[Number, Field(ge=0, le=1)]
Gap = Annotated[Number, Field(ge=-1, le=1)]  # a difference of two shares
Count = Annotated[int, Field(ge=0)]
Conclusion = Literal["better", "worse", "undetected"]
Matrix = tuple[tuple[Count, ...], ...]
Hyperparameters = dict[str, bool | int | Number | str]


class Spread(Frozen):
    """A number over the replicates: their mean, their standard deviation (n - 1; null for one), least and greatest."""

    mean: Number
    std: Number | None
    least: Number
    greatest: Number


class Interval(Frozen):
    """An interval of an accuracy, at the comparison's confidence (`tasks.comparison.statistics`)."""

    low: Share
    high: Share


class Baseline(Frozen):
    """Always answering the training part's largest class: its label, its name, and the accuracy on the test part."""

    label: Count
    name: str
    accuracy: Share


class Margin(Frozen):
    """Accuracy minus the baseline's on the same examples; McNemar's test of each seed's model, combined."""

    estimate: Gap
    p_value: Share


class ClassScore(Frozen):
    """One class of a model: its scores, each the mean over the replicates, and its number of test examples."""

    name: str
    precision: Share
    recall: Share
    f1: Share
    support: Count


class Confusion(Frozen):
    """Examples of class `true` that the model took for `predicted`, over all replicates; `share` of that class's."""

    true: str
    predicted: str
    count: Count
    share: Share


class Epoch(Frozen):
    """One epoch of a training; `seconds` without validation."""

    epoch: Count
    loss: Known = None
    accuracy: Known = None
    val_loss: Known = None
    val_accuracy: Known = None
    learning_rate: Known = None
    seconds: Known = None


class Replicate(Frozen):
    """One training of the configuration under another seed, measured on the test part.

    Attributes:
        classes_predicted: how many classes it answered at least once; 1 when it always gave the same answer.
        train_seconds: wall time of training; set-up (building, compiling) and validation are apart.
        predictions: the store's key of an .npz with y_true, y_pred (uint16 [n]) and y_prob (float32 [n, k]).
        predictions_sha256: of that file.
        digests: artifact keys by stage.
    """

    seed: int
    parameters: Count
    accuracy: Share
    f1_macro: Share
    precision_macro: Share
    recall_macro: Share
    calibration_error: Share
    log_loss: Number
    classes_predicted: Count
    val_accuracy: Known
    train_seconds: Number
    setup_seconds: Number
    validation_seconds: Number
    inference_seconds_per_image: Number
    model_bytes: Count
    predictions: str
    predictions_sha256: Sha256
    digests: dict[str, str]
    history: tuple[Epoch, ...]


class Trial(Frozen):
    """One trial of the search; `score` is its validation accuracy, `chosen` marks the one that is trained."""

    number: Count
    hyperparameters: Hyperparameters
    parameters: Count | None
    score: Known
    seconds: Number
    seed: int
    epochs: Count
    status: Literal["done", "failed"]
    error: str | None = None
    chosen: bool = False


class Model(Frozen):
    """One family on one dataset: a row of the report, also when it failed.

    Attributes:
        status: done; failed, with `error` saying where and why; or missing, when no stage of it left a record.
        parameters, train_seconds, accuracy, f1_macro: means over the replicates; null unless done.
        spread: the numbers of the replicates, by their names.
        accuracy_interval: of the mean accuracy, over seeds and examples.
        margin: how far the mean accuracy is above the baseline; null where that is not known.
        never_predicted: the classes that no replicate answered for any test example.
        confusion_matrix: true class by row, predicted by column, summed over the replicates.
    """

    family: str
    status: Literal["done", "failed", "missing"]
    error: str | None = None
    parameters: Count | None = None
    train_seconds: Number | None = None
    accuracy: Share | None = None
    f1_macro: Share | None = None
    spread: dict[str, Spread] = Field(default_factory=dict)
    accuracy_interval: Interval | None = None
    margin: Margin | None = None
    never_predicted: tuple[str, ...] = ()
    confusion_matrix: Matrix | None = None
    most_confused: tuple[Confusion, ...] = ()
    classes: tuple[ClassScore, ...] = ()
    replicates: tuple[Replicate, ...] = ()
    hyperparameters: Hyperparameters = Field(default_factory=dict)
    trials: tuple[Trial, ...] = ()

    @model_validator(mode="after")
    def _says_why(self):
        if self.status != "done" and not self.error:
            raise ValueError(f"{self.family}: expected the reason why the branch is {self.status}, received none")
        return self


class SeedTest(Frozen):
    """The pair of models of one seed on the same test examples: who was right, and the exact McNemar test of it."""

    seed: int
    both_right: Count
    only_family: Count
    only_reference: Count
    both_wrong: Count
    estimate: Gap
    p_value: Share


class Difference(Frozen):
    """Accuracy of `family` minus accuracy of `reference`, paired by seed and example.

    Attributes:
        low, high: the interval at the comparison's confidence, over seeds and examples. It leaves out 0 if and only if
            the difference is detected.
        p_value: what decides: the larger p-value of McNemar's tests, combined over the seeds, and of the bootstrap over
            seeds and examples; then adjusted for all differences of the run.
        p_value_unadjusted: the same before Holm's adjustment.
        conclusion: better or worse when `p_value` is below 1 - confidence, else undetected.
        time_ratio: training seconds of `family` over those of `reference`; null when that took none.
    """

    family: str
    reference: str
    estimate: Gap
    low: Gap
    high: Gap
    p_value: Share
    p_value_unadjusted: Share
    conclusion: Conclusion
    time_ratio: Number | None
    seeds: tuple[SeedTest, ...]

    @model_validator(mode="after")
    def _agrees(self):
        sign = "better" if self.low > 0 else ("worse" if self.high < 0 else "undetected")
        detected = self.p_value < ALPHA
        if not (
            self.low <= self.estimate <= self.high and sign == self.conclusion and detected == (sign != "undetected")
        ):
            raise ValueError(
                f"{self.family}: expected an interval, a p-value and a conclusion that agree, received "
                f"{self.low} to {self.high} around {self.estimate}, {self.p_value} and {self.conclusion}"
            )
        return self


class Clause(Frozen):
    """One clause of the fairness contract: what it promises, what was found; `holds` is null when nothing could be."""

    name: str
    promise: str
    found: str
    holds: bool | None


class DatasetComparison(Frozen):
    """One dataset at one budget: the verdict first, then its evidence.

    Attributes:
        difference: the first of `differences`; null when a side of it has no result.
        differences: one for every family but the reference (`ann`, or the run's first family), where both have results.
        baseline: null where no family has a result, or where the training part's counts are not known.
        facts: what `normalize` found: examples by part, duplicates across parts, per-channel statistics.
    """

    name: str
    title: str
    budget: Count
    classes: tuple[str, ...]
    verdict: str
    difference: Difference | None
    differences: tuple[Difference, ...]
    baseline: Baseline | None = None
    models: tuple[Model, ...]
    fairness: tuple[Clause, ...]
    facts: dict[str, Any]


class Stretch(Frozen):
    """Neighbouring budgets of a run, rising, at all of which `family` stands alike to `reference`.

    `conclusion` is that of their differences; unknown where there are none.
    """

    family: str
    reference: str
    conclusion: Conclusion | Literal["unknown"]
    budgets: tuple[Count, ...]


class Frontier(Frozen):
    """One dataset over the several budgets of a run: where a family's advantage begins and where it ends.

    The stretches of a family cover the budgets in order. Between two budgets nothing was measured.
    """

    name: str
    title: str
    verdict: str
    stretches: tuple[Stretch, ...]


class StageRecord(Frozen):
    """What one stage did in this run; `cached` when it reused an earlier run's artifact."""

    stage: str
    dataset: str | None = None
    family: str | None = None
    budget: int | None = None
    seed: int | None = None
    shard: int | None = None
    status: str
    cached: bool
    key: str | None = None
    seconds: Number
    setup_seconds: Number = 0.0
    started: str | None = None
    ended: str | None = None
    error: str | None = None


class Environment(Frozen):
    """Where and when: releases by name, facts of the machine by name, the moment of the report (ISO 8601, UTC).

    `renderer` is what made the documents: the same renderer makes the same bytes again.
    """

    versions: dict[str, str]
    machine: dict[str, str]
    created: str
    renderer: dict[str, str] = Field(default_factory=dict)


class Comparison(Frozen):
    """The whole report of one run.

    Attributes:
        status: complete when every family of every dataset has a result at every budget, else partial.
        notice: a sentence that every view shows first; null unless the run used a sample of the images.
        datasets: one for each dataset of the run, at each of its budgets where there are several.
        frontiers: one for each dataset of a run with several budgets.
        confidence: of every interval; 1 - confidence is the level of every test.
        reproduce: the command that asks for the same run again.
        request: all that the run was asked, but for the mirror: the digests say what was read, and an address may hold
            a password.
    """

    schema_version: Literal[2] = SCHEMA_VERSION
    run: str
    status: Literal["complete", "partial"]
    notice: str | None = None
    confidence: Number
    datasets: tuple[DatasetComparison, ...]
    frontiers: tuple[Frontier, ...] = ()
    stages: tuple[StageRecord, ...]
    environment: Environment
    reproduce: str
    request: Request

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The run's answers: each dataset's over its budgets where there are several, else at its one budget."""
        return tuple(part.verdict for part in self.frontiers or self.datasets)

    def label(self, dataset: DatasetComparison) -> str:
        """The title, with the budget where that alone does not say which comparison it is."""
        return f"{dataset.title}, {dataset.budget:,} parameters" if self.frontiers else dataset.title
