"""The search for hyper-parameters: Keras Tuner proposes, `tasks.training` trains, validation accuracy judges.

`search` offers the trials, `best` the one to train with. A trial that fails is recorded with its reason and the search
goes on. Keras Tuner's own extension points are used: an oracle proposes, a subclass of its Tuner runs the trials.
"""

import gc
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import keras
import keras_tuner
import numpy as np
from keras_tuner import oracles
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.errors import FailedTrialError
from pydantic import Field

from tasks.network import Description, assemble, core
from tasks.request import Augmentation, Frozen, Search, Training
from tasks.training import Arrays, Recipe, Report, fit, optimizer_space

OBJECTIVE = keras_tuner.Objective("val_accuracy", "max")


class Trial(Frozen):
    """What one trial tried and reached; `score` is its validation accuracy after the last epoch."""

    number: int = Field(ge=0)
    hyperparameters: dict[str, bool | int | float | str]
    parameters: int | None
    score: float | None
    seconds: float
    seed: int
    epochs: int
    status: Literal["done", "failed"]
    error: str | None = None


class Material(NamedTuple):
    """What every trial of a search shares."""

    description: Description
    train: Arrays
    validation: Arrays
    training: Training
    augmentation: Augmentation
    seed: int


class SearchError(RuntimeError):
    """No trial of a search succeeded."""


def search(
    material: Material,
    settings: Search,
    folder: Path,
    keep: Callable[[Trial], None],
    report: Report,
    finished: Sequence[Trial] = (),
) -> list[Trial]:
    """Run the trials that `settings` ask for; the same seed proposes the same trials.

    Args:
        material: the network without hyper-parameters, and what it learns from.
        folder: where Keras Tuner keeps its own files.
        keep: gets every trial as soon as it ends.
        report: gets a line an epoch.
        finished: trials of an interrupted search; proposed again, they are taken as they are.

    Raises:
        SearchError: every trial failed.
        ValueError: no widths meet the budget under the default hyper-parameters.
    """
    oracle = _oracle(settings, _space(material.description), material.seed)
    part = material._replace(train=_subset(material.train, settings.fraction, material.seed))
    tuner = _Tuner(oracle, part, settings, (keep, report), finished, folder)
    oracle.verbose = 0
    tuner.search()
    if all(trial.status == "failed" for trial in tuner.records):
        reasons = sorted({str(trial.error) for trial in tuner.records})
        raise SearchError(f"expected a trial that succeeds, received {len(tuner.records)} that failed: {reasons[0]}")
    return tuner.records


def best(trials: Sequence[Trial]) -> Trial:
    """The trial of the highest score, the earlier one of equals."""
    return max((trial for trial in trials if trial.score is not None), key=lambda trial: (trial.score, -trial.number))


def _space(description: Description) -> keras_tuner.HyperParameters:
    """The family's space and the optimizer's, each at its defaults."""
    hp = keras_tuner.HyperParameters()
    core(description, hp)
    optimizer_space(hp)
    return hp


class _DefaultsFirst(keras_tuner.Oracle):
    """The first trial is the declared defaults, so that a short search ends no lower than what is known to work."""

    def populate_space(self, trial_id: str) -> dict:
        if not self.trials:
            return {"status": TrialStatus.RUNNING, "values": dict(self.get_space().values)}
        return super().populate_space(trial_id)


class _Random(_DefaultsFirst, oracles.RandomSearchOracle):
    pass


class _Bayesian(_DefaultsFirst, oracles.BayesianOptimizationOracle):
    pass


def _oracle(settings: Search, space: keras_tuner.HyperParameters, seed: int) -> keras_tuner.Oracle:
    """The proposer. Failures never stop it, and its seed is never 0, which Keras Tuner takes for none."""
    common = {
        "objective": OBJECTIVE,
        "hyperparameters": space,
        "seed": seed + 1,
        "max_consecutive_failed_trials": settings.trials + 1,
    }
    if settings.tuner == "random":
        return _Random(max_trials=settings.trials, **common)
    if settings.tuner == "bayesian":
        # Keras Tuner would try three random points a dimension, which is more than most searches have.
        return _Bayesian(max_trials=settings.trials, num_initial_points=max(3, settings.trials // 3), **common)
    oracle = oracles.HyperbandOracle(max_epochs=settings.epochs, **common)
    oracle.max_trials = settings.trials  # for every family the same, however its brackets fall
    return oracle


class _Tuner(keras_tuner.Tuner):
    """Runs what the oracle proposes, and keeps our own record of it."""

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        material: Material,
        settings: Search,
        observers: tuple[Callable[[Trial], None], Report],
        finished: Sequence[Trial],
        folder: Path,
    ):
        super().__init__(oracle, directory=str(folder), project_name="tuner", overwrite=True)
        self.records: list[Trial] = []
        self._material, self._settings = material, settings
        self._keep, self._report = observers
        self._finished = {trial.number: trial for trial in finished}

    def run_trial(self, trial: keras_tuner.engine.trial.Trial) -> dict[str, float | None]:
        """Train once and return the score, or fail with the reason."""
        values = dict(trial.hyperparameters.values)
        epochs = values.get("tuner/epochs", self._settings.epochs)  # Hyperband's share; every rung starts afresh
        values = {name: value for name, value in values.items() if not name.startswith("tuner/")}
        record = self._remembered(values, epochs) or self._tried(values, epochs)
        self.records.append(record)
        if record.status == "failed":
            raise FailedTrialError(record.error)
        return {OBJECTIVE.name: record.score}

    def on_trial_end(self, trial: keras_tuner.engine.trial.Trial) -> None:
        """Outside of what Keras Tuner catches: a record that cannot be kept ends the search."""
        super().on_trial_end(trial)
        if self.records[-1].number not in self._finished:
            self._keep(self.records[-1])

    def _remembered(self, values: dict, epochs: int) -> Trial | None:
        """The finished trial of this number, if it is the one that is proposed."""
        known = self._finished.get(len(self.records))
        same = known and (known.hyperparameters, known.epochs, known.seed) == (values, epochs, self._material.seed)
        if not same:
            self._finished.pop(len(self.records), None)
        return known if same else None

    def _tried(self, values: dict, epochs: int) -> Trial:
        start = time.perf_counter()
        outcome = self._outcome(values, epochs)
        return Trial(
            number=len(self.records),
            hyperparameters=values,
            seconds=time.perf_counter() - start,
            seed=self._material.seed,
            epochs=epochs,
            **outcome,
        )

    def _outcome(self, values: dict, epochs: int) -> dict:
        """Train once; whatever goes wrong is the trial's reason, and the next one starts from a clean slate."""
        description = self._material.description.with_hyperparameters(values)
        try:
            fitted = fit(partial(assemble, description), *self._arrays(), self._recipe(values, epochs), self._progress)
        except Exception as error:  # the search outlives any one trial
            return {"status": "failed", "error": _reason(error), "parameters": None, "score": None}
        finally:
            keras.utils.clear_session()
            gc.collect()
        score = fitted.history[-1]["val_accuracy"]
        return {"status": "done", "parameters": fitted.model.count_params(), "score": score}

    def _arrays(self) -> tuple[Arrays, Arrays]:
        return self._material.train, self._material.validation

    def _recipe(self, values: dict, epochs: int) -> Recipe:
        training = self._material.training.model_copy(update={"epochs": epochs})
        return Recipe(training, self._material.augmentation, values, self._material.seed)

    def _progress(self, line: str) -> None:
        self._report(f"trial {len(self.records) + 1}/{self._settings.trials}, {line}")


def _reason(error: Exception) -> str:
    """The error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def _subset(arrays: Arrays, fraction: float, seed: int) -> Arrays:
    """A seeded share of every class, at least one image of each; everything for a fraction of 1."""
    images, labels = arrays
    if fraction == 1:
        return arrays
    order = np.random.default_rng(seed).permutation(len(labels))
    rows = [order[labels[order] == label] for label in np.unique(labels)]
    chosen = np.sort(np.concatenate([row[: max(1, round(fraction * len(row)))] for row in rows]))
    return images[chosen], labels[chosen]
