"""One family on one dataset: its search, its replicates, and what these are worth on the test part."""

from itertools import groupby
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.comparison.schema.calibration import Calibration
from tasks.comparison.schema.cost import Amount, Spending
from tasks.comparison.schema.differences import SeedTest
from tasks.comparison.schema.values import Count, Gap, Interval, Known, Number, Share, Spread
from tasks.settings.values import Frozen, Sha256

Cells = tuple[tuple[Count, Count, Count], ...]  # true class, predicted class, examples
Hyperparameters = dict[str, bool | int | Number | str]


class Baseline(Frozen):
    """Always answering the training part's largest class: its label, its name, and the accuracy on the test part."""

    label: Count
    name: str
    accuracy: Share


class Centroid(Frozen):
    """Answering the class whose mean training image is nearest to the image: the accuracy on the test part."""

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
        trained_in: the run that trained it: this one, or an earlier one whose artifact this run reused.
        balanced_accuracy, precision_macro, f1_macro: means of recall, precision and F1 over the classes that the test
            part has.
        top5_accuracy: how often the true class is among the five most probable; null with no more than five classes.
        calibration_error: the expected one, over 15 bins of the confidence.
        brier: the Brier score, summed over the classes: from 0 to 2; null where an earlier release evaluated.
        temperature: what its logits are divided by, fitted on its validation part; 1 changes nothing.
        calibrated_error, calibrated_brier, calibrated_log_loss: as those above, at that temperature. All four are null
            where an earlier release evaluated.
        classes_predicted: how many classes it answered at least once; 1 when it always gave the same answer.
        train_seconds: wall time of training; set-up (building, compiling) and validation are apart.
        cpu_seconds, energy_joules: of what `train_seconds` are; the energy is that of the machine's processors (RAPL),
            and null where a GPU was used, whose energy is not measured.
        peak_memory_bytes: the most that the process of the training held; gpus: how many GPUs it held.
        inference_seconds_per_image: on the wall's clock, in big batches, with all that `evaluate` may use.
        latency_seconds, batch_latency_seconds: processor seconds of one thread for one image, predicted alone and in a
            batch of 256.
        flops: of one forward pass of one image; two for a multiplication with an addition.
            A number that an earlier release did not measure, or that this machine cannot, is null.
        predictions: the store's key of an .npz with y_true, y_pred (uint16 [n]) and y_prob (float32 [n, k]).
        predictions_sha256: of that file.
        digests: artifact keys by stage.
        hyperparameters: those that its own search chose; empty where all replicates share one search.
    """

    seed: int
    parameters: Count
    trained_in: str
    accuracy: Share
    balanced_accuracy: Share
    f1_macro: Share
    precision_macro: Share
    top5_accuracy: Share | None = None
    calibration_error: Share
    brier: Annotated[Number, Field(ge=0, le=2)] | None = None
    log_loss: Number
    temperature: Annotated[Number, Field(gt=0)] | None = None
    calibrated_error: Share | None = None
    calibrated_brier: Annotated[Number, Field(ge=0, le=2)] | None = None
    calibrated_log_loss: Number | None = None
    classes_predicted: Count
    val_accuracy: Known
    train_seconds: Number
    setup_seconds: Number
    validation_seconds: Number
    cpu_seconds: Amount | None = None
    energy_joules: Amount | None = None
    peak_memory_bytes: Count | None = None
    gpus: Count | None = None
    inference_seconds_per_image: Number
    latency_seconds: Amount | None = None
    batch_latency_seconds: Amount | None = None
    flops: Count | None = None
    model_bytes: Count
    predictions: str
    predictions_sha256: Sha256
    digests: dict[str, str]
    hyperparameters: Hyperparameters = Field(default_factory=dict)
    history: tuple[Epoch, ...]


class Trial(Frozen):
    """One trial of a search; `score` is its validation accuracy, `chosen` marks the one that is trained.

    `error` says why a trial failed, or why it was stopped early: then it has no score.

    `search` is the seed of the replicate whose own search it belongs to; null where all replicates share one.
    """

    search: int | None = None
    number: Count
    hyperparameters: Hyperparameters
    parameters: Count | None
    score: Known
    seconds: Number
    cpu_seconds: Known = None
    seed: int
    epochs: Count
    status: Literal["done", "failed", "stopped"]
    error: str | None = None
    chosen: bool = False


class Earlier(Frozen):
    """A model that was trained on the version of the data before, measured on the present test part.

    Attributes:
        version: the one that it was trained on; null where that is not known.
        present: the version of the test part, and of the model that it is compared with.
        seed: of both models.
        reason: why nothing was compared; null where something was.
        accuracy, present_accuracy: of the earlier and of the present model.
        test: the present model as the family, the earlier one as the reference.
        predictions, predictions_sha256: of the earlier model, as those of a replicate.
    """

    version: str | None
    present: str | None
    seed: int
    reason: str | None = None
    accuracy: Share | None = None
    present_accuracy: Share | None = None
    test: SeedTest | None = None
    predictions: str | None = None
    predictions_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _is_compared_or_says_why(self):
        if (self.test is None) != (self.reason is not None):
            raise ValueError(f"seed {self.seed}: expected either a test of the earlier model or a reason")
        return self


class Model(Frozen):
    """One family on one dataset: a row of the report, also when it failed.

    Attributes:
        status: done; failed, with `error` saying where and why; or missing, when no stage of it left a record.
        parameters, train_seconds, accuracy, f1_macro: means over the replicates; null unless done. `spread` has more.
        spread: the numbers of the replicates, by their names.
        accuracy_interval: of the mean accuracy, over seeds and examples.
        margin: how far the mean accuracy is above the baseline; null where that is not known.
        never_predicted: classes of the test part that no replicate answered for any example.
        calibration: the answers of all replicates by their confidence; null where an earlier release evaluated.
        calibrated: the same, each replicate at its temperature; null where an earlier release evaluated.
        confusion: the cells of the confusion matrix that are not 0, summed over the replicates: the labels of the true
            and of the predicted class, and the number of examples.
        most_confused: the largest shares of the true class, 5; with more than 25 classes, where a class has few
            examples, the 20 largest numbers.
        hyperparameters: those that the search chose; empty where each replicate has a search of its own.
        earlier: the model of the version before, for a dataset whose data may change.
        spending: what its searches and one of its trainings took.
        test_part: a digest of the test part that it was measured on; null in a report that does not know it.
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
    calibration: Calibration | None = None
    calibrated: Calibration | None = None
    confusion: Cells = ()
    most_confused: tuple[Confusion, ...] = ()
    classes: tuple[ClassScore, ...] = ()
    replicates: tuple[Replicate, ...] = ()
    hyperparameters: Hyperparameters = Field(default_factory=dict)
    trials: tuple[Trial, ...] = ()
    earlier: Earlier | None = None
    spending: Spending = Spending()
    test_part: str | None = None

    @property
    def searches(self) -> list[tuple[int | None, list[Trial]]]:
        """The trials of every search, with the seed of the replicate whose own it is; None of one that all share."""
        return [(seed, list(trials)) for seed, trials in groupby(self.trials, key=lambda trial: trial.search)]

    @model_validator(mode="after")
    def _says_why(self):
        if self.status != "done" and not self.error:
            raise ValueError(f"{self.family}: expected the reason why the branch is {self.status}, received none")
        return self
